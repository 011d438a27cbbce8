#pragma once

#include <cstdio>
#include <string>

#include "json.hpp"

namespace backend {

/// Wall clock, seconds since 1970.
[[nodiscard]] double epoch_seconds();

/// A file of JSON lines, each flushed as it is written: a crash right after loses nothing.
class JsonLines {
 public:
  JsonLines() = default;
  JsonLines(const JsonLines&) = delete;
  JsonLines& operator=(const JsonLines&) = delete;
  ~JsonLines();

  /// Appends to `path`. Throws std::system_error.
  void open(const std::string& path);
  [[nodiscard]] bool is_open() const { return file_ != nullptr; }
  /// Does nothing if no file is open.
  void write(const Json& line);

 private:
  std::FILE* file_ = nullptr;
};

/// The health file of the contract's section 7; `path` empty: none.
class HealthFile {
 public:
  explicit HealthFile(std::string path);
  [[nodiscard]] bool enabled() const { return !path_.empty(); }
  /// Replaces the file atomically. Errors are reported on stderr only.
  void write(bool busy) const;

 private:
  std::string path_;
  double started_at_;
};

}  // namespace backend
