#pragma once

#include <string_view>

namespace shim {

/// Writes all of it to stdout now. False if that cannot be, of which stderr has been told in one
/// line then.
[[nodiscard]] bool print_out(std::string_view text);

/// Whether stdout is a terminal that understands escape sequences.
[[nodiscard]] bool is_capable_terminal();

}  // namespace shim
