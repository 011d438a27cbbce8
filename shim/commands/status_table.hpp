#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "common/time.hpp"
#include "shim/core/status_entry.hpp"

namespace shim {

inline constexpr std::size_t unlimited_columns = std::numeric_limits<std::size_t>::max();

/// The shims as a table for people: a line of titles and one line each, or one line that says that
/// there is none. Where that is too wide for a window of `columns`, URL and latest error of each
/// come below its line. Printable ASCII; every line ends with '\n'.
[[nodiscard]] std::string status_table(const std::vector<StatusEntry>& shims, WallTime now,
                                       std::size_t columns = unlimited_columns);

}  // namespace shim
