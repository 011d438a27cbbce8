// Contract 2, --url several times: order, failover, return to the first.

#include <doctest/doctest.h>

#include <vector>

#include "shim/core/supervisor.hpp"

namespace shim {
namespace {

using namespace std::chrono_literals;

/// A supervisor of three endpoints, of which some are up.
struct EndpointsRig {
  EndpointsRig() { supervisor.start(now); }

  const Settings settings{.endpoints = {"ws://a", "ws://b", "ws://c"},
                          .backoff = {.base = 1s, .cap = 8s, .jitter = {Jitter::Kind::ratio, 0}}};
  TimerTable timers;
  Prng random{1};
  Supervisor supervisor{settings, timers, random, 0};
  TimePoint now{1h};
  std::vector<bool> up{false, false, false};
  std::vector<std::size_t> tried;
  std::vector<TimePoint> times;

  /// The next attempt, whenever it is due; true if it ends in ready.
  bool attempt() {
    now = std::max(now, *timers.get(Timer::reconnect));
    Actions out;
    supervisor.on_deadline(now, out);
    REQUIRE(supervisor.phase() == Phase::connecting);
    for (const Action& action : out) {
      if (const auto* open = std::get_if<action::OpenLink>(&action)) {
        tried.push_back(open->endpoint);
        times.push_back(now);
      }
    }
    if (!up[tried.back()]) {
      lose({.cause = Cause::refused});
      return false;
    }
    supervisor.opened(now, out);
    supervisor.validated(now, out);
    supervisor.resumed(now, out);
    return true;
  }
  void until_ready() {
    for (int i = 0; i < 20; ++i) {
      if (attempt()) return;
    }
    FAIL("not ready after 20 attempts");
  }
  void lose(const Loss& loss = {.cause = Cause::reset}) {
    Actions out;
    supervisor.lost(now, loss, out);
    REQUIRE(supervisor.has_a_way_out());
  }
};

TEST_CASE("supervisor 2: a round tries all endpoints at once, in order; then the backoff waits") {
  EndpointsRig rig;
  for (int i = 0; i < 9; ++i) rig.attempt();
  CHECK(rig.tried == std::vector<std::size_t>{0, 1, 2, 0, 1, 2, 0, 1, 2});
  CHECK(rig.times[2] == rig.times[0]);
  CHECK(milliseconds(rig.times[3] - rig.times[2]) == 1000);
  CHECK(rig.times[5] == rig.times[3]);
  CHECK(milliseconds(rig.times[6] - rig.times[5]) == 2000);
}

TEST_CASE("supervisor 2: the first that becomes ready wins") {
  EndpointsRig rig;
  rig.up = {false, true, true};
  rig.until_ready();
  CHECK(rig.tried == std::vector<std::size_t>{0, 1});
  CHECK(rig.supervisor.endpoint() == "ws://b");
}

TEST_CASE(
    "supervisor 2: while the first is known to be away, the one that served last goes first") {
  EndpointsRig rig;
  rig.up = {false, true, true};
  rig.until_ready();
  rig.now += 50s;
  rig.lose();
  rig.tried.clear();
  rig.until_ready();
  CHECK(rig.tried == std::vector<std::size_t>{1});
}

TEST_CASE("supervisor 2: after 60 s a new attempt starts from the first again") {
  EndpointsRig rig;
  rig.up = {false, true, true};
  rig.until_ready();
  rig.now += 60s;
  rig.up = {true, true, true};
  rig.lose();
  rig.tried.clear();
  rig.until_ready();
  CHECK(rig.tried == std::vector<std::size_t>{0});
}

TEST_CASE("supervisor 2: a first that is back and lost again is tried first") {
  EndpointsRig rig;
  rig.up = {true, true, true};
  rig.until_ready();
  rig.now += 1s;
  rig.lose();
  rig.tried.clear();
  rig.up = {false, true, true};
  rig.until_ready();
  CHECK(rig.tried == std::vector<std::size_t>{0, 1});
}

TEST_CASE("supervisor 2: a round that starts in the middle still tries all") {
  EndpointsRig rig;
  rig.up = {false, false, true};
  rig.until_ready();
  rig.lose();
  rig.up = {false, false, false};
  rig.tried.clear();
  for (int i = 0; i < 3; ++i) rig.attempt();
  CHECK(rig.tried == std::vector<std::size_t>{2, 0, 1});
  CHECK(*rig.timers.get(Timer::reconnect) > rig.now);
}

TEST_CASE("supervisor 4.2: a Retry-After keeps us from its own endpoint only") {
  EndpointsRig rig;
  Actions out;
  rig.supervisor.on_deadline(rig.now, out);  // the first: it says 503
  rig.lose({.cause = Cause::http_status, .status = 503, .retry_after = 5s});
  const TimePoint asked = rig.now;
  for (int i = 0; i < 8; ++i) rig.attempt();
  CHECK(rig.tried == std::vector<std::size_t>{1, 2, 1, 2, 1, 2, 0, 1});
  CHECK(rig.times[1] == asked);  // the others are not kept waiting
  CHECK(rig.times[6] >= asked + 5s);
}

TEST_CASE("supervisor 4.2: if all endpoints ask for patience the shortest counts") {
  EndpointsRig rig;
  Actions out;
  std::vector<Duration> asked{20s, 40s, 30s};
  for (const Duration patience : asked) {
    rig.supervisor.on_deadline(rig.now, out);
    rig.lose({.cause = Cause::http_status, .status = 503, .retry_after = patience});
  }
  CHECK(*rig.timers.get(Timer::reconnect) == rig.now + 20s);
  rig.supervisor.wanted(rig.now);
  CHECK(*rig.timers.get(Timer::reconnect) == rig.now + 20s);
  rig.attempt();
  CHECK(rig.tried == std::vector<std::size_t>{0});
  rig.supervisor.demanded(rig.now);
  for (int i = 0; i < 3; ++i) rig.attempt();
  CHECK(rig.tried == std::vector<std::size_t>{0, 0, 1, 2});  // whatever they asked for
}

TEST_CASE("supervisor 4.2: the longest wait is for rounds in which all need a person") {
  EndpointsRig rig;
  const Loss forbidden{.cause = Cause::http_status, .status = 403};
  const auto fail_with = [&rig](const Loss& loss) {
    rig.now = std::max(rig.now, *rig.timers.get(Timer::reconnect));
    Actions out;
    rig.supervisor.on_deadline(rig.now, out);
    rig.lose(loss);
  };
  fail_with(forbidden);
  fail_with({.cause = Cause::refused});
  fail_with(forbidden);
  CHECK(*rig.timers.get(Timer::reconnect) - rig.now < 8s);
  for (int i = 0; i < 3; ++i) fail_with(forbidden);
  CHECK(*rig.timers.get(Timer::reconnect) - rig.now >= 8s);
}

}  // namespace
}  // namespace shim
