// Contract 7, heartbeats: a wedged backend answers pings and does nothing else.

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

std::string heartbeat() {
  return notify("notifications/message", R"({"level":"debug","logger":"heartbeat","data":{}})");
}

std::string log_message(std::string_view level, std::string_view logger = "x") {
  return notify("notifications/message", R"({"level":")" + std::string(level) + R"(","logger":")" +
                                             std::string(logger) + R"(","data":1})");
}

/// Heartbeats every 2 s for a while.
void beat(Driver& d, Duration span) {
  for (const TimePoint end = d.now + span; d.now < end;) {
    d.advance(2s);
    d.backend(heartbeat());
  }
}

std::string initialize_answer_with_logging(std::string_view id) {
  return answer(id, R"({"protocolVersion":"2025-06-18","capabilities":{"logging":{}},)"
                    R"("serverInfo":{"name":"b","version":"1"}})");
}

/// A session with a backend that logs.
void establish_with_logging(Driver& d) {
  d.go_ready();
  d.host(initialize("0"));
  d.backend(initialize_answer_with_logging("0"));
  d.host(notify("notifications/initialized"));
}

TEST_CASE("session 7: heartbeats are counted and never reach the host") {
  Driver d;
  d.go_ready();  // a host that has not said anything yet
  d.backend(heartbeat());
  d.establish();
  d.backend(heartbeat());
  CHECK(d.take_host().empty());
  CHECK(d.session.counters().heartbeats == 2);
  d.backend(log_message("debug", R"(\u0068eart\u0062eat)"));
  CHECK(d.take_host().empty());
  CHECK(d.session.counters().heartbeats == 3);
  d.backend(log_message("debug"));
  CHECK(d.take_host().size() == 1);
}

TEST_CASE("session 7: they do with --forward-heartbeats, and under --protocol jsonrpc") {
  Settings forward = default_settings();
  forward.forward_heartbeats = true;
  Settings plain = default_settings();
  plain.protocol = Protocol::jsonrpc;
  for (const Settings& settings : {forward, plain}) {
    Driver d(settings);
    d.go_ready();
    d.backend(heartbeat());
    CHECK(d.take_host() == std::vector{heartbeat()});
  }
}

TEST_CASE("session 7: a backend whose heartbeats stop while pongs come is wedged") {
  Driver d;
  d.establish();
  beat(d, 1min);
  d.host(request("1", "tools/call"));
  d.advance(30s - 1ns);
  CHECK(d.session.phase() == Phase::ready);
  d.advance(1ns);
  CHECK(d.session.phase() == Phase::waiting);
  CHECK(d.logged("lost: wedged: ") == 1);
  CHECK(settled(d.take_host().back()).reason == "outcome-unknown");
}

TEST_CASE("session 7: nor does one pong that never comes hide that, if other messages do") {
  Driver d;
  d.establish();
  beat(d, 10s);
  d.pongs = false;
  d.advance(16s);  // so that there is a ping to be answered
  REQUIRE(d.pings.size() == 2);
  for (int i = 0; i < 3; ++i) {
    CHECK(d.session.phase() == Phase::ready);
    d.backend(log_message("info"));
    d.advance(5s);
  }
  CHECK(d.logged("lost: wedged: ") == 1);
}

TEST_CASE(
    "session 6, 7: an initialize that a wedged link had is answered in the turn of its loss") {
  Driver d;
  d.host(initialize("0"));  // before there is a link, so that the cache is loaded
  d.go_ready();
  d.backend(heartbeat());
  d.advance(30s);  // no answer, no heartbeat; the driver wants each deadline to be dealt with
  CHECK(d.logged("lost: wedged: ") == 1);
  CHECK(d.take_host().size() == 1);
}

TEST_CASE("session 7: no heartbeat, no rule; and a new link begins without one") {
  Driver d;
  d.establish();
  d.advance(1h);
  CHECK(d.session.epoch() == 1);
  beat(d, 10s);
  d.lose();
  d.go_ready();
  d.advance(1h);
  CHECK(d.session.epoch() == 2);
}

TEST_CASE("session 7: the first heartbeat may come late") {
  Driver d;
  d.establish();
  d.advance(10min);
  beat(d, 10min);
  CHECK(d.session.epoch() == 1);
}

TEST_CASE("session 7: without pongs missing heartbeats mean a busy backend") {
  Driver d;
  d.establish();
  beat(d, 10s);
  d.host(request("1", "tools/call"));
  d.pongs = false;
  d.advance(100s);
  CHECK(d.session.phase() == Phase::ready);
  // It comes back: the pong first, the heartbeat when its timer gets its turn.
  d.pongs = true;
  d.pong();
  d.advance(2s);
  CHECK(d.session.phase() == Phase::ready);
  beat(d, 1min);
  CHECK(d.session.epoch() == 1);
}

TEST_CASE("session 7: one that is back from being busy and still has no heartbeat is wedged") {
  Driver d;
  d.establish();
  beat(d, 10s);
  d.host(request("1", "tools/call"));
  d.pongs = false;
  d.advance(100s);
  d.pongs = true;
  d.pong();
  d.advance(5s);
  CHECK(d.logged("lost: wedged: ") == 1);
}

TEST_CASE("session 7: busy at the very end of the heartbeat timeout is still busy") {
  for (const Duration blocked : {24s, 26s, 29s, 30s, 31s}) {
    CAPTURE(seconds(blocked));
    Driver d;
    d.establish();
    beat(d, 10s);
    d.host(request("1", "tools/call"));
    d.pongs = false;
    d.advance(blocked);
    d.pongs = true;
    d.pong();
    d.advance(2s);
    d.backend(heartbeat());
    beat(d, 1min);
    CHECK(d.session.epoch() == 1);
  }
}

TEST_CASE(
    "session 7: one that falls silent while its heartbeats are in doubt is busy, not wedged") {
  Settings settings = default_settings();
  settings.ping_interval = settings.pong_timeout = 1s;
  Driver d(settings);
  d.establish();
  beat(d, 10s);
  d.host(request("1", "tools/call"));
  d.advance(27s);  // a pong has answered the doubt
  d.pongs = false;
  d.advance(20s);
  CHECK(d.session.phase() == Phase::ready);
  d.pongs = true;
  d.pong();
  d.backend(heartbeat());
  beat(d, 1min);
  CHECK(d.session.epoch() == 1);
}

TEST_CASE("session 7: heartbeat timeout 0 expects none") {
  Settings settings = default_settings();
  settings.heartbeat_timeout = {};
  Driver d(settings);
  d.establish();
  beat(d, 10s);
  d.advance(1h);
  CHECK(d.session.epoch() == 1);
}

TEST_CASE("session 7: --request-heartbeats asks for level debug after initialized, on each link") {
  Settings settings = default_settings();
  settings.request_heartbeats = true;
  Driver d(settings);
  establish_with_logging(d);
  auto sent = d.take_link();
  REQUIRE(sent.size() == 3);
  CHECK(method_of(sent[1]) == "notifications/initialized");
  CHECK(method_of(sent[2]) == "logging/setLevel");
  CHECK(json::parse(sent[2])["params"]["level"] == "debug");
  d.forget();
  d.backend(answer(id_of(sent[2])));
  CHECK(d.take_host().empty());  // it was ours

  d.lose();
  d.validate();
  d.backend(initialize_answer_with_logging(id_of(d.link_log.back().text)));
  sent = d.take_link();
  CHECK(std::ranges::count_if(sent, [](const std::string& text) {
          return method_of(text) == "logging/setLevel";
        }) == 1);
}

TEST_CASE("session 7: then the host gets the log messages of the level it has asked for") {
  Settings settings = default_settings();
  settings.request_heartbeats = true;
  Driver d(settings);
  establish_with_logging(d);
  d.forget();
  // It has asked for none: info.
  d.backend(log_message("debug"));
  CHECK(d.take_host().empty());
  d.backend(log_message("info"));
  d.backend(log_message("no such level"));
  CHECK(d.take_host().size() == 2);

  d.host(request("5", "logging/setLevel", R"({"level":"warning"})"));
  const std::string sent = last_of(d.take_link());
  CHECK(json::parse(sent)["params"]["level"] == "debug");
  CHECK(id_of(sent) == "5");
  d.backend(answer("5"));
  CHECK(d.take_host() == std::vector{answer("5")});
  d.backend(log_message("notice"));
  CHECK(d.take_host().empty());
  d.backend(log_message("warning"));
  CHECK(d.take_host().size() == 1);

  d.lose();
  d.validate();
  d.backend(initialize_answer_with_logging(id_of(d.link_log.back().text)));
  d.forget();
  d.backend(log_message("notice"));
  CHECK(d.take_host().empty());
}

TEST_CASE("session 7: they are asked for again in a new session on the same link") {
  Settings settings = default_settings();
  settings.request_heartbeats = true;
  Driver d(settings);
  establish_with_logging(d);
  d.backend(answer(id_of(last_of(d.take_link()))));
  beat(d, 10s);
  d.host(initialize("1"));
  d.advance(1min);  // perhaps the level is not debug any more
  CHECK(d.session.epoch() == 1);
  d.backend(initialize_answer_with_logging("1"));
  d.host(notify("notifications/initialized"));
  const std::string asked = last_of(d.take_link());
  CHECK(method_of(asked) == "logging/setLevel");
  CHECK(json::parse(asked)["params"]["level"] == "debug");
  d.backend(answer(id_of(asked)));
  d.advance(1min);
  CHECK(d.session.epoch() == 1);
  d.backend(heartbeat());
  d.advance(30s);
  CHECK(d.logged("lost: wedged: ") == 1);
}

TEST_CASE("session 7: a backend that refuses level debug gets the level that the host wants") {
  Settings settings = default_settings();
  settings.request_heartbeats = true;
  Driver d(settings);
  establish_with_logging(d);
  const auto refuse = [&d](std::string_view id) {
    d.backend(jsonrpc::error_answer(id, -32602, "no such level"));
  };
  refuse(id_of(last_of(d.take_link())));
  const std::string wish = request("5", "logging/setLevel", R"({"level":"warning"})");
  d.host(wish);
  CHECK(d.take_link() == std::vector{wish});
  d.forget();
  d.backend(answer("5"));
  CHECK(d.take_host() == std::vector{answer("5")});
  d.backend(log_message("notice"));  // the backend's own affair now
  CHECK(d.take_host().size() == 1);

  // The next backend may be another one: it is asked, and then told the level.
  d.lose();
  d.validate();
  d.backend(initialize_answer_with_logging(id_of(d.link_log.back().text)));
  const auto sent = d.take_link();
  CHECK(method_of(last_of(sent)) == "logging/setLevel");
  CHECK(json::parse(last_of(sent))["params"]["level"] == "debug");
  refuse(id_of(last_of(sent)));
  CHECK(json::parse(last_of(d.take_link()))["params"]["level"] == "warning");
}

TEST_CASE("session 7: a backend without logging is not asked for heartbeats") {
  Settings settings = default_settings();
  settings.request_heartbeats = true;
  Driver d(settings);
  d.go_ready();
  d.host(initialize("0"));
  d.backend(initialize_answer("0"));
  d.host(notify("notifications/initialized"));
  for (const auto& sent : d.link_log) CHECK(method_of(sent.text) != "logging/setLevel");
  d.forget();
  d.backend(log_message("debug"));
  CHECK(d.take_host().size() == 1);
}

TEST_CASE("session 7: a heartbeat that comes before the link is ready counts, on that link only") {
  for (const bool lost : {false, true}) {
    CAPTURE(lost);
    Driver d;
    d.until_connecting();
    d.opened();
    d.backend(heartbeat());
    if (lost) {
      d.lose();
      d.until_connecting();
      d.opened();
    }
    d.pong();
    REQUIRE(d.session.phase() == Phase::ready);
    const Epoch epoch = d.session.epoch();
    d.advance(d.settings.heartbeat_timeout + 1s);
    CHECK((d.session.epoch() == epoch && d.session.phase() == Phase::ready) == lost);
  }
}

TEST_CASE("session 7: a host that wants fewer log messages may thereby end the heartbeats") {
  for (const bool is_refused : {false, true}) {
    CAPTURE(is_refused);
    Driver d;
    d.establish();
    beat(d, 10s);
    d.host(request("1", "logging/setLevel", R"({"level":"error"})"));
    d.backend(is_refused ? jsonrpc::error_answer("1", -32602, "no") : answer("1"));
    d.advance(1min);
    CHECK((d.session.epoch() == 1) != is_refused);
  }
}

TEST_CASE("session 7: an initialized sent ahead of initialize's answer is no reason to ask early") {
  Settings settings = default_settings();
  settings.request_heartbeats = true;
  Driver d(settings);
  d.go_ready();
  d.host(initialize("0"));
  d.host(notify("notifications/initialized"));
  CHECK(method_of(last_of(d.take_link())) == "notifications/initialized");
  d.backend(initialize_answer_with_logging("0"));
  CHECK(method_of(last_of(d.take_link())) == "logging/setLevel");
}

TEST_CASE("session 7: no heartbeat can come while a long message does") {
  Driver d;
  d.establish();
  beat(d, 10s);
  d.host(request("1", "tools/call"));
  for (int i = 0; i < 100; ++i) {
    d.advance(2s);
    d.part_at = d.now;
  }
  CHECK(d.session.epoch() == 1);
  d.part_at.reset();
  d.backend(answer("1"));
  beat(d, 10s);
  CHECK(d.session.epoch() == 1);
}

TEST_CASE("session 7: a message that does not come any further excuses nothing") {
  Driver d;
  d.establish();
  beat(d, 10s);
  d.advance(5s);
  d.part_at = d.now;
  d.advance(30s);
  CHECK(d.session.epoch() == 1);
  d.advance(10s);
  CHECK(d.logged("lost: wedged: ") == 1);
}

TEST_CASE("session 7: messages beyond --queue-bytes that the host takes at once excuse nothing") {
  Settings settings = default_settings();
  settings.queue_bytes = 1'000;
  Driver d(settings);
  d.establish();
  beat(d, 10s);
  for (int i = 0; i < 40; ++i) {
    d.advance(1s);
    d.backend(notify("n", "\"" + std::string(2'000, 'x') + "\""));
  }
  CHECK(d.link_pauses.size() > 50);
  CHECK(d.logged("lost: wedged: ") == 1);
}

TEST_CASE("session 7: what a request of the modern era asked to be logged is not for the shim") {
  Settings settings = default_settings();
  settings.request_heartbeats = true;
  Driver d(settings);
  establish_with_logging(d);
  d.host(request("1", "tools/call",
                 R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                 R"("io.modelcontextprotocol/logLevel":"debug"}})"));
  d.forget();
  d.backend(log_message("debug"));
  CHECK(d.take_host().size() == 1);
  d.backend(answer("1"));
  d.forget();
  d.backend(log_message("debug"));
  CHECK(d.take_host().empty());
}

}  // namespace
}  // namespace shim::test
