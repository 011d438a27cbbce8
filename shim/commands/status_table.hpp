#pragma once

#include <string>
#include <vector>

#include "common/time.hpp"
#include "shim/core/status_entry.hpp"

namespace shim {

/// The shims as a table for people: a line of titles and one line each, or one line that says that
/// there is none. Printable ASCII; every line ends with '\n'.
[[nodiscard]] std::string status_table(const std::vector<StatusEntry>& shims, WallTime now);

}  // namespace shim
