#pragma once

#include <string_view>

namespace shim {

/// Writes all of it to stdout now. False if that cannot be, of which stderr has been told in one
/// line then.
[[nodiscard]] bool print_out(std::string_view text);

/// After a read() or write() that has failed: whether it was only interrupted, or was on a
/// descriptor that somebody has made O_NONBLOCK, for whose `events` (poll(2)) this has waited then.
[[nodiscard]] bool may_try_again(int fd, short events);

/// Whether stdout is a terminal that understands escape sequences.
[[nodiscard]] bool is_capable_terminal();

}  // namespace shim
