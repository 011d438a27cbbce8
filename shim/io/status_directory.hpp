#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shim/io/descriptor.hpp"

/// Where this user's shims keep their status files (contract 13), and whose these are.
namespace shim {

/// The places, the best first: below $XDG_RUNTIME_DIR if that is the user's own, and below the
/// temporary directory. A host may start its shims with less of an environment than a terminal has,
/// so a reader looks at all of them.
[[nodiscard]] std::vector<std::string> status_directories();

struct StatusDirectory {
  Descriptor descriptor;
  std::string error;  ///< one line, for people; empty if all is well
  bool missing = false;
};

/// Opens one of them. It must be a directory, no symbolic link, of this user's, closed to everybody
/// else. `make`: makes it if there is none.
[[nodiscard]] StatusDirectory open_status_directory(const std::string& path, bool make);

/// When a process was started, in clock ticks since boot: with its pid, the name of one process.
/// nullopt if it has ended, reaped or not, or if /proc does not say.
[[nodiscard]] std::optional<std::uint64_t> process_started(pid_t pid);

/// Whether the process with this pid that was started then is still there. `started` 0: not known.
[[nodiscard]] bool is_running(pid_t pid, std::uint64_t started);

}  // namespace shim
