#pragma once

#include <cstddef>
#include <string>

/// Reading small files of the user's without ever waiting for one (contract 11).
namespace shim {

struct PlainFile {
  std::string text;
  std::string error;  ///< one line, for people; empty if all is well
};

/// The content of a regular file of at most `bytes_max` bytes.
[[nodiscard]] PlainFile read_plain_file(const std::string& path, std::size_t bytes_max);

/// Whether only the user can read the file: regular, no symbolic link, owned by the user, no access
/// for group and others. Returns what is wrong, or an empty text.
[[nodiscard]] std::string check_private(const std::string& path);

/// The content of a file that must be private; checked on the open file, so that it cannot be
/// exchanged in between.
[[nodiscard]] PlainFile read_private_file(const std::string& path, std::size_t bytes_max);

}  // namespace shim
