#pragma once

#include "shim/options/options.hpp"

namespace shim {

/// Bridges stdio to the backend until the host closes stdin or a signal asks for the end, and
/// returns the exit status for that, 0. Throws std::exception when the shim itself fails, which is
/// status 1.
[[nodiscard]] int run_bridge(const Options& options);

}  // namespace shim
