#pragma once

#include "shim/options/options.hpp"

namespace shim {

/// Tries each backend step by step and prints what it finds. Returns the exit status: 0 if nothing
/// failed at any of them, else 3; 1 if stdout takes no more.
[[nodiscard]] int run_doctor(const Options& options);

}  // namespace shim
