#pragma once

#include <chrono>

#include "common/time.hpp"

namespace shim {

/// The monotonic clock, read once per turn of the loop.
[[nodiscard]] inline TimePoint monotonic_now() {
  return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace shim
