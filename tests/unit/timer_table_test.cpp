#include "shim/core/timer_table.hpp"

#include <doctest/doctest.h>

namespace shim {
namespace {

using namespace std::chrono_literals;

TEST_CASE("timer table: an absent timer is disarmed") {
  TimerTable timers;
  for (const Timer timer : {Timer::reconnect, Timer::attempt, Timer::min_uptime, Timer::drain}) {
    CHECK_FALSE(timers.armed(timer));
    CHECK_FALSE(timers.get(timer).has_value());
    CHECK_FALSE(timers.take_due(timer, TimePoint::max()));
    timers.disarm(timer);  // harmless
  }
  CHECK_FALSE(timers.next_deadline().has_value());
}

TEST_CASE("timer table: a timer is due at its deadline, not a nanosecond before, and once") {
  TimerTable timers;
  const TimePoint at(10s);
  timers.arm(Timer::drain, at);
  CHECK(timers.armed(Timer::drain));
  CHECK_FALSE(timers.take_due(Timer::drain, at - 1ns));
  CHECK_FALSE(timers.take_due(Timer::reconnect, at));
  CHECK(timers.armed(Timer::drain));
  CHECK(timers.take_due(Timer::drain, at));
  CHECK_FALSE(timers.armed(Timer::drain));
  CHECK_FALSE(timers.take_due(Timer::drain, at));
}

TEST_CASE("timer table: the next deadline is the earliest, whatever the order of arming") {
  TimerTable timers;
  timers.arm(Timer::attempt, TimePoint(5s));
  timers.arm(Timer::reconnect, TimePoint(3s));
  timers.arm(Timer::drain, TimePoint(4s));
  const bool first = timers.next_deadline() == TimePoint(3s);
  CHECK(first);
  timers.arm(Timer::reconnect, TimePoint(9s));  // arming again replaces
  const bool second = timers.next_deadline() == TimePoint(4s);
  CHECK(second);
  timers.disarm(Timer::drain);
  const bool third = timers.next_deadline() == TimePoint(5s);
  CHECK(third);
  timers.disarm(Timer::attempt);
  timers.disarm(Timer::reconnect);
  CHECK_FALSE(timers.next_deadline().has_value());
}

TEST_CASE("timer table: negative times are times too") {
  TimerTable timers;
  timers.arm(Timer::reconnect, TimePoint(-5s));
  CHECK_FALSE(timers.take_due(Timer::reconnect, TimePoint(-6s)));
  CHECK(timers.take_due(Timer::reconnect, TimePoint(0s)));
}

}  // namespace
}  // namespace shim
