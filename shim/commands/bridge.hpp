#pragma once

#include "shim/options/options.hpp"

namespace shim {

/// Bridges stdio to the backend until the host ends it. Returns the exit status: 0 when the host
/// closed stdin or a signal asked for the end, 1 when the shim itself failed.
[[nodiscard]] int run_bridge(const Options& options);

}  // namespace shim
