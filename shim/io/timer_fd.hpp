#pragma once

#include <optional>

#include "common/time.hpp"
#include "shim/io/descriptor.hpp"

namespace shim {

/// A disarmed timer on the monotonic clock (timerfd_create(2)), to be watched in the loop; without
/// a descriptor if the system refuses it.
[[nodiscard]] Descriptor make_timer();

/// Makes it ready once, after `wait`, which must be more than zero; replaces an earlier time.
void arm_timer(const Descriptor& timer, Duration wait);

/// Likewise at a time, at once if that has passed; nullopt disarms it.
void arm_timer_at(const Descriptor& timer, std::optional<TimePoint> at);

/// Takes what has come to a timer or an event descriptor (eventfd(2)), so that it is ready no more.
/// Returns whether anything had: an event may be reported that a later arm_timer() has taken back.
bool drain(const Descriptor& counter);

}  // namespace shim
