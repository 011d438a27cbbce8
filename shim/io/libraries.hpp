#pragma once

#include <string>

namespace shim {

/// The libraries that may be replaced without building anew, as they are now: a name and a version
/// a line, each line but the last one ended.
[[nodiscard]] std::string library_versions();

}  // namespace shim
