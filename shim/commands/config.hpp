#pragma once

#include "shim/options/options.hpp"

namespace shim {

/// Prints each setting with its value and where that came from, secrets as `set` or `not set`.
/// Returns the exit status.
[[nodiscard]] int run_config(const Options& options);

}  // namespace shim
