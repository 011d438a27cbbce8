#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/time.hpp"

/// Reading small files without ever waiting for one: only regular files are opened (contract 11).
namespace shim {

/// What a file must be, beside regular.
enum class Trust : std::uint8_t {
  any,
  own,       ///< no symbolic link, and the user's
  own_only,  ///< likewise, and no access for group and others
};

struct SmallFile {
  std::string text{};
  WallTime modified{};   ///< if it was read
  std::string error{};   ///< one line, for people; empty if all is well
  bool missing = false;  ///< the error is that there is none, or can be none
};

/// The content of a file of at most `bytes_max` bytes. What it is is checked on the open file, so
/// that it cannot be exchanged in between.
[[nodiscard]] SmallFile read_small_file(const std::string& path, std::size_t bytes_max,
                                        Trust trust = Trust::any);

/// What keeps the file from being the user's only, or an empty text.
[[nodiscard]] std::string check_private(const std::string& path);

}  // namespace shim
