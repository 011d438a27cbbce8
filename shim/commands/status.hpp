#pragma once

#include "shim/options/options.hpp"

namespace shim {

/// Shows the running shims of this user. Returns the exit status: 0 if every one is ready, also if
/// there is none; 1 if one is not, or if stdout takes no more.
[[nodiscard]] int run_status(const Options& options);

}  // namespace shim
