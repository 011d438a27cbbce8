#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/time.hpp"
#include "tests/sim/run.hpp"

/// Makes a failing run smaller: parts are taken out as long as the same promise is broken.
namespace sim {

/// Which promise a failure is about: its words, without messages, numbers and their units.
[[nodiscard]] std::string failure_class(std::string_view failure);

struct Shrunk {
  Scenario scenario;
  Outcome before, after;   ///< without traces
  std::uint64_t runs = 0;  ///< that it took
  bool complete = false;   ///< nothing more can be taken out, neither a part nor half of the time
};

using Runner = std::function<Outcome(const Scenario&)>;

/// `start` has to fail. The same for the same `start`, unless the time is over first.
[[nodiscard]] Shrunk shrink(const Scenario& start, const Runner& runner, shim::Duration most);

/// The options of sim_tests that run this.
[[nodiscard]] std::string command_line(const Scenario& scenario);

}  // namespace sim
