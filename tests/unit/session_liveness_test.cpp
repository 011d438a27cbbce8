// Contract 7, silence: alive, busy or gone.

#include "tests/unit/mcp_texts.hpp"
#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

Settings with_health_file() {
  Settings settings = default_settings();
  settings.has_health_file = true;
  return settings;
}

event::HealthSeen report(Driver& d, int pid = 1) {
  // Counts up with the clock, as a living backend does.
  const auto now = std::to_string(seconds(d.now.time_since_epoch()));
  return {{.found = HealthLook::Found::file,
           .text = R"({"t":)" + now + R"(,"pid":)" + std::to_string(pid) + "}",
           .modified = {},
           .looked_at = WallTime(d.now.time_since_epoch())}};
}

std::string last_cause(const Driver& d) {
  for (auto line = d.logs.rbegin(); line != d.logs.rend(); ++line) {
    if (line->text.find(" lost: ") != std::string::npos) return line->text;
  }
  return {};
}

bool lost_by(const Driver& d, std::string_view cause) {
  return last_cause(d).find(" lost: " + std::string(cause) + ":") != std::string::npos;
}

TEST_CASE("session 7: an idle link is pinged after the ping interval, one ping at a time") {
  Driver d;
  d.go_ready();
  REQUIRE(d.pings.size() == 1);
  d.pongs = false;
  d.advance(15s - 1ns);
  CHECK(d.pings.size() == 1);
  d.advance(1ns);
  CHECK(d.pings.size() == 2);
  d.advance(9s);
  CHECK(d.pings.size() == 2);
}

TEST_CASE("session 7: a link that answers its pings stays for ever") {
  Driver d;
  d.go_ready();
  d.advance(2h);
  CHECK(d.session.phase() == Phase::ready);
  CHECK(d.session.epoch() == 1);
  CHECK(d.pings.size() == 1 + 2 * 3600 / 15);
}

TEST_CASE("session 7: any byte is life") {
  struct Row {
    const char* name;
    std::function<void(Driver&)> life;
  };
  const std::array rows{
      Row{"message", [](Driver& d) { d.backend(notify("n")); }},
      Row{"invalid message", [](Driver& d) { d.backend("{"); }},
      Row{"binary", [](Driver& d) { d.feed(event::LinkBinary{d.session.epoch()}); }},
      Row{"too long",
          [](Driver& d) {
            d.feed(event::LinkMessageTooLong{d.session.epoch(), IdScanner()});
          }},
      Row{"unasked-for pong", [](Driver& d) { d.pong(); }}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    Driver d;
    d.go_ready();
    d.pongs = false;
    for (int i = 0; i < 100; ++i) {
      d.advance(14s);
      row.life(d);
    }
    CHECK(d.pings.size() == 1);
    d.advance(24s);
    CHECK(d.session.phase() == Phase::ready);
    row.life(d);  // after the ping, in time
    d.advance(24s);
    CHECK(d.session.phase() == Phase::ready);
    d.advance(1s);
    CHECK(d.session.phase() == Phase::waiting);
  }
}

TEST_CASE("session 7: part of a message is life too") {
  Driver d;
  d.go_ready();
  d.pongs = false;
  d.trickles = true;
  d.advance(10min);
  CHECK(d.session.phase() == Phase::ready);
  d.trickles = false;
  d.advance(25s);
  CHECK(d.session.phase() == Phase::waiting);
}

TEST_CASE("session 7: a byte that no message told of counts from when it came, not from the look") {
  Driver d;
  d.go_ready();
  d.pongs = false;
  d.advance(10s);
  d.heard_at = d.now;  // a ping of the backend's own, say
  d.advance(15s - 1ns);
  CHECK(d.pings.size() == 1);
  d.advance(1ns);
  CHECK(d.pings.size() == 2);
  d.advance(10s - 1ns);
  CHECK(d.session.phase() == Phase::ready);
  d.advance(1ns);
  CHECK(lost_by(d, "no-pong"));
}

TEST_CASE("session 7: a backend that sends pings of its own is not pinged") {
  Driver d;
  d.go_ready();
  d.pongs = false;
  for (int i = 0; i < 100; ++i) {
    d.advance(6s);
    d.heard_at = d.now;
  }
  CHECK(d.pings.size() == 1);
  CHECK(d.session.phase() == Phase::ready);
}

TEST_CASE("session 7: a byte that came just before a ping in vain is no answer to it") {
  Driver d;
  d.go_ready();
  d.pongs = false;
  d.advance(5s);
  d.heard_at = d.now;
  d.advance(1s);
  d.feed(event::MachineResumed{1h});
  REQUIRE(d.pings.size() == 2);
  d.advance(10s - 1ns);
  CHECK(d.session.phase() == Phase::ready);
  d.advance(1ns);
  CHECK(lost_by(d, "no-pong"));
}

TEST_CASE("session 7: a look that is answered after a ping in the same turn is no verdict on it") {
  Settings settings = default_settings();
  settings.ping_interval = settings.heartbeat_timeout - 5s;  // when missing heartbeats are doubted
  Driver d(settings);
  d.go_ready();
  d.backend(notify("notifications/message", R"({"level":"info","logger":"heartbeat","data":1})"));
  d.pongs = false;
  d.advance(settings.ping_interval);
  CHECK(d.pings.size() == 2);
  CHECK(d.checks.size() == 1);
  d.advance(10s - 1ns);
  CHECK(d.session.phase() == Phase::ready);
  d.advance(1ns);
  CHECK(d.session.phase() == Phase::waiting);
}

TEST_CASE("session 7: there is a look every ping interval, whatever comes and whether it is read") {
  // The kernel has to be kept from taking a backend that reads nothing for a dead path.
  Settings settings = default_settings();
  settings.queue_bytes = 2'000;
  Driver d(settings);
  d.go_ready();
  const auto check_looks = [&d](bool talks) {
    const std::size_t before = d.checks.size();
    for (int second = 0; second < 60; ++second) {
      d.advance(1s);
      if (talks) d.backend(notify("n"));
    }
    CHECK(d.checks.size() - before >= 3);
    CHECK(d.checks.size() - before <= 5);
  };
  check_looks(true);
  d.host_reads = false;
  d.backend(notify("n", "\"" + std::string(3'000, 'x') + "\""));
  REQUIRE(d.link_pauses.size() == 1);
  check_looks(false);
}

TEST_CASE("session 7: nothing in flight and no pong: dropped within interval and timeout") {
  Driver d;
  d.go_ready();
  d.pongs = false;
  d.advance(25s - 1ns);
  CHECK(d.session.phase() == Phase::ready);
  d.advance(1ns);
  CHECK(d.session.phase() == Phase::waiting);
  CHECK(lost_by(d, "no-pong"));
  CHECK(d.closes.size() == 1);
}

TEST_CASE("session 7: a live subscription does not make an idle link busy") {
  Driver d;
  d.go_ready();
  d.host(modern_request("1", "subscriptions/listen"));
  d.backend(acknowledge("1"));
  d.pongs = false;
  d.advance(25s);
  CHECK(lost_by(d, "no-pong"));
}

TEST_CASE("session 7: whatever else the backend is to do may keep it busy") {
  struct Row {
    const char* name;
    std::function<void(Driver&)> work;
  };
  for (const Row& row :
       {Row{"a subscription that it has not acknowledged",
            [](Driver& d) { d.host(modern_request("1", "subscriptions/listen")); }},
        Row{"a request of the shim's own",
            [](Driver& d) {
              establish_with(d);
              ask_and_answer(d, request("1", "tools/list"), R"({"tools":[]})");
              d.lose();
              resume_with(d);
              REQUIRE(method_of(d.link_log.back().text) == "tools/list");
            }},
        Row{"notifications that it does not take", [](Driver& d) {
              d.link_writes = false;
              const std::string large = "\"" + std::string(Session::link_window_bytes, 'x') + "\"";
              for (int i = 0; i < 3; ++i) d.host(notify("n", large));
            }}}) {
    CAPTURE(std::string(row.name));
    Driver d;
    d.go_ready();
    row.work(d);
    const Epoch epoch = d.session.epoch();
    d.pongs = false;
    d.advance(120s - 1ns);
    CHECK(d.session.epoch() == epoch);
    CHECK(d.session.phase() == Phase::ready);
    d.advance(16s);
    CHECK(lost_by(d, "stalled"));
  }
}

TEST_CASE("session 7: a ping whose pong is still to come is not followed by another") {
  Driver d;
  d.go_ready();
  d.pongs = false;
  for (int i = 0; i < 20; ++i) {
    d.advance(16s);
    d.backend(notify("n"));
  }
  CHECK(d.session.epoch() == 1);
  CHECK(d.pings.size() == 2);
  d.pong();
  d.advance(16s);
  CHECK(d.pings.size() == 3);
  d.advance(10s);
  CHECK(lost_by(d, "no-pong"));
}

TEST_CASE(
    "session 7: what the link is suspected of while it is not read is looked into after that") {
  Settings settings = default_settings();
  settings.queue_bytes = 2'000;
  settings.ping_interval = Duration(0);
  Driver d(settings);
  d.go_ready();
  d.host_reads = false;
  d.backend(notify("n", "\"" + std::string(3'000, 'x') + "\""));
  REQUIRE(d.link_pauses.size() == 1);
  d.feed(event::MachineResumed{1h});
  CHECK(d.pings.size() == 1);
  d.feed(event::HostWritten{10'000});
  CHECK(d.pings.size() == 2);
}

TEST_CASE("session 7: while two processes write the health file, either may be the backend") {
  for (const Duration old_one : {Duration(1s), Duration(10s)}) {
    CAPTURE(seconds(old_one));
    Driver d(with_health_file());
    d.feed(report(d, 2));
    d.go_ready();
    d.advance(old_one);
    d.feed(report(d, 1));  // of the one that is going
    d.advance(1s);
    d.feed(report(d, 2));
    d.host(request("1", "tools/call"));
    d.pongs = false;
    d.advance(2min);
    CHECK(d.session.phase() == Phase::ready);
    d.feed(report(d, 3));
    CHECK(lost_by(d, "replaced"));
  }
}

TEST_CASE("session 4.2: the first change is waited for also before any link") {
  Driver d(with_health_file());
  d.feed(report(d));
  d.lose({.cause = Cause::unreachable});
  d.until_connecting();
  d.lose({.cause = Cause::unreachable});
  REQUIRE(d.session.phase() == Phase::waiting);
  const TimePoint before = d.open_times.back();
  d.advance(100ms);
  d.feed(report(d));
  d.advance(1ns);
  CHECK(d.open_times.back() > before);
}

TEST_CASE("session 7: with a call in flight silence is borne until the stall timeout") {
  Driver d;
  d.go_ready();
  d.host(request("1", "tools/call"));
  d.pongs = false;
  d.advance(120s - 1ns);
  CHECK(d.session.phase() == Phase::ready);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  CHECK(lost_by(d, "stalled"));
  CHECK(settled(d.one_host_line()).reason == "outcome-unknown");
}

TEST_CASE("session 7: a backend that is blocked for 100 s with calls in flight loses nothing") {
  Driver d;
  d.go_ready();
  for (int i = 0; i < 10; ++i) d.host(request(std::to_string(i), "tools/call"));
  d.pongs = false;
  d.advance(100s);
  d.pong();
  for (int i = 0; i < 10; ++i) d.backend(answer(std::to_string(i)));
  CHECK(d.session.epoch() == 1);
  for (int i = 0; i < 10; ++i) CHECK(d.answers_to(std::to_string(i)) == 1);
  d.pongs = true;
  d.advance(10min);
  CHECK(d.session.epoch() == 1);
}

TEST_CASE("session 7: once the last answer is out, silence counts at once") {
  Driver d;
  d.go_ready();
  d.host(request("1", "tools/call"));
  d.pongs = false;
  d.advance(60s);
  CHECK(d.session.phase() == Phase::ready);
  d.host(cancel("1"));
  CHECK(lost_by(d, "no-pong"));
}

TEST_CASE("session 7: a fresh health file buys time, up to the busy timeout") {
  Driver d(with_health_file());
  d.feed(report(d));
  d.go_ready();
  d.host(request("1", "tools/call"));
  d.pongs = false;
  const TimePoint asked = d.now;
  while (d.session.phase() == Phase::ready && d.now < asked + 1h) {
    d.advance(2s);
    d.feed(report(d));
  }
  CHECK(lost_by(d, "stalled"));
  CHECK(d.now - asked >= 600s);
  CHECK(d.now - asked <= 602s);
}

TEST_CASE("session 7: a health file that is seen while it is written anew still buys time") {
  for (const auto found : {HealthLook::Found::missing, HealthLook::Found::file}) {
    Driver d(with_health_file());
    d.feed(report(d));
    d.go_ready();
    d.host(request("1", "tools/call"));
    d.pongs = false;
    for (int i = 0; i < 100; ++i) {
      d.advance(2s);
      d.feed(event::HealthSeen{{.found = found}});
      d.advance(100ms);
      d.feed(report(d));
    }
    CHECK(d.session.phase() == Phase::ready);
    CHECK(d.logged("the health file is") == 1);
    // One that stays away does not.
    d.feed(event::HealthSeen{{.found = found}});
    d.advance(5s);
    CHECK(d.session.phase() == Phase::ready);
    d.advance(1ms);
    CHECK(lost_by(d, "stalled"));
  }
}

TEST_CASE("session 7: a health file that turns stale takes the time back") {
  Driver d(with_health_file());
  d.feed(report(d));
  d.go_ready();
  d.host(request("1", "tools/call"));
  d.pongs = false;
  for (int i = 0; i < 50; ++i) {
    d.advance(2s);
    d.feed(report(d));
  }
  d.advance(119s);  // 219 s of silence
  CHECK(d.session.phase() == Phase::ready);
  d.advance(2s);
  CHECK(lost_by(d, "stalled"));
}

TEST_CASE("session 7: another process in the health file ends the silence of a call") {
  Driver d(with_health_file());
  d.feed(report(d));
  d.go_ready();
  d.advance(1s);
  d.feed(report(d));
  d.host(request("1", "tools/call"));
  d.pongs = false;
  d.advance(3s);
  d.feed(report(d, 2));
  CHECK(d.pings.size() == 2);  // asked at once
  d.advance(10s - 1ns);
  CHECK(d.session.phase() == Phase::ready);
  d.advance(1ns);
  CHECK(lost_by(d, "replaced"));
}

TEST_CASE("session 7: a backend's first report comes within 3 s, even if it is busy by then") {
  for (const Duration after : {Duration(3s), 3s + 1ns}) {
    CAPTURE(seconds(after));
    Driver d(with_health_file());
    d.feed(report(d));
    d.go_ready();
    d.host(request("1", "tools/call"));
    d.pongs = false;
    d.advance(after);
    d.feed(report(d, 2));
    d.advance(1min);
    CHECK(lost_by(d, "replaced") == (after > 3s));
    if (after > 3s) continue;
    CHECK(d.session.phase() == Phase::ready);
    d.feed(report(d, 3));
    CHECK(lost_by(d, "replaced"));
  }
}

TEST_CASE("session 7: a report of the one that is going is not the first one of its successor") {
  Driver d(with_health_file());
  d.feed(report(d));
  d.go_ready();
  d.host(request("1", "tools/call"));
  d.pongs = false;
  d.advance(1s);
  d.feed(report(d));
  d.advance(1s);
  d.feed(report(d, 2));
  d.advance(100s);
  CHECK(d.session.phase() == Phase::ready);
}

TEST_CASE("session 7: who reports late is known by answering once nobody else reports any more") {
  for (const Duration alone : {119s, 121s}) {
    CAPTURE(seconds(alone));
    Driver d(with_health_file());
    d.feed(report(d));  // left over from the backend before
    d.go_ready();
    d.advance(5s);
    for (const TimePoint end = d.now + alone; d.now < end; d.advance(1s)) d.feed(report(d, 2));
    d.host(request("1", "tools/call"));
    d.pongs = false;
    for (int i = 0; i < 100; ++i) {
      d.advance(1s);
      d.feed(report(d, 2));
    }
    CHECK(lost_by(d, "replaced") == (alone < 120s));
    if (alone < 120s) continue;
    CHECK(d.session.phase() == Phase::ready);
    d.feed(report(d, 3));
    CHECK(lost_by(d, "replaced"));
  }
}

TEST_CASE("session 7: two that report in turns are both as unknown as before") {
  Driver d(with_health_file());
  d.feed(report(d));
  d.go_ready();
  d.advance(5s);
  for (int i = 0; i < 300; ++i, d.advance(1s)) d.feed(report(d, i % 2 == 0 ? 2 : 1));
  d.host(request("1", "tools/call"));
  d.pongs = false;
  d.feed(report(d, 2));
  d.advance(30s);
  CHECK(lost_by(d, "replaced"));
}

TEST_CASE("session 7: a backend that has not taken an answer yet may be busy") {
  Driver d;
  d.establish();
  d.backend(request("77", "sampling/createMessage"));
  const std::string id = id_of(d.one_host_line());
  d.link_writes = false;
  d.host(answer(id, "\"" + std::string(100'000, 'a') + "\""));
  d.pongs = false;
  d.advance(119s);
  CHECK(d.session.phase() == Phase::ready);
  d.advance(2s);
  CHECK(lost_by(d, "stalled"));
}

TEST_CASE("session 7: a request of the shim's own that is never answered excuses silence once") {
  for (const bool long_ago : {false, true}) {
    CAPTURE(long_ago);
    Driver d;
    d.establish();
    ask_and_answer(d, request("1", "logging/setLevel", R"({"level":"info"})"), "{}");
    d.lose();
    d.go_ready();  // whoever answers nothing else
    if (long_ago) d.advance(10min);
    d.pongs = false;
    d.advance(26s);
    CHECK(lost_by(d, "no-pong") == long_ago);
    d.advance(100s);
    CHECK(lost_by(d, "stalled") == !long_ago);
  }
}

TEST_CASE("session 7: another process in the health file does nothing to a link that answers") {
  Driver d(with_health_file());
  d.feed(report(d));
  d.go_ready();
  d.host(request("1", "tools/call"));
  d.advance(1s);
  d.feed(report(d, 2));
  d.advance(1min);
  CHECK(d.session.phase() == Phase::ready);
  // Heard since, so what the file says now is what this link's backend says.
  d.pongs = false;
  d.advance(100s);
  CHECK(d.session.phase() == Phase::ready);
}

TEST_CASE("session 7: silence while the shim does not read the link is none") {
  Settings settings = default_settings();
  settings.queue_bytes = 2'000;
  Driver d(settings);
  d.go_ready();
  d.host_reads = false;
  d.backend(notify("n", "\"" + std::string(3'000, 'x') + "\""));
  REQUIRE(d.link_pauses.size() == 1);
  d.pongs = false;
  d.advance(1h);
  CHECK(d.session.phase() == Phase::ready);
  d.feed(event::HostWritten{10'000});
  REQUIRE(d.link_pauses.size() == 2);
  d.advance(25s - 1ns);
  CHECK(d.session.phase() == Phase::ready);
  d.advance(1ns);
  CHECK(d.session.phase() == Phase::waiting);
}

TEST_CASE("session 7: nor is it on a link that was not read when it became ready") {
  Settings settings = default_settings();
  settings.queue_bytes = 2'000;
  Driver d(settings);
  d.establish();
  d.lose();
  d.validate();
  REQUIRE(d.session.phase() == Phase::resuming);
  d.host_reads = false;
  const std::string id = id_of(d.link_log.back().text);
  d.backend(notify("n", "\"" + std::string(3'000, 'x') + "\""));
  REQUIRE(d.link_pauses.size() == 1);
  d.backend(initialize_answer(id));  // had been read already
  REQUIRE(d.session.phase() == Phase::ready);
  d.pongs = false;
  d.advance(1h);
  CHECK(d.session.phase() == Phase::ready);
}

TEST_CASE("session 7: after a suspend the backend is pinged at once, and tried at once") {
  Driver d;
  d.go_ready();
  d.advance(1s);
  d.pongs = false;
  d.feed(event::MachineResumed{1h});
  CHECK(d.pings.size() == 2);
  CHECK(d.logged("slept") == 1);
  d.advance(10s);
  REQUIRE(d.session.phase() == Phase::waiting);
  d.until_connecting();
  d.lose({.cause = Cause::unreachable});
  const TimePoint attempt = d.open_times.back();
  d.feed(event::MachineResumed{1h});
  d.until_connecting();
  CHECK(d.open_times.back() - attempt <= 1s);
}

TEST_CASE("session 7: with ping interval 0 silence is never noticed") {
  Settings settings = default_settings();
  settings.ping_interval = {};
  Driver d(settings);
  d.go_ready();
  d.pongs = false;
  d.advance(24h);
  CHECK(d.session.phase() == Phase::ready);
  CHECK(d.pings.size() == 1);
}

TEST_CASE("session 7: with stall timeout 0 a silent call is borne for ever") {
  Settings settings = default_settings();
  settings.stall_timeout = {};
  Driver d(settings);
  d.go_ready();
  d.host(request("1", "tools/call"));
  d.pongs = false;
  d.advance(24h);
  CHECK(d.session.phase() == Phase::ready);
}

TEST_CASE("session 4.2: a health file that turns fresh makes the attempt at once") {
  Settings settings = with_health_file();
  settings.backoff = {.base = 10s, .cap = 1h, .jitter = {Jitter::Kind::ratio, 0}};
  Driver d(settings);
  d.until_connecting();
  d.lose({.cause = Cause::refused});
  d.advance(200ms);
  CHECK(d.opens.size() == 1);
  d.feed(report(d));
  CHECK(d.opens.size() == 2);  // closer to the last attempt than anything else may bring it
  // Its first change may be the sign of another backend, those that follow are no news.
  for (int i = 0; i < 9; ++i) {
    d.lose({.cause = Cause::refused});
    d.advance(200ms);
    d.feed(report(d));
  }
  CHECK(d.opens.size() == 3);
  // Another process is.
  d.feed(report(d, 2));
  CHECK(d.opens.size() == 4);
}

TEST_CASE(
    "session 4.2: the first change of the health file after a loss makes the attempt at once") {
  Settings settings = with_health_file();
  settings.backoff = {.base = 10s, .cap = 1h, .jitter = {Jitter::Kind::ratio, 0}};
  Driver d(settings);
  d.feed(report(d));
  d.go_ready();
  d.advance(10s);
  d.lose();
  d.advance(3s);
  CHECK(d.opens.size() == 1);
  d.feed(report(d));
  CHECK(d.opens.size() == 2);
}

TEST_CASE("session 4.2: the first change after a loss is waited for through attempts that fail") {
  Settings settings = with_health_file();
  settings.backoff = {.base = 10s, .cap = 1h, .jitter = {Jitter::Kind::ratio, 0}};
  Driver d(settings);
  d.feed(report(d));
  d.go_ready();
  d.advance(10s);
  d.lose();
  d.until_connecting();
  d.lose({.cause = Cause::refused});
  d.advance(3s);
  REQUIRE(d.opens.size() == 2);
  d.feed(report(d));
  CHECK(d.opens.size() == 3);
}

TEST_CASE("session 4.2: a file that turns fresh during an attempt is remembered until it fails") {
  Settings settings = with_health_file();
  settings.backoff = {.base = 10s, .cap = 1h, .jitter = {Jitter::Kind::ratio, 0}};
  Driver d(settings);
  d.until_connecting();
  d.advance(3s);
  d.feed(report(d));
  CHECK(d.opens.size() == 1);
  d.lose({.cause = Cause::refused});
  d.until_connecting();
  CHECK(d.open_times.back() - d.open_times.front() <= 3s);
}

TEST_CASE("session 4.2: Retry-After is heeded even if the health file turns fresh") {
  Driver d(with_health_file());
  d.until_connecting();
  d.lose({.cause = Cause::http_status, .status = 503, .retry_after = 20s});
  d.feed(report(d));
  CHECK(d.opens.size() == 1);
  d.advance(20s);
  CHECK(d.opens.size() == 2);
}

TEST_CASE("session 7: the health file alone neither blocks nor drops anything") {
  Driver d(with_health_file());
  d.go_ready();
  for (const auto found : {HealthLook::Found::missing, HealthLook::Found::unusable}) {
    d.feed(event::HealthSeen{{.found = found}});
    d.advance(10min);
    CHECK(d.session.epoch() == 1);
    CHECK(d.session.phase() == Phase::ready);
  }
}

TEST_CASE("session 7: another process than when the link became ready, whatever was heard since") {
  Driver d(with_health_file());
  d.feed(report(d));
  d.go_ready();
  d.host(request("1", "tools/call"));
  d.advance(4s);
  d.feed(report(d, 2));
  d.backend(notify("n"));
  d.pongs = false;
  d.advance(26s);
  CHECK(lost_by(d, "replaced"));
}

TEST_CASE("session 10: the health file's state is logged when it changes, and not too often") {
  Driver d(with_health_file());
  d.go_ready();
  d.feed(report(d));
  CHECK(d.logged("the health file is fresh") == 1);
  d.advance(2s);
  d.feed(report(d));
  CHECK(d.logged("the health file is") == 1);
  d.advance(2min + 1s);
  CHECK(d.logged("the health file is stale") == 1);
  for (int i = 0; i < 20; ++i) {
    d.advance(100ms);
    d.feed(event::HealthSeen{{.found = HealthLook::Found::missing}});
    d.feed(report(d));
  }
  CHECK(d.logged("the health file is") <= 4);
}

}  // namespace
}  // namespace shim::test
