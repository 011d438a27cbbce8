#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/stream.hpp"
#include "tests/sim/world.hpp"

namespace sim {

/// What is run: a seed's life, or what is left of it once parts were taken out.
struct Scenario {
  std::uint64_t seed = 0;
  std::optional<std::set<Part>> only{};  ///< the parts it has; nothing: all that it comes to
  std::optional<Duration> faults_for{};  ///< in the place of the plan's span
};

/// What one run came to.
struct Outcome {
  std::string failure{};      ///< empty if all went well
  std::string plan{};         ///< only if it failed, or with a trace
  std::string trace{};        ///< only if asked for
  std::vector<Part> parts{};  ///< only if it failed: the fields of its plan, then what happened
  Duration faults_for{};      ///< what the plan said
  Duration lived{};
  bool long_life = false;
  std::uint64_t turns = 0;
  std::uint64_t links_ready = 0;
  std::uint64_t asks = 0;
};

/// Runs a whole life: faults, a quiet period, the end.
[[nodiscard]] Outcome run(const Scenario& scenario, bool trace, const Sabotage& sabotage = {});

}  // namespace sim
