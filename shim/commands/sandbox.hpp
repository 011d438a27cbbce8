#pragma once

#include <string>
#include <vector>

#include "shim/io/landlock.hpp"
#include "shim/options/options.hpp"

namespace shim {

struct Sandbox {
  Allowances allowed;
  std::vector<std::string> warnings;  ///< one line each
};

/// What the bridge may still do under `--sandbox`: read what names and certificates are looked up
/// in and the directories of the files that the options name, write its cache, its log and its
/// status file, connect to its backends and to name servers. Directories, not files, since files
/// are replaced by renaming. The cache's must exist by now.
[[nodiscard]] Sandbox sandbox_of(const Options& options, const std::string& status_directory);

}  // namespace shim
