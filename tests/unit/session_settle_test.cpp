// Contract 5.0, 5.3 and 9: every request is settled exactly once.

#include <array>
#include <optional>

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

Settings with(Replay replay) {
  Settings settings = default_settings();
  settings.replay = replay;
  return settings;
}

Settings with(Protocol protocol) {
  Settings settings = default_settings();
  settings.protocol = protocol;
  return settings;
}

Settings with(ToolErrors tool_errors) {
  Settings settings = default_settings();
  settings.tool_errors = tool_errors;
  return settings;
}

TEST_CASE("session 5.0: while ready a request goes out at once and its answer comes back, byte for byte") {
  const std::array texts{
      R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a"}})",
      R"( { "id" : 7 , "jsonrpc":"2.0", "method":"tools\/call" }	)",
      R"({"method":"x/\u0079","id":7,"jsonrpc":"2.0","params":[1e999,-0.0,9007199254740993]})",
      R"({"jsonrpc":"2.0","id":7,"method":"m","params":{"lone":"\ud800","a":1,"a":2,"é":"\/"}})",
  };
  const std::array answers{
      R"({"jsonrpc":"2.0","id":7,"result":{}})",
      R"(  {"result":[1e-999, 1E+400],"id":7  ,"jsonrpc":"2.0"} )",
      R"({"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"\ud800","data":[[]]}})",
      R"({"jsonrpc":"2.0","id":7,"result":null,"extra":{"id":8}})",
  };
  Driver d;
  d.go_ready();
  for (const std::string text : texts) {
    for (const std::string back : answers) {
      CAPTURE(text);
      CAPTURE(back);
      d.forget();
      d.host(text);
      CHECK(d.take_link() == std::vector{text});
      d.backend(back);
      CHECK(d.take_host() == std::vector{back});
      CHECK(d.session.pending().empty());
    }
  }
}

TEST_CASE("session 5.0: line breaks inside a backend frame become spaces, all else stays") {
  Driver d;
  d.go_ready();
  d.host(request("7", "m"));
  d.forget();
  d.backend("{\"jsonrpc\":\"2.0\",\r\n\t\"id\":7,\n\"result\":\"a\\nb\"}\n");
  CHECK(d.one_host_line() == "{\"jsonrpc\":\"2.0\",  \t\"id\":7, \"result\":\"a\\nb\"} ");
  d.backend("{\"jsonrpc\":\"2.0\",\n\"method\":\"note\"}");
  CHECK(d.one_host_line() == R"({"jsonrpc":"2.0", "method":"note"})");
  d.backend("{\"jsonrpc\":\"2.0\",\n\"method\":\"roots/list\",\r\"id\":0}");
  const std::string asked = d.one_host_line();
  CHECK(asked.find_first_of("\r\n") == std::string::npos);
  CHECK(method_of(asked) == "roots/list");
}

TEST_CASE("session 5.0: ids keep their type and spelling") {
  const std::array ids{"1", "\"1\"", "1.0", "-1", "1e0", "\"\"", "\" 1\"", "9007199254740993", "1E0"};
  Driver d;
  d.go_ready();
  for (const char* id : ids) d.host(request(id, "tools/call"));
  CHECK(d.session.pending().size() == ids.size());
  CHECK(d.take_host().empty());
  for (const char* id : ids) {
    CAPTURE(id);
    d.backend(answer(id));
    CHECK(d.one_host_line() == answer(id));
  }
  CHECK(d.session.pending().empty());
}

TEST_CASE("session 5.0: the same id in two spellings of its string is one id") {
  Driver d;
  d.go_ready();
  d.host(request(R"("a\u0062")", "m"));
  d.host(request(R"("ab")", "m"));
  const Settled refused = settled(d.one_host_line());
  CHECK(refused.code == -32600);
  CHECK(refused.id == R"("ab")");
  d.backend(answer(R"("\u0061b")"));
  CHECK(d.take_host().size() == 1);
  CHECK(d.session.pending().empty());
}

TEST_CASE("session 5.0: reuse of an id that is still pending is -32600 and does the first no harm") {
  Driver d;
  SUBCASE("queued") {}
  SUBCASE("in flight") { d.go_ready(); }
  d.forget();
  d.host(request("1", "m", R"({"n":1})"));
  d.host(request("1", "m", R"({"n":2})"));
  const Settled refused = settled(d.one_host_line());
  CHECK(refused.code == -32600);
  CHECK(refused.id == "1");
  if (d.session.phase() != Phase::ready) d.go_ready();
  CHECK(d.take_link() == std::vector{request("1", "m", R"({"n":1})")});
  d.backend(answer("1"));
  CHECK(d.one_host_line() == answer("1"));

  d.host(request("1", "m", R"({"n":3})"));  // settled: the id is free again
  CHECK(d.take_link().size() == 1);
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.0: answers to nothing in flight on the current link are dropped and counted") {
  Driver d;
  d.go_ready();
  d.host(request("1", "tools/list"));
  d.forget();
  struct Row {
    const char* name;
    std::string text;
  };
  const std::array rows{
      Row{"unknown", answer("2")},
      Row{"of another type", answer("\"1\"")},
      Row{"of another spelling", answer("1.0")},
      Row{"null", R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}})"},
  };
  std::uint64_t dropped = 0;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    d.backend(row.text);
    CHECK(d.take_host().empty());
    CHECK(d.dropped(Drop::unknown_answer) == ++dropped);
  }
  d.backend(answer("1"));
  CHECK(d.one_host_line() == answer("1"));
  SUBCASE("repeated") {
    d.backend(answer("1"));
    CHECK(d.take_host().empty());
    CHECK(d.dropped(Drop::unknown_answer) == ++dropped);
  }
  SUBCASE("late, of a link that is gone") {
    d.host(request("3", "tools/list"));
    d.lose();
    d.feed(event::LinkMessage{1, answer("3")});
    d.go_ready();
    d.feed(event::LinkMessage{1, answer("3")});  // a stale epoch stops at the door
    CHECK(d.take_host().empty());
    d.backend(answer("3"));
    CHECK(d.take_host().size() == 1);
  }
  SUBCASE("to one that is queued") {
    d.lose();
    d.host(request("4", "m"));
    d.until_connecting();
    d.opened();
    d.backend(answer("4"));  // a backend that answers what it was not asked
    CHECK(d.take_host().empty());
    CHECK(d.dropped(Drop::unknown_answer) == ++dropped);
    d.pong();
    d.backend(answer("4"));
    CHECK(d.one_host_line() == answer("4"));
  }
}

TEST_CASE("session 5.3: what happens to a request in flight when its link is lost") {
  enum class Fate { unknown, replayed };
  struct Row {
    const char* method;
    Fate safe;
  };
  const std::array rows{
      Row{"tools/list", Fate::replayed},
      Row{"prompts/list", Fate::replayed},
      Row{"prompts/get", Fate::replayed},
      Row{"resources/list", Fate::replayed},
      Row{"resources/templates/list", Fate::replayed},
      Row{"resources/read", Fate::replayed},
      Row{"completion/complete", Fate::replayed},
      Row{"server/discover", Fate::replayed},
      Row{"logging/setLevel", Fate::replayed},
      Row{"resources/subscribe", Fate::replayed},
      Row{"resources/unsubscribe", Fate::replayed},
      Row{"tools/call", Fate::unknown},
      Row{"tasks/get", Fate::unknown},
      Row{"Tools/List", Fate::unknown},
      Row{"tools/list ", Fate::unknown},
      Row{"", Fate::unknown},
  };
  for (const Row& row : rows) {
    for (const Replay replay : {Replay::safe, Replay::never, Replay::always}) {
      CAPTURE(row.method);
      CAPTURE(static_cast<int>(replay));
      const Fate fate = replay == Replay::safe    ? row.safe
                        : replay == Replay::never ? Fate::unknown
                                                  : Fate::replayed;
      Driver d(with(replay));
      d.establish();
      const std::string text = request("5", row.method);
      d.host(text);
      CHECK(d.take_link() == std::vector{text});
      d.lose();
      if (fate == Fate::unknown) {
        const Settled told = settled(d.one_host_line());  // in the very turn of the loss
        CHECK(told.id == "5");
        CHECK(told.reason == "outcome-unknown");
        CHECK(told.delivered);
        CHECK_FALSE(told.retryable);
        d.go_ready();
        for (const std::string& sent : d.take_link()) CHECK(sent != text);
        CHECK(d.session.counters().replays == 0);
      } else {
        CHECK(d.take_host().empty());
        d.go_ready();
        CHECK(d.take_link().back() == text);
        CHECK(d.session.counters().replays == 1);
        d.backend(answer("5"));
        CHECK(d.one_host_line() == answer("5"));
      }
      CHECK(d.answers_to("5") == 1);
      CHECK(d.session.pending().empty());
    }
  }
}

TEST_CASE("session 5.3: a tools/call in flight when its link is lost is settled with outcome-unknown") {
  Driver d;
  d.establish();
  d.host(request("5", "tools/call"));
  d.forget();
  d.lose({.cause = Cause::closed, .detail = "1006"});
  const std::string line = d.one_host_line();
  const Settled told = settled(line);
  CHECK(told.reason == "outcome-unknown");
  CHECK(told.is_tool_result);
  CHECK(told.data["source"] == "mcp-ws-shim");
  CHECK(told.data["last_error"] == "closed: 1006");
  CHECK(json::parse(line)["result"]["content"][0]["type"] == "text");
}

TEST_CASE("session 5.3: a request is replayed once only") {
  for (const Replay replay : {Replay::safe, Replay::always}) {
    CAPTURE(static_cast<int>(replay));
    Driver d(with(replay));
    d.go_ready();
    d.host(request("5", "tools/list"));
    d.lose();
    d.go_ready();
    CHECK(d.take_link() == std::vector(2, request("5", "tools/list")));
    CHECK(d.take_host().empty());
    d.lose();
    const Settled told = settled(d.one_host_line());
    CHECK(told.code == 31002);
    CHECK(told.reason == "outcome-unknown");
    d.go_ready();
    CHECK(d.take_link().empty());
    CHECK(d.session.counters().replays == 1);
  }
}

TEST_CASE("session 5.3: a replay that finds no link ready within --queue-timeout is settled") {
  Driver d;
  d.go_ready();
  d.host(request("5", "tools/list"));
  d.forget();
  d.lose();
  d.advance(d.settings.queue_timeout - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  const Settled told = settled(d.one_host_line());
  CHECK(told.id == "5");
  d.go_ready();
  CHECK(d.take_link().empty());
}

TEST_CASE("session 5.3: requests that were in flight keep their order, before what came later") {
  Driver d;
  d.go_ready();
  for (int i = 1; i <= 20; ++i) d.host(request(std::to_string(i), "tools/list"));
  d.forget();
  d.lose();
  d.host(request("21", "tools/call"));
  d.go_ready();
  const auto sent = d.take_link();
  REQUIRE(sent.size() == 21);
  for (std::size_t i = 0; i < sent.size(); ++i) CHECK(id_of(sent[i]) == std::to_string(i + 1));
}

TEST_CASE("session 5.3: settled requests are told in the order the host sent them") {
  Driver d;
  d.go_ready();
  for (int i = 1; i <= 20; ++i) d.host(request(std::to_string(i), "tools/call"));
  d.forget();
  d.lose();
  const auto told = d.take_host();
  REQUIRE(told.size() == 20);
  for (std::size_t i = 0; i < told.size(); ++i) CHECK(id_of(told[i]) == std::to_string(i + 1));
}

TEST_CASE("session 5.2: with --protocol jsonrpc no method name means anything") {
  for (const Replay replay : {Replay::safe, Replay::always}) {
    Settings settings = with(Protocol::jsonrpc);
    settings.replay = replay;
    Driver d(settings);
    d.host(request("1", "ping"));
    CHECK(d.take_host().empty());  // no local answers
    d.go_ready();
    CHECK(d.take_link() == std::vector{request("1", "ping")});
    d.backend(answer("1"));
    CHECK(d.one_host_line() == answer("1"));

    d.host(initialize("2"));
    d.backend(initialize_answer("2"));
    CHECK(d.take_host().size() == 1);
    for (const char* method : {"tools/list", "tools/call", "initialize", "ping"}) {
      CAPTURE(method);
      d.host(request("3", method));
      d.forget();
      d.lose();
      const Settled told = settled(d.one_host_line());
      CHECK(told.code == 31002);  // no replay, and no tool result
      d.until_connecting();
      d.opened();
      d.pong();
      CHECK(d.session.phase() == Phase::ready);  // no resume
      CHECK(d.take_link().empty());
    }
    // Neither cancellation nor progress is looked at.
    d.host(request("4", "m"));
    d.host(cancel("4"));
    d.host(cancel("77"));
    CHECK(d.take_link() == std::vector{request("4", "m"), cancel("4"), cancel("77")});
    d.backend(answer("4"));
    d.backend(progress("9"));
    d.backend(cancel("9"));
    CHECK(d.take_host() == std::vector{answer("4"), progress("9"), cancel("9")});
  }
}

TEST_CASE("session 5.2: with --protocol jsonrpc queueing and settling stay") {
  Driver d(with(Protocol::jsonrpc));
  d.host(request("1", "initialize"));
  d.advance(d.settings.queue_timeout);
  const Settled told = settled(d.one_host_line());
  CHECK(told.code == 31001);  // initialize waits no longer than others here
}

TEST_CASE("session 5.1: the host's ping is answered by the shim in every phase") {
  Driver d;
  int id = 0;
  const auto ping = [&] {
    const std::string text = std::to_string(++id);
    d.forget();
    d.host(request(text, "ping"));
    CHECK(d.one_host_line() == answer(text));
    CHECK(d.take_link().empty());
    CHECK(d.session.pending().empty());
  };
  CHECK(d.session.phase() == Phase::connecting);
  ping();
  d.lose();
  CHECK(d.session.phase() == Phase::waiting);
  ping();
  d.until_connecting();
  d.opened();
  CHECK(d.session.phase() == Phase::validating);
  ping();
  d.pong();
  CHECK(d.session.phase() == Phase::ready);
  ping();
  d.establish();
  d.lose();
  d.validate();
  CHECK(d.session.phase() == Phase::resuming);
  ping();
  d.host(R"({"jsonrpc":"2.0","id":"p","method":"pin\u0067","params":{"_meta":{}}})");
  CHECK(d.one_host_line() == answer("\"p\""));
}

TEST_CASE("session 5.0: cancelling a queued request removes it silently") {
  Driver d;
  d.host(request("1", "m"));
  d.host(request("\"1\"", "m"));
  d.host(cancel("1"));
  CHECK(d.session.pending().size() == 1);
  CHECK(d.session.outbox().count() == 1);
  d.go_ready();
  CHECK(d.take_link() == std::vector{request("\"1\"", "m")});
  d.advance(d.settings.queue_timeout + 1s);
  CHECK(d.answers_to("1") == 0);
}

TEST_CASE("session 5.0: cancelling a request in flight is forwarded, and its answer is dropped") {
  Driver d;
  d.go_ready();
  d.host(request("1", "m"));
  d.forget();
  d.host(cancel("1"));
  CHECK(d.take_link() == std::vector{cancel("1")});
  d.backend(answer("1"));
  CHECK(d.take_host().empty());
  CHECK(d.dropped(Drop::unknown_answer) == 1);
  d.lose();
  CHECK(d.take_host().empty());
  CHECK(d.answers_to("1") == 0);
}

TEST_CASE("session 5.0: cancelling a replay that waits for a link removes it silently") {
  Driver d;
  d.go_ready();
  d.host(request("1", "tools/list"));
  d.lose();
  d.forget();
  d.host(cancel("1"));
  d.go_ready();
  CHECK(d.take_link().empty());
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.0: a cancellation of what is not pending is dropped and counted") {
  Driver d;
  d.go_ready();
  d.host(request("1", "m"));
  d.forget();
  const std::array texts{
      cancel("2"), cancel("\"1\""), cancel("null"), notify("notifications/cancelled"),
      notify("notifications/cancelled", "{}"), notify("notifications/cancelled", "[1]"),
  };
  std::uint64_t dropped = 0;
  for (const std::string& text : texts) {
    CAPTURE(text);
    d.host(text);
    CHECK(d.take_link().empty());
    CHECK(d.take_host().empty());
    CHECK(d.dropped(Drop::unknown_cancel) == ++dropped);
  }
  CHECK(d.session.pending().size() == 1);
}

TEST_CASE("session 5.0: initialize cannot be cancelled") {
  Driver d;
  SUBCASE("queued") { d.host(initialize("1")); }
  SUBCASE("in flight") {
    d.go_ready();
    d.host(initialize("1"));
  }
  d.forget();
  d.host(cancel("1"));
  CHECK(d.dropped(Drop::unknown_cancel) == 1);
  CHECK(d.session.pending().size() == 1);
}

TEST_CASE("session 5.0: progress for a token that is not pending is dropped and counted") {
  Driver d;
  d.establish();
  d.host(request_with_token("1", "\"t\""));
  d.host(request_with_token("2", "7"));
  d.host(request_with_token("3", "7"));  // two requests may share one
  d.forget();
  std::uint64_t dropped = 0;
  const auto passes = [&](const std::string& text) {
    CAPTURE(text);
    d.backend(text);
    CHECK(d.take_host() == std::vector{text});
  };
  const auto is_dropped = [&](const std::string& text) {
    CAPTURE(text);
    d.backend(text);
    CHECK(d.take_host().empty());
    CHECK(d.dropped(Drop::unknown_progress) == ++dropped);
  };
  passes(progress("\"t\""));
  passes(progress(R"("\u0074")"));
  passes(progress("7"));
  is_dropped(progress("\"7\""));
  is_dropped(progress("7.0"));
  is_dropped(progress("8"));
  is_dropped(notify("notifications/progress", R"({"progress":1})"));
  is_dropped(notify("notifications/progress"));
  d.backend(answer("1"));
  d.forget();
  is_dropped(progress("\"t\""));
  d.backend(answer("2"));
  d.forget();
  passes(progress("7"));  // the other request still carries it
  d.host(cancel("3"));
  is_dropped(progress("7"));
}

TEST_CASE("session 11: a backend message that is no valid answer settles the request it names") {
  struct Row {
    const char* name;
    std::string text;
  };
  const std::array rows{
      Row{"neither result nor error", R"({"jsonrpc":"2.0","id":7})"},
      Row{"both", R"({"jsonrpc":"2.0","id":7,"result":1,"error":{"code":1,"message":""}})"},
      Row{"error is no object", R"({"jsonrpc":"2.0","id":7,"error":"no"})"},
      Row{"error without a code", R"({"jsonrpc":"2.0","id":7,"error":{"message":"m"}})"},
      Row{"error with a fractional code", R"({"jsonrpc":"2.0","id":7,"error":{"code":1.5,"message":"m"}})"},
      Row{"error without a message", R"({"jsonrpc":"2.0","id":7,"error":{"code":1}})"},
      Row{"no jsonrpc", R"({"id":7,"result":1})"},
      Row{"jsonrpc 1.0", R"({"jsonrpc":"1.0","id":7,"result":1})"},
      Row{"result twice", R"({"jsonrpc":"2.0","id":7,"result":1,"result":2})"},
      Row{"id twice, the same", R"({"jsonrpc":"2.0","id":7,"id":7,"result":2})"},
      Row{"cut off", R"({"jsonrpc":"2.0","id":7,"result":{"a":[1,2)"},
      Row{"trailing bytes", R"({"jsonrpc":"2.0","id":7,"result":1}x)"},
      Row{"a trailing comma", R"({"jsonrpc":"2.0","id":7,"result":1,})"},
      Row{"invalid UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\xff\"}"},
      Row{"an overlong encoding", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\xc0\xaf\"}"},
      Row{"a control character in a string", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\x01\"}"},
      Row{"NaN", R"({"jsonrpc":"2.0","id":7,"result":NaN})"},
      Row{"too deep", R"({"jsonrpc":"2.0","id":7,"result":)" + std::string(128, '[') +
                          std::string(128, ']') + "}"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d(with(ToolErrors::error));
    d.establish();
    d.host(request("7", "tools/call"));
    d.host(request("8", "tools/call"));
    d.forget();
    d.backend(row.text);
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == "7");
    CHECK(told.code == 31007);
    CHECK(told.reason == "bad-backend-message");
    CHECK(told.delivered);
    CHECK_FALSE(told.retryable);
    CHECK(d.dropped(Drop::bad_backend_message) == 1);
    CHECK(d.session.phase() == Phase::ready);
    CHECK(d.session.pending().size() == 1);
    d.backend(answer("7"));
    CHECK(d.take_host().empty());
    CHECK(d.answers_to("7") == 1);
  }
}

TEST_CASE("session 11: a bad backend message that names nothing in flight settles nothing") {
  struct Row {
    const char* name;
    std::string text;
  };
  const std::array rows{
      Row{"empty", ""},
      Row{"blank", "  "},
      Row{"a scalar", "7"},
      Row{"a string", "\"7\""},
      Row{"an empty object", "{}"},
      Row{"a byte order mark", "\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"method\":\"m\"}"},
      Row{"another id", R"({"jsonrpc":"2.0","id":9})"},
      Row{"an id of another type", R"({"jsonrpc":"2.0","id":"7"})"},
      Row{"an id below the top level", R"({"jsonrpc":"2.0","x":{"id":7}})"},
      Row{"a bad request", R"({"jsonrpc":"2.0","id":7,"method":5})"},
      Row{"a request with a null id", R"({"jsonrpc":"2.0","id":null,"method":"m"})"},
      Row{"a request cut off", R"({"jsonrpc":"2.0","method":"m","id":7,"params":{)"},
      Row{"two values", R"({} {})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.establish();
    d.host(request("7", "tools/call"));
    d.forget();
    d.backend(row.text);
    CHECK(d.take_host().empty());
    CHECK(d.take_link().empty());
    CHECK(d.dropped(Drop::bad_backend_message) == 1);
    CHECK(d.session.pending().size() == 1);
    CHECK(d.session.phase() == Phase::ready);
    d.backend(answer("7"));
    CHECK(d.one_host_line() == answer("7"));
  }
}

TEST_CASE("session 11: an answer that is too long settles its request, a binary frame nothing") {
  Driver d;
  d.establish();
  d.host(request("7", "resources/read"));
  d.forget();
  d.feed(event::LinkBinary{d.session.epoch()});
  CHECK(d.take_host().empty());
  CHECK(d.dropped(Drop::binary_frame) == 1);

  IdScanner note;
  note.feed(R"({"jsonrpc":"2.0","method":"m","id":7,"params":"xx)");
  d.feed(event::LinkMessageTooLong{d.session.epoch(), note});
  CHECK(d.take_host().empty());

  IdScanner found;
  found.feed(R"({"jsonrpc":"2.0","id":7,"result":"xx)");
  d.feed(event::LinkMessageTooLong{d.session.epoch() - 1, found});  // a stale link
  CHECK(d.take_host().empty());
  d.feed(event::LinkMessageTooLong{d.session.epoch(), found});
  CHECK(settled(d.one_host_line()).code == 31007);
  CHECK(d.dropped(Drop::bad_backend_message) == 2);
}

TEST_CASE("session 9: --tool-errors decides the form in which a failed tools/call is settled") {
  struct Row {
    const char* name;
    ToolErrors tool_errors;
    Protocol protocol;
    std::string text;
    bool tool_result;
    bool complete;
  };
  const std::array rows{
      Row{"legacy, result", ToolErrors::result, Protocol::automatic, request("1", "tools/call"), true, false},
      Row{"modern, result", ToolErrors::result, Protocol::automatic, modern_request("1", "tools/call"), true, true},
      Row{"mcp, result", ToolErrors::result, Protocol::mcp, request("1", "tools/call"), true, false},
      Row{"error", ToolErrors::error, Protocol::automatic, request("1", "tools/call"), false, false},
      Row{"modern, error", ToolErrors::error, Protocol::automatic, modern_request("1", "tools/call"), false, false},
      Row{"another method", ToolErrors::result, Protocol::automatic, request("1", "tools/get"), false, false},
      Row{"jsonrpc", ToolErrors::result, Protocol::jsonrpc, request("1", "tools/call"), false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Settings settings = default_settings();
    settings.tool_errors = row.tool_errors;
    settings.protocol = row.protocol;
    Driver d(settings);
    d.host(row.text);
    d.advance(settings.queue_timeout);
    const std::string line = d.one_host_line();
    const Settled told = settled(line);
    CHECK(told.is_tool_result == row.tool_result);
    CHECK(told.code == (row.tool_result ? 0 : 31001));
    CHECK(told.reason == "backend-unavailable");
    CHECK_FALSE(told.delivered);
    CHECK(told.retryable);
    CHECK((line.find(R"("resultType":"complete")") != std::string::npos) == row.complete);
  }
}

TEST_CASE("session 3: a line that is no JSON-RPC message is answered with an error") {
  struct Row {
    const char* name;
    std::string text;
    int code;
    std::string id;
  };
  const std::array rows{
      Row{"no JSON", "hello", -32700, "null"},
      Row{"cut off", R"({"jsonrpc":"2.0","id":4,"method":"m","params":{)", -32700, "4"},
      Row{"a string id", R"({"jsonrpc":"2.0","id":"x","method":"m",})", -32700, "\"x\""},
      Row{"two values", "{} {}", -32700, "null"},
      Row{"invalid UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"\xff\"}", -32700, "4"},
      Row{"a byte order mark", "\xef\xbb\xbf{}", -32700, "null"},
      Row{"a NUL", std::string("{}\0", 3), -32700, "null"},
      Row{"a scalar", "4", -32600, "null"},
      Row{"null", "null", -32600, "null"},
      Row{"an empty object", "{}", -32600, "null"},
      Row{"no jsonrpc", R"({"id":4,"method":"m"})", -32600, "4"},
      Row{"jsonrpc a number", R"({"jsonrpc":2.0,"id":4,"method":"m"})", -32600, "4"},
      Row{"a method that is no string", R"({"jsonrpc":"2.0","id":4,"method":1})", -32600, "4"},
      Row{"an id null", R"({"jsonrpc":"2.0","id":null,"method":"m"})", -32600, "null"},
      Row{"an id true", R"({"jsonrpc":"2.0","id":true,"method":"m"})", -32600, "null"},
      Row{"an id object", R"({"jsonrpc":"2.0","id":{},"method":"m"})", -32600, "null"},
      Row{"an id array", R"({"jsonrpc":"2.0","id":[1],"method":"m"})", -32600, "null"},
      Row{"method twice", R"({"jsonrpc":"2.0","id":4,"method":"m","method":"m"})", -32600, "4"},
      Row{"too deep", R"({"jsonrpc":"2.0","id":4,"method":"m","params":)" + std::string(128, '[') +
                          std::string(128, ']') + "}", -32600, "4"},
  };
  for (const bool ready : {false, true}) {
    for (const Row& row : rows) {
      CAPTURE(row.name);
      CAPTURE(ready);
      Driver d;
      if (ready) d.go_ready();
      d.host(row.text);
      const Settled told = settled(d.one_host_line());
      CHECK(told.code == row.code);
      CHECK(told.id == row.id);
      CHECK(d.take_link().empty());
      CHECK(d.session.pending().empty());
    }
  }
}

TEST_CASE("session 3: an id that itself is no valid JSON is never written to the host") {
  // The driver checks that each line written is strictly valid JSON.
  const std::array ids{
      R"("a\q")", "\"a\xff\"", "\"a\x01\"", "\"a\xc0\xaf\"", R"("\u12")", "1-2", "01", "-", "+1",
      "1.", ".5",  "1e",        "e",         "--1",           "1 2",
  };
  for (const std::string id : ids) {
    CAPTURE(id);
    Driver d;
    d.host(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"m"})");
    const Settled told = settled(d.one_host_line());
    CHECK(told.code == -32700);
    CHECK(told.id == "null");
    IdScanner found;
    found.feed(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"m","params":"x)");
    d.feed(event::HostLineTooLong{found});
    CHECK(settled(d.one_host_line()).id == "null");
  }
}

TEST_CASE("session 3: the error for a broken line never settles a request that is pending") {
  const std::array texts{
      R"({"jsonrpc":"2.0","id":1,"method":"m",})",
      R"({"jsonrpc":"2.0","id":1,"method":5})",
      R"({"jsonrpc":"2.0","id":1,"id":1,"method":"m"})",
      R"({"jsonrpc":"2.0","id":2,"id":1,"method":"m"})",
  };
  for (const std::string text : texts) {
    CAPTURE(text);
    Driver d;
    d.host(request("1", "m"));
    d.host(text);
    CHECK(settled(d.one_host_line()).id == "null");
    d.go_ready();
    d.backend(answer("1"));
    CHECK(d.answers_to("1") == 1);
  }
}

TEST_CASE("session 3: a line over --max-message is answered with message-too-large") {
  struct Row {
    const char* name;
    std::string begin;
    std::string id;
    bool tool_result;
  };
  const std::array rows{
      Row{"a request", R"({"jsonrpc":"2.0","id":4,"method":"m","params":"x)", "4", false},
      Row{"a tools/call", R"({"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"x)", "\"a\"", true},
      Row{"a notification", R"({"jsonrpc":"2.0","method":"m","params":"x)", "null", false},
      Row{"no JSON", "xxxxx", "null", false},
      Row{"a tools/call whose id is pending", R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"x)", "null", false},
      Row{"a tools/call whose id was not found", R"({"jsonrpc":"2.0","method":"tools/call","params":{"x)", "null", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.host(request("1", "m"));
    IdScanner found;
    found.feed(row.begin);
    d.feed(event::HostLineTooLong{found});
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == row.id);
    CHECK(told.is_tool_result == row.tool_result);  // a result for id null is no answer at all
    CHECK(told.code == (row.tool_result ? 0 : 31005));
    CHECK(told.reason == "message-too-large");
    CHECK_FALSE(told.delivered);
    CHECK_FALSE(told.retryable);
    CHECK(d.session.pending().size() == 1);
    d.host(request("5", "ping"));
    CHECK(d.one_host_line() == answer("5"));  // and lives on
  }
}

TEST_CASE("session 9: a tools/call too long to read is settled in the form of its session's era") {
  IdScanner found;
  found.feed(R"({"jsonrpc":"2.0","id":4,"method":"tools/call","params":"x)");
  Driver d;
  SUBCASE("modern") {
    d.host(modern_request("1", "tools/list"));
    d.feed(event::HostLineTooLong{found});
    CHECK(json::parse(d.one_host_line())["result"].value("resultType", "") == "complete");
  }
  SUBCASE("legacy") {
    d.host(initialize("1"));
    d.feed(event::HostLineTooLong{found});
    CHECK_FALSE(json::parse(d.one_host_line())["result"].contains("resultType"));
  }
}

TEST_CASE("session 3: a batch of the host is taken apart, each answer its own line") {
  Driver d;
  d.go_ready();
  d.host("[" + request("1", "a") + " , " + request("2", "ping") + "," + notify("n") + ",7,[" +
         request("3", "a") + "]," + request("1", "a") + "," + request("4", "b") + "]");
  CHECK(d.take_link() == std::vector{request("1", "a"), notify("n"), request("4", "b")});
  const auto told = d.take_host();
  REQUIRE(told.size() == 4);
  CHECK(told[0] == answer("2"));
  CHECK(settled(told[1]).code == -32600);
  CHECK(settled(told[1]).id == "null");
  CHECK(settled(told[2]).code == -32600);  // a batch inside a batch
  CHECK(settled(told[2]).id == "null");
  CHECK(settled(told[3]).code == -32600);  // 1 is pending
  CHECK(settled(told[3]).id == "1");
  d.backend(answer("4"));
  d.backend(answer("1"));
  CHECK(d.take_host() == std::vector{answer("4"), answer("1")});
}

TEST_CASE("session 3: an empty batch and a broken one are answered with one error") {
  Driver d;
  d.host("[]");
  CHECK(settled(d.one_host_line()).code == -32600);
  d.host(" [ ] ");
  CHECK(settled(d.one_host_line()).code == -32600);
  d.host("[" + request("1", "m") + ",]");
  CHECK(settled(d.one_host_line()).code == -32700);
  CHECK(d.session.pending().empty());
}

TEST_CASE("session 3: a batch of the backend is taken apart, each element its own line") {
  Driver d;
  d.establish();
  d.host(request("1", "tools/call"));
  d.host(request("2", "tools/call"));
  d.host(request("3", "tools/call"));
  d.forget();
  d.backend("[ " + answer("2") + ",\n" + notify("note") + "," + R"({"jsonrpc":"2.0",)" + "\n" +
            R"("id":1,"result":{}},[)" + answer("3") + R"(],7,{"jsonrpc":"2.0","id":9,"method":"roots/list"}])");
  const auto lines = d.take_host();
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == answer("2"));
  CHECK(lines[1] == notify("note"));
  CHECK(lines[2] == R"({"jsonrpc":"2.0", "id":1,"result":{}})");
  CHECK(method_of(lines[3]) == "roots/list");
  CHECK(d.session.pending().size() == 1);
  CHECK(d.dropped(Drop::bad_backend_message) == 2);
  d.backend("[]");
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.0: notifications pass in both directions, unknown methods too") {
  Driver d;
  d.establish();
  const std::string text = R"({ "jsonrpc":"2.0","method":"custom/x","params":[1e999] })";
  d.host(text);
  CHECK(d.take_link() == std::vector{text});
  d.backend(text);
  CHECK(d.take_host() == std::vector{text});
}

TEST_CASE("session 9: what a settled request is told counts failed attempts and the length of the outage") {
  Driver d(with(ToolErrors::error));
  d.go_ready();
  d.advance(10s);
  d.lose({.cause = Cause::closed});
  d.host(request("1", "m"));
  unsigned failed = 0;
  const TimePoint lost_at = d.now;
  while (d.take_host().empty()) {
    d.until_connecting();
    if (d.answers_to("1") > 0) break;
    d.lose({.cause = Cause::refused, .detail = "nobody listens"});
    ++failed;
    REQUIRE(d.now - lost_at < 2min);
  }
  const Settled told = settled(d.host_log.back());
  CHECK(told.data["attempt"] == failed);
  CHECK(told.data["down_ms"] == 45000);
  CHECK(told.data["last_error"] == "refused: nobody listens");
}

TEST_CASE("session 5.0: whatever happens, each request is settled exactly once") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    Prng random(seed);
    Settings settings = default_settings();
    settings.queue_max = random.chance(0.3) ? 4 : 1024;
    settings.queue_bytes = random.chance(0.3) ? 3000 : 1U << 20U;
    settings.replay = std::array{Replay::safe, Replay::never, Replay::always}[random.between(
        std::uint64_t{0}, std::uint64_t{2})];
    settings.tool_errors = random.chance(0.5) ? ToolErrors::result : ToolErrors::error;
    Driver d(settings);
    d.link_writes = random.chance(0.7);
    d.host_reads = random.chance(0.8);
    if (random.chance(0.5)) d.establish();
    int last = 100;
    std::vector<int> cancelled;
    const std::array methods{"tools/list", "tools/call", "ping", "logging/setLevel", "x/y"};
    const auto some_id = [&] {
      return std::to_string(random.between(std::uint64_t{101}, static_cast<std::uint64_t>(last) + 1));
    };
    for (int step = 0; step < 150; ++step) {
      switch (random.between(std::uint64_t{0}, std::uint64_t{11})) {
        case 0:
        case 1:
        case 2:
          ++last;
          d.host(request(std::to_string(last), methods[random.next() % methods.size()]));
          break;
        case 3: {
          const int id = static_cast<int>(random.between(std::uint64_t{101}, static_cast<std::uint64_t>(last) + 1));
          if (d.session.pending().find(std::to_string(id)) != nullptr) cancelled.push_back(id);
          d.host(cancel(std::to_string(id)));
          break;
        }
        case 4:
        case 5: d.backend(answer(some_id())); break;
        case 6: d.backend(R"({"jsonrpc":"2.0","id":)" + some_id() + "}"); break;
        case 7:
          if (random.chance(0.4)) d.lose();
          break;
        case 8:
          if (d.session.phase() == Phase::connecting) d.opened();
          break;
        case 9: d.pong(); break;
        case 10:
          if (d.session.phase() == Phase::resuming) {
            d.backend(initialize_answer(id_of(d.link_log.back().text)));
          }
          break;
        default: d.advance(Duration(random.between(Duration(1ms), Duration(3s)))); break;
      }
    }
    d.feed(event::HostClosed{});
    d.advance(settings.drain_timeout);
    REQUIRE(d.session.finished());
    for (int id = 101; id <= last; ++id) {
      CAPTURE(id);
      const bool was_cancelled = std::ranges::find(cancelled, id) != cancelled.end();
      CHECK(d.answers_to(std::to_string(id)) == (was_cancelled ? 0U : 1U));
    }
  }
}

}  // namespace
}  // namespace shim::test
