#pragma once

#include "tests/sim/options.hpp"

namespace sim {

/// Does what was asked for, but the tests; returns the exit status.
[[nodiscard]] int do_command(const Options& options);

}  // namespace sim
