#pragma once

#include <chrono>

/// Time in the core. Nothing here reads a clock: times are arguments.
namespace shim {

/// A span of time.
using Duration = std::chrono::nanoseconds;

/// Tag of the monotonic clock, which never jumps and has no relation to the time of day.
struct MonotonicTag {
  using duration = Duration;
};

/// A point on the monotonic clock. Only differences mean anything.
using TimePoint = std::chrono::time_point<MonotonicTag, Duration>;

/// Tag of the wall clock, which people set and which may jump.
struct WallTag {
  using duration = Duration;
};

/// A point on the wall clock: time since 1970. Never to be compared with a TimePoint.
using WallTime = std::chrono::time_point<WallTag, Duration>;

/// Whole milliseconds, for messages to people and for JSON.
[[nodiscard]] constexpr long long milliseconds(Duration span) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
}

/// Seconds as a floating-point number, for messages to people.
[[nodiscard]] constexpr double seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace shim
