#pragma once

#include "shim/options/options.hpp"

namespace shim {

/// Sends one request or notification to the first backend that can be reached, prints the result on
/// stdout and everything else on stderr. Returns the exit status (contract 2).
[[nodiscard]] int run_call(const Options& options);

}  // namespace shim
