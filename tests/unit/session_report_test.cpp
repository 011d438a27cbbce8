// Contract 13: what a session says about itself.

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

Report report_of(const Driver& d) { return d.session.report(d.now); }

TEST_CASE("report 13: each phase with the time at which it began") {
  Driver d;
  const TimePoint start = d.now;
  CHECK(report_of(d).phase == Phase::connecting);
  CHECK(report_of(d).since == start);
  CHECK(report_of(d).epoch == 1);
  CHECK(report_of(d).endpoint == "ws://backend:1/");
  CHECK(report_of(d).last_error.empty());
  d.advance(2s);
  d.opened();
  CHECK(report_of(d).phase == Phase::validating);
  CHECK(report_of(d).since == start + 2s);
  d.advance(1s);
  d.pong();
  CHECK(report_of(d).phase == Phase::ready);
  CHECK(report_of(d).since == start + 3s);
  d.advance(7s);
  d.lose({.cause = Cause::reset, .detail = "cut"});
  CHECK(report_of(d).phase == Phase::waiting);
  CHECK(report_of(d).since == start + 10s);
  CHECK(report_of(d).last_error == "reset: cut");
}

TEST_CASE("report 13: attempts count the failures of an outage, epochs all links") {
  Driver d;
  for (unsigned i = 1; i <= 3; ++i) {
    d.until_connecting();
    d.lose({.cause = Cause::refused});
    CHECK(report_of(d).attempts == i);
    CHECK(report_of(d).epoch == i);
  }
  d.go_ready();
  CHECK(report_of(d).attempts == 0);
  CHECK(report_of(d).epoch == 4);
  CHECK(report_of(d).last_error == "refused");
}

TEST_CASE("report 13: the ping round trip is the latest one's, and only a ready link has one") {
  Driver d;
  d.until_connecting();
  d.opened();
  d.advance(40ms);
  CHECK_FALSE(report_of(d).ping_round_trip.has_value());
  d.pong();
  CHECK(report_of(d).ping_round_trip == 40ms);

  d.pongs = false;
  d.advance(15s);
  CHECK(report_of(d).ping_round_trip == 40ms);
  d.advance(300ms);
  d.pong();
  CHECK(report_of(d).ping_round_trip == 300ms);
  d.pong();  // nobody asked
  CHECK(report_of(d).ping_round_trip == 300ms);

  d.lose();
  CHECK_FALSE(report_of(d).ping_round_trip.has_value());
  d.pongs = true;
  d.until_connecting();
  d.opened();
  d.advance(20ms);
  d.pong();
  CHECK(report_of(d).ping_round_trip == 20ms);
}

TEST_CASE("report 13: a pong is timed although other messages came before it") {
  Driver d;
  d.go_ready();
  d.pongs = false;
  d.advance(15s);
  d.advance(100ms);
  d.backend(notify("notifications/x"));
  d.advance(100ms);
  d.pong();
  CHECK(report_of(d).ping_round_trip == 200ms);
}

TEST_CASE("report 13: pending and queued") {
  Driver d;
  d.host(request("1", "m"));
  d.host(notify("n"));
  CHECK(report_of(d).pending == 1);
  CHECK(report_of(d).queued == 2);
  d.go_ready();
  CHECK(report_of(d).pending == 1);
  CHECK(report_of(d).queued == 0);
  d.backend(answer("1"));
  CHECK(report_of(d).pending == 0);
}

TEST_CASE("report 13: what is settled is counted by the reason the host is told") {
  Driver d;
  d.go_ready();
  d.host(request("1", "tools/call", R"({"name":"t"})"));
  d.lose();
  CHECK(report_of(d).counters.of(Reason::outcome_unknown) == 1);
  d.host(request("2", "m"));
  d.advance(d.settings.queue_timeout);
  CHECK(report_of(d).counters.of(Reason::backend_unavailable) == 1);
  std::uint64_t all = 0;
  for (const std::uint64_t count : report_of(d).counters.settled) all += count;
  CHECK(all == 2);
}

TEST_CASE("report 13: a request that was perhaps delivered counts as outcome unknown") {
  Driver d;
  d.establish();
  d.host(request("1", "tools/list"));
  d.lose();
  d.advance(d.settings.queue_timeout);
  CHECK(settled(d.host_log.back()).reason == "outcome-unknown");
  CHECK(report_of(d).counters.of(Reason::outcome_unknown) == 1);
  CHECK(report_of(d).counters.of(Reason::backend_unavailable) == 0);
}

TEST_CASE("report 13: every reason has a name of its own") {
  std::map<std::string_view, int> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Reason::count); ++i)
    ++names[name(static_cast<Reason>(i))];
  CHECK(names.size() == static_cast<std::size_t>(Reason::count));
  CHECK(names.contains("request-timeout"));
  CHECK_FALSE(names.contains("internal"));
  std::map<std::string_view, int> causes;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Drop::count); ++i)
    ++causes[key(static_cast<Drop>(i))];
  CHECK(causes.size() == static_cast<std::size_t>(Drop::count));
  CHECK_FALSE(causes.contains("?"));
}

TEST_CASE("report 13: reconnects are links that became ready after the first") {
  Driver d;
  CHECK(report_of(d).counters.reconnects() == 0);
  d.go_ready();
  CHECK(report_of(d).counters.reconnects() == 0);
  d.lose();
  d.go_ready();
  d.lose();
  d.go_ready();
  CHECK(report_of(d).counters.reconnects() == 2);
}

TEST_CASE("report 13: a core that is started afresh goes on counting") {
  Driver d;
  d.go_ready();
  d.host(request("1", "m"));
  Actions ignored;
  Estate estate = d.session.abandon(ignored);
  const Driver next(default_settings(), std::move(estate), d.now);
  CHECK(next.session.report(next.now).counters.host_messages == 1);
  CHECK(next.session.report(next.now).counters.links_ready == 1);
}

TEST_CASE("report 13: the health file's state") {
  Settings settings = default_settings();
  settings.has_health_file = true;
  Driver d(settings);
  d.feed(event::HealthSeen{{.found = HealthLook::Found::missing,
                            .text = {},
                            .modified = {},
                            .looked_at = WallTime(1h)}});
  CHECK(report_of(d).health == HealthState::missing);
  d.feed(event::HealthSeen{{.found = HealthLook::Found::file,
                            .text = R"({"t":3600})",
                            .modified = {},
                            .looked_at = WallTime(1h)}});
  CHECK(report_of(d).health == HealthState::fresh);
  CHECK(d.session.report(d.now + settings.health_max_age + 1ms).health == HealthState::stale);
}

TEST_CASE("report 13: two looks without a change are equal") {
  Driver d;
  d.go_ready();
  const Report before = report_of(d);
  d.advance(10s);
  CHECK(report_of(d) == before);
  d.host(notify("n"));
  CHECK_FALSE(report_of(d) == before);
}

}  // namespace
}  // namespace shim::test
