#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/health.hpp"
#include "common/time.hpp"
#include "shim/core/action.hpp"
#include "shim/core/counters.hpp"
#include "shim/core/phase.hpp"

namespace shim {

/// Where a session stands, for people and programs that look on (contract 13). Plain data, no
/// secrets.
struct Report {
  Phase phase = Phase::waiting;
  Epoch epoch = 0;                            ///< 0: no attempt yet
  std::string endpoint;                       ///< of the present or latest attempt, as logs call it
  TimePoint since;                            ///< when this phase began
  unsigned attempts = 0;                      ///< failed since a link was last ready
  std::string last_error;                     ///< cause and detail of the latest loss, or empty
  std::optional<Duration> ping_round_trip{};  ///< the latest one, while ready
  std::size_t pending = 0;                    ///< requests of the host, queued or in flight
  std::size_t queued = 0;                     ///< messages that wait for the backend
  HealthState health = HealthState::none;
  Counters counters;

  bool operator==(const Report&) const = default;
};

}  // namespace shim
