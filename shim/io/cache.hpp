#pragma once

#include <string>
#include <string_view>

namespace shim {

/// The directory in which what backends answered is kept (contract 6): one file per URL and
/// protocol version, for this user only. Knows nothing of what is in the files.
///
/// Several shims may use it at once: files appear by rename, so that a reader sees a whole one. A
/// file that is a link, a device, someone else's or too large is not read.
class Cache {
 public:
  /// `directory`: made when first needed; empty switches everything off. `url`: without secrets.
  Cache(std::string directory, std::string_view url);

  /// The file's text; empty if there is no file; no cache entry at all if what is there cannot be
  /// used: not a file, somebody else's, too large. `version` must be fit for a file name.
  [[nodiscard]] std::string load(const std::string& version) const;

  /// Makes the directory, and what is missing above it, now. Returns an error text, or an empty
  /// one.
  [[nodiscard]] std::string make_directory() const;

  /// Replaces the file. Returns an error text the first time it fails, else an empty one.
  [[nodiscard]] std::string store(const std::string& version, std::string_view text);

 private:
  [[nodiscard]] std::string path(const std::string& version) const;
  [[nodiscard]] std::string write_file(const std::string& version, std::string_view text) const;

  std::string directory_;
  std::string stem_;
  bool failed_ = false;
};

}  // namespace shim
