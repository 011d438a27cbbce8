#include "shim/io/timer_fd.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace shim {
namespace {

/// A time of zero disarms it.
void set(const Descriptor& timer, Duration time, int flags) {
  itimerspec spec{};
  spec.it_value.tv_sec = static_cast<time_t>(time / std::chrono::seconds(1));
  spec.it_value.tv_nsec = static_cast<long>((time % std::chrono::seconds(1)).count());
  ::timerfd_settime(timer.get(), flags, &spec, nullptr);
}

}  // namespace

Descriptor make_timer() {
  return Descriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
}

void arm_timer(const Descriptor& timer, Duration wait) { set(timer, wait, 0); }

void arm_timer_at(const Descriptor& timer, std::optional<TimePoint> at) {
  set(timer, at ? std::max(at->time_since_epoch(), Duration(1)) : Duration::zero(),
      TFD_TIMER_ABSTIME);
}

bool drain(const Descriptor& counter) {
  std::uint64_t count = 0;
  return ::read(counter.get(), &count, sizeof count) == sizeof count;
}

}  // namespace shim
