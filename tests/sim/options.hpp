#pragma once

#include <cstdint>
#include <optional>

#include "tests/sim/run.hpp"

namespace sim {

/// What sim_tests was asked for besides the options of doctest.
struct Options {
  enum class What : std::uint8_t { tests, one, range, soak, shrink } what = What::tests;
  Scenario scenario;        ///< for `one` and `shrink`
  std::uint64_t first = 0;  ///< for `range` and `soak`
  std::uint64_t last = 0;   ///< for `range`
  unsigned jobs = 0;        ///< threads
  bool trace = false;
  Duration shrink_time = std::chrono::seconds(60);
};

/// Nothing if they make no sense; options that are not known are doctest's.
[[nodiscard]] std::optional<Options> read_options(int argc, char** argv);

inline constexpr const char* usage =
    "usage: sim_tests [doctest options]\n"
    "       sim_tests --seeds=A:B [--jobs=N] [--trace]\n"
    "       sim_tests --soak[=START] [--jobs=N]\n"
    "       sim_tests --seed=N [--only=PART,...] [--faults-ms=N] [--trace]\n"
    "       sim_tests --shrink=N [--only=PART,...] [--faults-ms=N] [--shrink-seconds=N]\n";

}  // namespace sim
