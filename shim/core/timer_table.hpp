#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/time.hpp"

namespace shim {

/// The core's named timers.
enum class Timer : std::uint8_t {
  reconnect,   ///< start the next attempt
  attempt,     ///< the present attempt must have got further by now
  min_uptime,  ///< the link has proved itself
  silence,     ///< nothing was heard of the backend for a while
  heartbeat,   ///< its heartbeats are missing
  health,      ///< its health file turns stale
  keepalive,   ///< the host has heard nothing for a while
  drain,       ///< what is pending after the end of input is given up
  count        ///< not a timer
};

/// Deadlines by name; an absent one is disarmed.
class TimerTable {
 public:
  void arm(Timer timer, TimePoint at) { slot(timer) = at; }
  void disarm(Timer timer) { slot(timer).reset(); }
  [[nodiscard]] bool armed(Timer timer) const { return get(timer).has_value(); }
  [[nodiscard]] std::optional<TimePoint> get(Timer timer) const {
    return slots_[static_cast<std::size_t>(timer)];
  }

  /// Disarms the timer and returns true if it was due.
  [[nodiscard]] bool take_due(Timer timer, TimePoint now) {
    if (!armed(timer) || *slot(timer) > now) return false;
    disarm(timer);
    return true;
  }

  [[nodiscard]] std::optional<TimePoint> next_deadline() const {
    std::optional<TimePoint> next;
    for (const auto& at : slots_) {
      if (at && (!next || *at < *next)) next = at;
    }
    return next;
  }

 private:
  [[nodiscard]] std::optional<TimePoint>& slot(Timer timer) {
    return slots_[static_cast<std::size_t>(timer)];
  }
  std::array<std::optional<TimePoint>, static_cast<std::size_t>(Timer::count)> slots_;
};

}  // namespace shim
