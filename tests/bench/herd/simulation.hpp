#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/backoff.hpp"
#include "common/time.hpp"

namespace herd {

/// One backend that all clients are connected to dies, stays away and comes back.
struct Scenario {
  std::size_t clients = 1000;
  shim::Duration outage = std::chrono::seconds(2);
  shim::BackoffPolicy backoff;
  shim::Duration connect_timeout = std::chrono::seconds(10);
  unsigned accepts_per_second = 200;
  std::size_t backlog = 128;
  double asking = 0;  ///< which part of the hosts sends a request every `ask_interval`
  shim::Duration ask_interval = std::chrono::seconds(5);
  std::uint64_t seed = 1;
};

inline constexpr shim::Duration slot = std::chrono::milliseconds(100);
/// Whoever has no link after so long an outage counts as lost.
inline constexpr shim::Duration patience = std::chrono::hours(4);

/// Spans count from the moment the backend listens again.
struct Outcome {
  std::vector<shim::Duration> ready_after;  ///< ascending; one for each client that got a link
  std::uint64_t attempts = 0;
  std::uint64_t refused = 0;                    ///< while nothing listened
  std::uint64_t timed_out = 0;                  ///< no place in the queue, or not served in time
  std::uint64_t served_in_vain = 0;             ///< served when the client had already given up
  std::vector<std::uint32_t> attempts_by_slot;  ///< from the loss on
};

/// Every client is the core's Supervisor: backoff, spacing and time limits are those of the
/// product. The network takes no time; a dropped SYN is sent again after 1, 2, 4, … s, as Linux
/// does.
[[nodiscard]] Outcome simulate(const Scenario& scenario);

/// The time by which this part (0…1) of `clients` was ready; patience if it never was.
[[nodiscard]] shim::Duration ready_by(const Outcome& outcome, std::size_t clients, double part);

/// Most attempts in one slot that ended at or after `from`, counted from the loss.
[[nodiscard]] std::uint32_t peak(const Outcome& outcome, shim::Duration from);

}  // namespace herd
