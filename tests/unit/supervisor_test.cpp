#include "shim/core/supervisor.hpp"

#include <doctest/doctest.h>

#include <array>

namespace shim {
namespace {

using namespace std::chrono_literals;

/// A supervisor with a clock, stepped by hand.
struct SupervisorRig {
  explicit SupervisorRig(BackoffPolicy backoff = {.base = 250ms,
                                                  .cap = 30s,
                                                  .jitter = {Jitter::Kind::ratio, 0.1}})
      : settings{.endpoints = {"ws://b"}, .backoff = backoff} {
    supervisor.start(now);
    tick();
  }

  Settings settings;
  TimerTable timers;
  Prng random{1};
  Supervisor supervisor{settings, timers, random, 0};
  TimePoint now{1h};
  Actions out;

  void tick() {
    supervisor.on_deadline(now, out);
    CHECK(supervisor.has_a_way_out());
  }
  void advance(Duration span) {
    now += span;
    tick();
  }
  Duration wait() const { return *timers.get(Timer::reconnect) - now; }
  void lose(const Loss& loss = {.cause = Cause::refused}) {
    supervisor.lost(now, loss, out);
    CHECK(supervisor.has_a_way_out());
  }
  void connect() {
    if (supervisor.phase() == Phase::waiting) advance(wait());
    REQUIRE(supervisor.phase() == Phase::connecting);
  }
  void become_ready() {
    connect();
    supervisor.opened(now, out);
    CHECK(supervisor.has_a_way_out());
    supervisor.validated(now, out);
    CHECK(supervisor.has_a_way_out());
    supervisor.resumed(now, out);
    CHECK(supervisor.has_a_way_out());
  }
  template <typename Order>
  std::size_t count() const {
    std::size_t n = 0;
    for (const Action& action : out) n += std::holds_alternative<Order>(action) ? 1 : 0;
    return n;
  }
  template <typename Order>
  const Order& last() const {
    for (auto position = out.rbegin(); position != out.rend(); ++position) {
      if (const auto* order = std::get_if<Order>(&*position)) return *order;
    }
    FAIL("no such order");
    std::abort();
  }
};

TEST_CASE(
    "supervisor 4.1: the first attempt starts at once, the phases follow, each link has a number") {
  SupervisorRig rig;
  CHECK(rig.supervisor.phase() == Phase::connecting);
  CHECK(rig.supervisor.epoch() == 1);
  CHECK(rig.last<action::OpenLink>().epoch == 1);
  CHECK_FALSE(rig.supervisor.link_open());
  rig.supervisor.opened(rig.now, rig.out);
  CHECK(rig.supervisor.phase() == Phase::validating);
  CHECK(rig.last<action::PingLink>().epoch == 1);
  CHECK(rig.supervisor.link_open());
  rig.supervisor.validated(rig.now, rig.out);
  CHECK(rig.supervisor.phase() == Phase::resuming);
  CHECK_FALSE(rig.supervisor.ready());
  rig.supervisor.resumed(rig.now, rig.out);
  CHECK(rig.supervisor.ready());
  rig.lose();
  CHECK(rig.supervisor.phase() == Phase::waiting);
  CHECK(rig.last<action::CloseLink>().epoch == 1);
  CHECK_FALSE(rig.last<action::CloseLink>().politely);
  rig.connect();
  CHECK(rig.supervisor.epoch() == 2);
  CHECK(rig.count<action::OpenLink>() == 2);
}

TEST_CASE("supervisor 4.2: the series of delays of the contract") {
  SupervisorRig rig;
  for (const Duration d :
       {250ms, 500ms, 1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
    CAPTURE(milliseconds(d));
    rig.connect();
    rig.lose();
    CHECK(rig.wait() >= d);
    CHECK(rig.wait() <= d + d / 10);
  }
}

TEST_CASE("supervisor 4.1: each step of an attempt has its deadline") {
  struct Row {
    Phase phase;
    Cause cause;
    Duration timeout;
  };
  const std::array rows{Row{Phase::connecting, Cause::connect_timeout, 10s},
                        Row{Phase::validating, Cause::validate_timeout, 5s},
                        Row{Phase::resuming, Cause::resume_timeout, 10s}};
  for (const Row& row : rows) {
    CAPTURE(std::string(name(row.phase)));
    SupervisorRig rig;
    rig.advance(9s);
    if (row.phase != Phase::connecting) rig.supervisor.opened(rig.now, rig.out);
    if (row.phase == Phase::resuming) {
      rig.advance(4s);
      rig.supervisor.validated(rig.now, rig.out);
    }
    const Duration left = row.phase == Phase::connecting ? row.timeout - 9s : row.timeout;
    rig.advance(left - 1ns);
    CHECK_FALSE(rig.supervisor.overdue(rig.now).has_value());
    rig.advance(1ns);
    const auto loss = rig.supervisor.overdue(rig.now);
    REQUIRE(loss.has_value());
    CHECK(loss->cause == row.cause);
    rig.lose(*loss);
    CHECK(rig.supervisor.last_error().starts_with(name(row.cause)));
  }
}

TEST_CASE("supervisor: ready and waiting links are never overdue") {
  SupervisorRig rig;
  rig.become_ready();
  CHECK_FALSE(rig.supervisor.overdue(rig.now + 1h).has_value());
  rig.lose();
  CHECK_FALSE(rig.supervisor.overdue(rig.now + 1h).has_value());
}

TEST_CASE("supervisor 4.2: the backoff resets only after min-uptime in ready") {
  for (const Duration up : {Duration(0s), Duration(5s - 1ns), Duration(5s), Duration(1h)}) {
    CAPTURE(up.count());
    SupervisorRig rig;
    for (int i = 0; i < 7; ++i) {
      rig.connect();
      rig.lose();
    }
    rig.become_ready();
    rig.advance(up);
    rig.lose({.cause = Cause::closed});
    if (up < 5s) {
      CHECK(rig.wait() >= 30s);
    } else {
      CHECK(rig.wait() <= 275ms);
    }
  }
}

TEST_CASE("supervisor 4.2: min-uptime does not run on after the link was lost") {
  SupervisorRig rig;
  rig.become_ready();
  rig.lose();
  rig.advance(rig.wait());
  rig.lose();
  rig.become_ready();
  rig.advance(4s);
  rig.lose();
  CHECK_FALSE(rig.timers.armed(Timer::min_uptime));
  CHECK(rig.wait() >= 1s);  // the third failure
}

TEST_CASE("supervisor 4.2: --min-uptime 0 resets at once") {
  SupervisorRig rig;
  rig.settings.min_uptime = Duration::zero();
  for (int i = 0; i < 5; ++i) {
    rig.become_ready();
    rig.tick();
    rig.lose();
    CHECK(rig.wait() <= 275ms);
  }
}

TEST_CASE(
    "supervisor 4.2: who wants the link gets an attempt, never closer than 1 s to the last start") {
  for (const bool demand : {false, true}) {
    CAPTURE(demand);
    SupervisorRig rig;
    const auto want = [&] {
      if (demand) {
        rig.supervisor.demanded(rig.now);
      } else {
        rig.supervisor.wanted(rig.now);
      }
      CHECK(rig.supervisor.has_a_way_out());
    };
    want();  // not while connecting
    CHECK(rig.supervisor.epoch() == 1);
    CHECK_FALSE(rig.timers.armed(Timer::reconnect));
    rig.lose({.cause = Cause::certificate});  // at the cap
    rig.advance(300ms);
    want();
    CHECK(milliseconds(rig.wait()) == 700);
    want();  // again changes nothing
    CHECK(milliseconds(rig.wait()) == 700);
    rig.advance(700ms);
    CHECK(rig.supervisor.epoch() == 2);
    rig.advance(3s);
    rig.lose({.cause = Cause::certificate});
    want();
    CHECK(milliseconds(rig.wait()) == 0);  // long since the last start: at once
    rig.tick();
    CHECK(rig.supervisor.epoch() == 3);
  }
}

TEST_CASE("supervisor 4.3: an attempt at once after a long one is not said to go to another URL") {
  SupervisorRig rig;
  rig.supervisor.wanted(rig.now);
  rig.advance(2s);
  rig.lose();
  CHECK(milliseconds(rig.wait()) == 0);
  const std::string& text = rig.last<action::Log>().text;
  CHECK(text.find("next URL") == std::string::npos);
  CHECK(text.find("; trying again at once") != std::string::npos);
}

TEST_CASE("supervisor 10: what is not to be shown of a loss is neither logged nor kept") {
  SupervisorRig rig;
  rig.settings.without_secrets = [](std::string text) {
    return text.replace(text.find("s3cret"), 6, "...");
  };
  rig.lose({.cause = Cause::closed, .detail = "no s3cret!"});
  CHECK(rig.supervisor.last_error() == "closed: no ...!");
  CHECK(rig.last<action::Log>().text.find("s3cret") == std::string::npos);
}

TEST_CASE("supervisor 4.2: wanting never puts an attempt off") {
  SupervisorRig rig;
  rig.lose();  // 250 ms
  const Duration wait = rig.wait();
  REQUIRE(wait < 1s);
  rig.supervisor.wanted(rig.now);
  CHECK(rig.wait() == wait);
}

TEST_CASE("supervisor 4.2: Retry-After is waited for, against wishes of hosts, not of persons") {
  SupervisorRig rig;
  rig.lose({.cause = Cause::http_status, .status = 503, .retry_after = 20s});
  CHECK(milliseconds(rig.wait()) == 20'000);
  rig.advance(5s);
  rig.supervisor.wanted(rig.now);
  CHECK(milliseconds(rig.wait()) == 15'000);
  rig.supervisor.demanded(rig.now);
  CHECK(milliseconds(rig.wait()) == 0);
  rig.tick();
  // It counts for one attempt only.
  rig.advance(2s);
  rig.lose({.cause = Cause::certificate});
  rig.supervisor.wanted(rig.now);
  CHECK(milliseconds(rig.wait()) == 0);
}

TEST_CASE("supervisor 4.2: a Retry-After shorter than the backoff does not shorten it") {
  SupervisorRig rig;
  for (int i = 0; i < 7; ++i) {
    rig.lose();
    rig.connect();
  }
  rig.lose({.cause = Cause::http_status, .status = 429, .retry_after = 2s});
  CHECK(rig.wait() >= 30s);
  rig.supervisor.wanted(rig.now);
  CHECK(milliseconds(rig.wait()) == 2000);
}

TEST_CASE("supervisor 4.2: what only a person can mend is logged as such and tried at the cap") {
  const std::array losses{Loss{.cause = Cause::certificate},
                          Loss{.cause = Cause::subprotocol},
                          Loss{.cause = Cause::incompatible},
                          Loss{.cause = Cause::http_status, .status = 401},
                          Loss{.cause = Cause::http_status, .status = 403},
                          Loss{.cause = Cause::http_status, .status = 404}};
  for (const Loss& loss : losses) {
    SupervisorRig rig;
    rig.lose(loss);
    CHECK(rig.wait() >= 30s);
    CHECK(rig.wait() <= 33s);
    CHECK(rig.last<action::Log>().level == LogLevel::warn);
    CHECK(rig.last<action::Log>().text.find("person") != std::string::npos);
  }
  SupervisorRig rig;
  rig.lose({.cause = Cause::http_status, .status = 500});
  CHECK(rig.wait() < 1s);
  CHECK(rig.last<action::Log>().text.find("person") == std::string::npos);
}

TEST_CASE("supervisor 4.3: attempts 1, 5, 20, 50 and every 10th of an outage are worth a warning") {
  SupervisorRig rig;
  std::vector<unsigned> warned;
  for (unsigned i = 1; i <= 120; ++i) {
    rig.connect();
    rig.lose();
    CHECK(rig.supervisor.failed_attempts() == i);
    if (rig.last<action::Log>().level == LogLevel::warn) warned.push_back(i);
  }
  CHECK(warned == std::vector<unsigned>{1, 5, 20, 50, 60, 70, 80, 90, 100, 110, 120});
  rig.become_ready();
  CHECK(rig.last<action::Log>().level == LogLevel::info);
  CHECK(rig.last<action::Log>().text.find("121 attempts") != std::string::npos);
  CHECK(rig.supervisor.failed_attempts() == 0);
}

TEST_CASE("supervisor: how long there has been no backend, and why") {
  SupervisorRig rig;
  CHECK(rig.supervisor.last_error().empty());
  rig.now += 3s;
  CHECK(milliseconds(rig.supervisor.down_for(rig.now)) == 3000);  // since the start
  rig.become_ready();
  CHECK(rig.supervisor.down_for(rig.now).count() == 0);
  rig.advance(10s);
  rig.lose({.cause = Cause::closed, .detail = "1001"});
  CHECK(rig.supervisor.last_error() == "closed: 1001");
  CHECK(rig.supervisor.failed_attempts() == 0);
  rig.connect();
  rig.advance(2s);
  rig.lose({.cause = Cause::refused});
  CHECK(rig.supervisor.last_error() == "refused");
  CHECK(rig.supervisor.failed_attempts() == 1);
  CHECK(rig.supervisor.down_for(rig.now) >= 2250ms);
}

TEST_CASE("supervisor: stopping closes a link politely, and is the end") {
  SupervisorRig rig;
  SUBCASE("connecting") {}
  SUBCASE("ready") { rig.become_ready(); }
  rig.supervisor.stop(rig.now, rig.out);
  CHECK(rig.last<action::CloseLink>().politely);
  CHECK(rig.supervisor.phase() == Phase::stopped);
  CHECK_FALSE(rig.timers.next_deadline().has_value());
  rig.advance(1h);
  rig.supervisor.wanted(rig.now);
  rig.supervisor.demanded(rig.now);
  rig.advance(1h);
  CHECK(rig.count<action::OpenLink>() == 1);
}

TEST_CASE("supervisor 4.2: a person's wish during an attempt is not forgotten either") {
  SupervisorRig rig({.base = 20s, .cap = 20s, .jitter = {Jitter::Kind::ratio, 0}});
  rig.advance(2s);
  rig.supervisor.demanded(rig.now);
  rig.lose();
  CHECK(rig.wait() == Duration::zero());
}

TEST_CASE("supervisor 4.2: who asks during an attempt need not ask again when it has failed") {
  const Settings settings{.endpoints = {"ws://a"},
                          .backoff = {.base = 20s, .cap = 20s, .jitter = {Jitter::Kind::ratio, 0}}};
  for (const bool for_good : {false, true}) {
    CAPTURE(for_good);
    TimerTable timers;
    Prng random(1);
    Supervisor supervisor(settings, timers, random, 0);
    const TimePoint start(1h);
    Actions out;
    supervisor.start(start);
    supervisor.on_deadline(start, out);
    supervisor.wanted(start + 100ms);
    Loss loss{.cause = Cause::refused};
    if (for_good) loss = {.cause = Cause::http_status, .status = 404};
    supervisor.lost(start + 300ms, loss, out);
    const TimePoint next = *timers.get(Timer::reconnect);
    CHECK((for_good ? next >= start + 20s : next == start + 1s));
  }
}

TEST_CASE("supervisor: stopping while waiting closes nothing") {
  SupervisorRig rig;
  rig.lose();
  const std::size_t closes = rig.count<action::CloseLink>();
  rig.supervisor.stop(rig.now, rig.out);
  CHECK(rig.count<action::CloseLink>() == closes);
}

}  // namespace
}  // namespace shim
