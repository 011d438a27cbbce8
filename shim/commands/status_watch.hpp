#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace shim {

/// Shows what `look` returns for a window of so many columns, at once and then every second, until
/// SIGINT, SIGTERM, SIGHUP or SIGQUIT, or until stdout takes no more, which is said then: false. On
/// a terminal it is drawn in place, cut to the window, and drawn anew when the window changes its
/// size or the job is continued; the cursor is hidden meanwhile. Elsewhere, also on a terminal that
/// understands no escape sequences, blank lines separate the looks. `look` returns printable ASCII
/// in lines.
[[nodiscard]] bool watch(const std::function<std::string(std::size_t)>& look);

}  // namespace shim
