#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Landlock (landlock(7), Linux 5.13): a process gives up what it will not need, for good.
namespace shim {

/// What stays allowed. A directory stands for all below it; a path that does not exist allows
/// nothing.
struct Allowances {
  std::vector<std::string> read;
  std::vector<std::string> write;    ///< and read; in a directory also to make, rename and remove
  std::vector<std::uint16_t> ports;  ///< to connect to, by TCP
};

/// The version of Landlock that this kernel speaks; 0: none, or it is switched off.
[[nodiscard]] int landlock_version();

/// From now on this thread, and every thread it starts, opens only files that are allowed and runs
/// no program; from version 4 on it makes no TCP connections but to `ports` and listens on none;
/// from version 6 on it reaches no abstract Unix socket and sends no signal outside. What is open
/// stays open, and Unix sockets with a path stay within reach. Needs no_new_privs (harden()).
/// Returns what went wrong, or an empty text.
[[nodiscard]] std::string restrict_to(const Allowances& allowed);

}  // namespace shim
