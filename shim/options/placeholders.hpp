#pragma once

#include <string>

#include "common/url.hpp"

namespace shim {

/// Replaces `{pid}`, `{ppid}` and `{session}` (a random UUID, one per process) in the path and
/// query. Returns an error text for any other brace, or an empty one.
[[nodiscard]] std::string fill_placeholders(Url& url);

}  // namespace shim
