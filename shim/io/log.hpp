#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "shim/core/action.hpp"

namespace spdlog {
class logger;
}

namespace shim {

/// Log lines for people, to stderr or a file, never to stdout (contract 10). Nothing here blocks: a
/// stderr that nobody reads loses lines, and the next line that gets through says how many.
class Log {
 public:
  static constexpr std::size_t file_bytes_max = std::size_t{10} << 20U;
  static constexpr std::size_t files_max = 5;

  struct Options {
    LogLevel level = LogLevel::info;
    bool off = false;
    std::string file;  ///< empty: stderr
  };

  /// Throws std::runtime_error with one clear line if the file cannot be opened.
  explicit Log(const Options& options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// `text` must be printable: foreign bytes go through printable() first.
  void write(LogLevel level, const std::string& text);

  /// Opens the file anew, for log rotation by others. If that fails the old one stays in use.
  void reopen();

 private:
  Options options_;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace shim
