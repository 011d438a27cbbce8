#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "common/time.hpp"
#include "shim/core/action.hpp"
#include "shim/io/secrets.hpp"

namespace spdlog {
class logger;
}

namespace shim {

/// One line about why the log cannot go there, or an empty text. Creates the file. Never to stdout,
/// under whichever name.
[[nodiscard]] std::string check_log_file(const std::string& path);

/// Log lines for people, to stderr or a file, never to stdout (contract 10). Nothing here blocks: a
/// stderr that nobody reads loses lines, and the next line that gets through says how many.
class Log {
 public:
  static constexpr std::size_t file_bytes_max = std::size_t{10} << 20U;
  static constexpr std::size_t files_max = 5;

  enum class Format : std::uint8_t {
    text,  ///< time, level, message
    json,  ///< one object per line: time, level, message, epoch, phase, and a cause if there is one
  };
  struct LinkPlace {
    Epoch epoch = 0;
    Phase phase = Phase::waiting;
  };
  struct Options {
    LogLevel level = LogLevel::info;
    bool off = false;
    Format format = Format::text;
    std::string file;  ///< empty: stderr
  };

  /// None of the secrets gets into a line; they must outlive the log, and may grow. Throws
  /// std::runtime_error with one clear line if the file cannot be opened.
  Log(const Options& options, const Secrets& secrets);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// The text must be printable: foreign bytes go through printable() first.
  void write(const action::Log& line);
  /// A line that is not the core's.
  void write(LogLevel level, std::string text) {
    write({.level = level, .text = std::move(text), .epoch = link_.epoch, .phase = link_.phase});
  }

  /// Where the link is now, for the lines that are not the core's.
  void note_link(Epoch epoch, Phase phase) { link_ = {.epoch = epoch, .phase = phase}; }

  /// Opens the file anew, for log rotation by others. If that fails the old one stays in use. Done
  /// now and then of its own accord while lines cannot be written.
  void reopen();

 private:
  Options options_;
  const Secrets& secrets_;
  LinkPlace link_;
  bool failed_ = false;  ///< a line could not be written, and the file was not opened anew since
  TimePoint reopened_at_;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace shim
