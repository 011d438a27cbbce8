// Contract 5.0 and 5.3: every request is settled exactly once.

#include <array>

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

TEST_CASE("session 5.0: ids keep their type and spelling") {
  const std::array ids{"1",  "\"1\"", "1.0", "-1", "1e0", "\"\"", "\" 1\"", "9007199254740993",
                       "1E0"};
  Driver d;
  d.go_ready();
  for (const char* id : ids) d.host(request(id, "tools/call"));
  CHECK(d.session.pending().size() == ids.size());
  CHECK(d.take_host().empty());
  for (const char* id : ids) {
    CAPTURE(std::string(id));
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

TEST_CASE(
    "session 5.0: reuse of an id that is still pending is -32600 and does the first no harm") {
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
    std::string name;
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
    std::string method;
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
        CHECK(last_of(d.take_link()) == text);
        CHECK(d.session.counters().replays == 1);
        d.backend(answer("5"));
        CHECK(d.one_host_line() == answer("5"));
      }
      CHECK(d.answers_to("5") == 1);
      CHECK(d.session.pending().empty());
    }
  }
}

TEST_CASE(
    "session 5.3: a tools/call in flight when its link is lost is settled with outcome-unknown") {
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
      CAPTURE(std::string(method));
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
      cancel("2"),
      cancel("\"1\""),
      cancel("null"),
      notify("notifications/cancelled"),
      notify("notifications/cancelled", "{}"),
      notify("notifications/cancelled", "[1]"),
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

TEST_CASE("session 5.0: whatever happens, each request is settled exactly once") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    Prng random(seed);
    Settings settings = default_settings();
    settings.queue_max = random.chance(0.3) ? 4 : 1024;
    settings.queue_bytes = random.chance(0.3) ? 3000 : 1U << 20U;
    settings.replay =
        std::array{Replay::safe, Replay::never,
                   Replay::always}[random.between(std::uint64_t{0}, std::uint64_t{2})];
    settings.tool_errors = random.chance(0.5) ? ToolErrors::result : ToolErrors::error;
    Driver d(settings);
    d.link_writes = random.chance(0.7);
    d.host_reads = random.chance(0.8);
    if (random.chance(0.5)) d.establish();
    int last = 100;
    std::vector<int> cancelled;
    const std::array methods{"tools/list", "tools/call", "ping", "logging/setLevel", "x/y"};
    const auto some_id = [&] {
      return std::to_string(
          random.between(std::uint64_t{101}, static_cast<std::uint64_t>(last) + 1));
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
          const int id = static_cast<int>(
              random.between(std::uint64_t{101}, static_cast<std::uint64_t>(last) + 1));
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
