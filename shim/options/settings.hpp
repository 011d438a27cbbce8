#pragma once

#include "shim/options/flags.hpp"
#include "shim/options/options.hpp"

namespace shim {

/// Adds every setting of contract 2 but those that say where others are read from. `options` holds
/// the defaults and takes the values; it must outlive the flags.
void add_settings(Flags& flags, Options& options);

}  // namespace shim
