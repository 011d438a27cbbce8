// Contract 5.1 and 5.2: what a new link is told about the session.

#include <set>

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

std::string subscribe(std::string_view id, std::string_view uri) {
  return request(id, "resources/subscribe", R"({"uri":")" + std::string(uri) + R"("})");
}

std::string unsubscribe(std::string_view id, std::string_view uri) {
  return request(id, "resources/unsubscribe", R"({"uri":")" + std::string(uri) + R"("})");
}

std::string set_level(std::string_view id, std::string_view level) {
  return request(id, "logging/setLevel", R"({"level":")" + std::string(level) + R"("})");
}

/// Sends a request and has it answered with an empty result.
void settle_well(Driver& d, const std::string& text) {
  d.host(text);
  d.backend(answer(id_of(text)));
}

bool is_own_id(const std::string& id) {
  if (id.empty() || id.find_first_not_of("0123456789") != std::string::npos) return false;
  return std::stoull(id) < (1ULL << 53U);
}

std::vector<std::string> methods_of(const std::vector<std::string>& texts) {
  std::vector<std::string> methods;
  for (const std::string& text : texts) methods.push_back(method_of(text));
  return methods;
}

TEST_CASE("session 5.1: every later link is told the session, in order, before any other traffic") {
  Driver d;
  d.establish();
  settle_well(d, set_level("1", "debug"));
  settle_well(d, set_level("2", "info"));
  settle_well(d, subscribe("3", "file:///b"));
  settle_well(d, subscribe("4", "file:///a"));
  settle_well(d, subscribe("5", "file:///c"));
  settle_well(d, unsubscribe("6", "file:///c"));
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    d.lose();
    const std::string id = std::to_string(100 + round);
    d.host(request(id, "tools/call"));
    d.host(notify("queued"));
    d.forget();
    d.validate();
    CHECK(d.session.phase() == Phase::resuming);

    auto sent = d.take_link();
    REQUIRE(sent.size() == 1);  // nothing else before the answer
    const std::string own = id_of(sent[0]);
    CHECK(is_own_id(own));
    CHECK(sent[0] == [&] {  // the original params, but for the negotiated version
      std::string expected = initialize(own, version);
      return expected;
    }());

    d.backend(initialize_answer(own));
    CHECK(d.session.phase() == Phase::ready);
    CHECK(d.take_host().empty());  // its answer stays in the shim
    sent = d.take_link();
    CHECK(methods_of(sent) == std::vector<std::string>{"notifications/initialized",
                                                       "logging/setLevel", "resources/subscribe",
                                                       "resources/subscribe", "tools/call",
                                                       "queued"});
    CHECK(json::parse(sent[1])["params"]["level"] == "info");
    const std::set<std::string> uris{json::parse(sent[2])["params"]["uri"],
                                     json::parse(sent[3])["params"]["uri"]};
    CHECK(uris == std::set<std::string>{"file:///a", "file:///b"});
    std::set<std::string> ids{own, id};
    for (std::size_t i = 1; i <= 3; ++i) {
      CHECK(is_own_id(id_of(sent[i])) == (i > 0));
      ids.insert(id_of(sent[i]));
    }
    CHECK(ids.size() == 5);
    for (std::size_t i = 1; i <= 3; ++i) d.backend(answer(id_of(sent[i])));
    CHECK(d.take_host().empty());
    CHECK(d.dropped(Drop::unknown_answer) == 0);
    d.backend(answer(id));
    CHECK(d.one_host_line() == answer(id));
  }
}

TEST_CASE(
    "session 5.1: the resuming initialize is the host's own, byte for byte but id and version") {
  const std::string original =
      R"( {"method" : "initialize", "x":1e999, "params": {"protocolVersion" : "2025-11-25","clientInfo":{"name":"\ud800"}},"id":"a\"b" , "jsonrpc":"2.0"} )";
  Driver d;
  d.go_ready();
  d.host(original);
  d.backend(initialize_answer(R"("a\"b")", "2024-11-05"));
  d.lose();
  d.forget();
  d.validate();
  const auto sent = d.take_link();
  REQUIRE(sent.size() == 1);
  CHECK(
      sent[0] ==
      R"( {"method" : "initialize", "x":1e999, "params": {"protocolVersion" : "2024-11-05","clientInfo":{"name":"\ud800"}},"id":)" +
          id_of(sent[0]) + R"( , "jsonrpc":"2.0"} )");
}

TEST_CASE("session 5.1: an initialize that is refused leaves the session that there was") {
  Driver d;
  d.establish();
  settle_well(d, set_level("1", "debug"));
  settle_well(d, subscribe("2", "file:///a"));
  d.host(initialize("3"));
  d.backend(jsonrpc::error_answer("3", jsonrpc::invalid_request, "already initialized"));
  d.lose();
  d.forget();
  d.validate();
  d.backend(initialize_answer(id_of(d.take_link().back())));
  CHECK(methods_of(d.take_link()) == std::vector<std::string>{"notifications/initialized",
                                                              "logging/setLevel",
                                                              "resources/subscribe"});
}

TEST_CASE("session 5.1: initialized is repeated only if the host has sent it") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.backend(initialize_answer("0"));
  d.lose();
  d.forget();
  d.go_ready();
  CHECK(methods_of(d.take_link()) == std::vector<std::string>{"initialize"});
  d.host(notify("notifications/initialized"));
  CHECK(d.take_link() == std::vector{notify("notifications/initialized")});
  d.lose();
  d.go_ready();
  CHECK(methods_of(d.take_link()) ==
        std::vector<std::string>{"initialize", "notifications/initialized"});
}

TEST_CASE("session 5.1: initialized sent while there is no link reaches the next one once") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.backend(initialize_answer("0"));
  d.lose();
  SUBCASE("while waiting") { d.host(notify("notifications/initialized")); }
  SUBCASE("while resuming") {
    d.forget();
    d.validate();
    d.host(notify("notifications/initialized"));
    d.backend(initialize_answer(id_of(d.link_log.back().text)));
  }
  if (d.session.phase() != Phase::ready) {
    d.forget();
    d.go_ready();
  }
  CHECK(methods_of(d.take_link()) ==
        std::vector<std::string>{"initialize", "notifications/initialized"});
}

TEST_CASE(
    "session 5.1: initialized that waited for the window when its link was lost is sent once") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.backend(initialize_answer("0"));
  d.link_writes = false;
  d.host(notify("big", "\"" + std::string(Session::link_window_bytes, 'x') + "\""));
  d.host(notify("notifications/initialized"));
  CHECK(d.session.outbox().count() == 1);
  d.lose();
  d.link_writes = true;
  d.forget();
  d.go_ready();
  CHECK(methods_of(d.take_link()) ==
        std::vector<std::string>{"initialize", "notifications/initialized"});
}

TEST_CASE("session 5.1: only what the backend accepted is restored") {
  Driver d;
  d.establish();
  d.host(set_level("1", "debug"));
  d.backend(R"({"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}})");
  d.host(subscribe("2", "file:///a"));
  d.backend(R"({"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"no"}})");
  settle_well(d, subscribe("3", "file:///b"));
  d.host(unsubscribe("4", "file:///b"));
  d.backend(R"({"jsonrpc":"2.0","id":4,"error":{"code":-32602,"message":"no"}})");
  d.lose();
  d.forget();
  d.go_ready();
  const auto sent = d.take_link();
  CHECK(methods_of(sent) ==
        std::vector<std::string>{"initialize", "notifications/initialized", "resources/subscribe"});
}

TEST_CASE("session 5.1: the same resource subscribed twice, however spelled, is restored once") {
  Driver d;
  d.establish();
  settle_well(d, subscribe("1", "file:///ab"));
  settle_well(d, subscribe("2", "file:///\\u0061b"));
  d.lose();
  d.forget();
  d.go_ready();
  CHECK(d.take_link().size() == 3);
  settle_well(d, unsubscribe("3", "file:///a\\u0062"));
  d.lose();
  d.forget();
  d.go_ready();
  CHECK(d.take_link().size() == 2);
}

TEST_CASE("session 5.1: the level and the subscriptions are restored whatever --replay says") {
  for (const Replay replay : {Replay::safe, Replay::never, Replay::always}) {
    CAPTURE(static_cast<int>(replay));
    Settings settings = default_settings();
    settings.replay = replay;
    Driver d(settings);
    d.establish();
    settle_well(d, set_level("1", "debug"));
    settle_well(d, subscribe("2", "file:///a"));
    d.lose();
    d.forget();
    d.go_ready();
    CHECK(methods_of(d.take_link()) ==
          std::vector<std::string>{"initialize", "notifications/initialized", "logging/setLevel",
                                   "resources/subscribe"});
  }
}

TEST_CASE(
    "session 5.1: a level and a subscription that were answered only after a replay are restored") {
  Driver d;
  d.establish();
  d.host(set_level("1", "debug"));
  d.host(subscribe("2", "file:///a"));
  d.lose();
  d.go_ready();
  d.backend(answer("1"));
  d.backend(answer("2"));
  d.lose();
  d.forget();
  d.go_ready();
  CHECK(methods_of(d.take_link()) ==
        std::vector<std::string>{"initialize", "notifications/initialized", "logging/setLevel",
                                 "resources/subscribe"});
}

TEST_CASE("session 5.1: an initialized that had not left when its link was lost is sent once") {
  Driver d;
  d.go_ready();
  std::string long_greeting = initialize("0");
  long_greeting.insert(1, std::string(Session::link_window_bytes, ' '));
  d.host(long_greeting);
  d.host(notify("notifications/initialized"));
  d.lose();  // so that both are for any link
  d.link_writes = false;
  d.go_ready();
  d.backend(initialize_answer("0"));
  d.lose();
  d.link_writes = true;
  d.forget();
  d.go_ready();
  const auto sent = d.take_link();
  CHECK(std::ranges::count(sent, notify("notifications/initialized")) == 1);
}

TEST_CASE("session 10: a protocol version that is none is not shown") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.backend(initialize_answer("0", "\xc3\xa9" + std::string(100'000, 'x')));
  d.host(notify("notifications/initialized"));
  d.lose();
  d.host(request("1", "m"));
  d.validate();
  d.backend(initialize_answer(id_of(d.link_log.back().text), "\xc3\xa9"));
  CHECK(d.session.phase() == Phase::waiting);
  CHECK(d.logged("uses protocol version one that is not a date", LogLevel::warn) == 1);
  for (const action::Log& line : d.logs) CHECK(line.text.size() < 512);
  CHECK(d.host_log.back().size() < 1024);  // last_error
}

TEST_CASE("session 5.1: a backend with another protocol version is not ready, and says so") {
  Driver d;
  d.establish();
  d.host(request("1", "tools/list"));  // in flight
  d.lose();
  d.host(request("2", "m"));
  d.host(notify("n"));
  d.forget();
  d.validate();
  const std::string own = id_of(d.link_log.back().text);
  const std::array answers{
      initialize_answer(own, "2024-11-05"),
      answer(own, R"({"capabilities":{}})"),
      answer(own, R"({"protocolVersion":20250618})"),
      answer(own, "[]"),
      answer(own, "null"),
  };
  SUBCASE("another") { d.backend(answers[0]); }
  SUBCASE("none") { d.backend(answers[1]); }
  SUBCASE("a number") { d.backend(answers[2]); }
  SUBCASE("an array") { d.backend(answers[3]); }
  SUBCASE("null") { d.backend(answers[4]); }
  CHECK(d.session.phase() == Phase::waiting);
  const auto told = d.take_host();
  REQUIRE(told.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const Settled one = settled(told[i]);
    CHECK(one.id == std::to_string(i + 1));
    // The first was in flight when its link was lost: it may have been carried out.
    const bool was_sent = i == 0;
    CHECK(one.code == (was_sent ? 31002 : 31006));
    CHECK(one.reason == (was_sent ? "outcome-unknown" : "session-incompatible"));
    CHECK(one.delivered == was_sent);
    CHECK_FALSE(one.retryable);
  }
  CHECK(d.logged("incompatible", LogLevel::warn) == 1);
  CHECK(d.logged("needs a person", LogLevel::warn) == 1);
  const Duration wait = *d.session.next_deadline() - d.now;
  CHECK(wait >= d.settings.backoff.cap);  // retried, at the cap

  // It goes on: what comes later tries again, and a mended backend serves it.
  d.host(request("3", "m"));
  d.go_ready();
  CHECK(last_of(d.take_link()) == request("3", "m"));
}

TEST_CASE("session 5.1: the version compares as a value, not as a spelling") {
  Driver d;
  d.establish();
  d.lose();
  d.validate();
  const std::string own = id_of(d.link_log.back().text);
  d.backend(answer(own, R"({"protocolVersion":"2025\u002d06-18"})"));
  CHECK(d.session.phase() == Phase::ready);
}

TEST_CASE("session 5.1: a backend that refuses to initialize again is tried again") {
  struct Row {
    std::string name;
    std::string after_id;
  };
  const std::array rows{
      Row{"an error", R"(,"error":{"code":-32600,"message":"no"}})"},
      Row{"neither result nor error", "}"},
      Row{"invalid JSON", R"(,"result":{},})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.establish();
    d.lose();
    d.host(request("1", "m"));
    d.forget();
    d.validate();
    d.backend(R"({"jsonrpc":"2.0","id":)" + id_of(d.link_log.back().text) + row.after_id);
    CHECK(d.session.phase() == Phase::waiting);
    CHECK(d.take_host().empty());  // what is queued stays so
    d.go_ready();
    CHECK(last_of(d.take_link()) == request("1", "m"));
  }
}

TEST_CASE("session 4.1: a resume that is not answered within --resume-timeout is given up") {
  Driver d;
  d.establish();
  d.lose();
  d.validate();
  const Epoch epoch = d.session.epoch();
  d.advance(d.settings.resume_timeout - 1ns);
  CHECK(d.session.phase() == Phase::resuming);
  d.advance(1ns);
  CHECK(d.session.phase() == Phase::waiting);
  CHECK(d.closes.back().epoch == epoch);
  d.go_ready();
}

TEST_CASE("session 5.1: an answer to the resuming of a lost link means nothing to the next one") {
  Driver d;
  d.establish();
  d.lose();
  d.validate();
  const std::string first = id_of(d.link_log.back().text);
  d.lose();
  d.validate();
  CHECK(id_of(d.link_log.back().text) != first);
  d.backend(initialize_answer(first));
  CHECK(d.session.phase() == Phase::resuming);
  CHECK(d.dropped(Drop::unknown_answer) == 1);
}

TEST_CASE("session 5.1: a backend that answers the restoring of the level badly stays ready") {
  struct Row {
    std::string name;
    std::string after_id;
  };
  const std::array rows{
      Row{"an error", R"(,"error":{"code":-32601,"message":"no"}})"},
      Row{"neither result nor error", "}"},
      Row{"invalid JSON", R"(,"result":{},})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.establish();
    settle_well(d, set_level("1", "debug"));
    d.lose();
    d.go_ready();
    const std::string restore = d.link_log.back().text;
    REQUIRE(method_of(restore) == "logging/setLevel");
    d.host(request("2", "tools/call"));
    d.forget();
    d.backend(R"({"jsonrpc":"2.0","id":)" + id_of(restore) + row.after_id);
    CHECK(d.session.phase() == Phase::ready);
    CHECK(d.take_host().empty());
  }
}

TEST_CASE("session 5.1: a host that initializes anew starts a new session") {
  Driver d;
  d.establish();
  settle_well(d, subscribe("1", "file:///a"));
  d.host(initialize("\"second\"", "2025-03-26"));
  d.backend(initialize_answer("\"second\"", "2025-03-26"));
  d.lose();
  d.forget();
  d.go_ready("2025-03-26");
  const auto sent = d.take_link();
  REQUIRE(sent.size() == 1);  // the host has not said initialized to this one yet
  CHECK(sent[0].find("2025-03-26") != std::string::npos);
}

TEST_CASE(
    "session 5.1: a host that initializes anew while the old session is being resumed is served") {
  Driver d;
  d.establish();
  d.lose();
  d.validate();
  const std::string own = id_of(d.link_log.back().text);
  d.forget();
  d.host(initialize("\"second\""));
  d.backend(initialize_answer(own));
  CHECK(d.take_host().empty());
  if (d.session.phase() != Phase::ready) d.go_ready();
  CHECK(last_of(d.take_link()) == initialize("\"second\""));
  d.backend(initialize_answer("\"second\""));
  CHECK(d.one_host_line() == initialize_answer("\"second\""));
}

TEST_CASE("session 5.1: an initialize that was refused leaves nothing to resume") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.backend(R"({"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"no"}})");
  d.lose();
  d.forget();
  d.validate();
  CHECK(d.session.phase() == Phase::ready);
  CHECK(d.take_link().empty());
}

TEST_CASE("session 5.1: a result that names no protocol version passes, with a warning") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.forget();
  d.backend(answer("0", R"({"capabilities":{}})"));
  CHECK(d.one_host_line() == answer("0", R"({"capabilities":{}})"));
  CHECK(d.logged("protocol version", LogLevel::warn) == 1);
}

TEST_CASE(
    "session 5.1: numbers and escapes that have no C++ value do no harm in an initialize result") {
  const std::string result =
      R"({"protocolVersion":"2025-06-18","capabilities":{},"instructions":"\ud800","x":1e999})";
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.backend(answer("0", result));
  d.lose();
  d.validate();
  CHECK(d.session.phase() == Phase::resuming);  // the session was noticed
  d.backend(answer(id_of(d.link_log.back().text), result));
  CHECK(d.session.phase() == Phase::ready);
}

TEST_CASE("session 5.1: ids of our own are not those of pending requests") {
  Driver d;
  d.establish();
  d.lose();
  d.validate();
  const std::string own = id_of(d.link_log.back().text);
  CHECK(is_own_id(own));
  CHECK(d.session.pending().find(own) == nullptr);
  CHECK(std::stoull(own) >= (1ULL << 52U));  // far from a host that counts from 0
}

TEST_CASE("session 5.2: a modern session is resumed without a word") {
  Driver d;
  d.go_ready();
  d.host(modern_request("1", "tools/list"));
  d.backend(answer("1"));
  d.host(modern_request("2", "tools/call"));
  d.lose();
  d.forget();
  d.validate();
  CHECK(d.session.phase() == Phase::ready);
  CHECK(d.take_link().empty());
}

}  // namespace
}  // namespace shim::test
