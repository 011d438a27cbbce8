#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "shim/core/status_entry.hpp"

namespace shim {

struct StatusFiles {
  std::vector<StatusEntry> shims;  ///< by pid
  std::size_t unreadable = 0;      ///< files of running processes that tell nothing
  std::vector<std::string> notes;  ///< what could not be read and why; one printable line each
};

/// What this user's running shims say about themselves. Removes the files of dead ones. Whatever
/// stands in the directories, this neither blocks nor fails.
[[nodiscard]] StatusFiles read_status_files();

}  // namespace shim
