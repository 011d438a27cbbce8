#include "shim/io/suspend.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <ctime>
#include <limits>
#include <utility>

#include "shim/io/timer_fd.hpp"

namespace shim {
namespace {

Duration read_clock(clockid_t clock) {
  timespec at{};
  ::clock_gettime(clock, &at);
  return std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
}

Duration time_slept() { return read_clock(CLOCK_BOOTTIME) - read_clock(CLOCK_MONOTONIC); }

/// A timer that never fires but is cancelled when the wall clock is set (timerfd_create(2)).
void arm_for_clock_set(int timer) {
  itimerspec spec{};
  spec.it_value.tv_sec = std::numeric_limits<time_t>::max() / 1'000'000'000 - 1;
  ::timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, nullptr);
}

}  // namespace

SuspendWatch::SuspendWatch(Loop& loop, EventSink sink)
    : loop_(loop),
      sink_(std::move(sink)),
      clock_set_(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)),
      slept_(time_slept()) {
  if (!clock_set_) return;
  arm_for_clock_set(clock_set_.get());
  loop_.watch(clock_set_.get(), EPOLLIN, [this](std::uint32_t) {
    drain(clock_set_);
    arm_for_clock_set(clock_set_.get());
  });
}

SuspendWatch::~SuspendWatch() {
  if (clock_set_) loop_.unwatch(clock_set_.get());
}

void SuspendWatch::check() {
  const Duration slept = time_slept();
  const Duration jump = slept - std::exchange(slept_, slept);
  if (jump >= jump_min) sink_(event::MachineResumed{jump});
}

}  // namespace shim
