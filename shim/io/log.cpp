#include "shim/io/log.hpp"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/jsonrpc.hpp"
#include "common/text.hpp"
#include "shim/io/clock.hpp"
#include "shim/io/descriptor.hpp"
#include "shim/io/standard_stream.hpp"

namespace shim {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace: return spdlog::level::trace;
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::off;
}

std::string_view name(LogLevel level) {
  switch (level) {
    case LogLevel::trace: return "trace";
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warn: return "warn";
    case LogLevel::error: return "error";
  }
  return "";
}

/// The line as text, its level padded to one width so that messages line up.
std::string as_text(const action::Log& line) {
  std::string out(name(line.level));
  out.resize(6, ' ');
  return out + line.text;
}

/// What follows the time in the object.
std::string as_json(const action::Log& line) {
  std::string out = R"("level":")" + std::string(name(line.level)) + R"(","message":)" +
                    jsonrpc::quote(line.text) + R"(,"epoch":)" + std::to_string(line.epoch) +
                    R"(,"phase":")" + std::string(name(line.phase)) + '"';
  if (!line.cause.empty()) out += R"(,"cause":")" + std::string(line.cause) + '"';
  return out + "}";
}

std::string format_line(const action::Log& line, Log::Format format) {
  return format == Log::Format::json ? as_json(line) : as_text(line);
}

constexpr Duration reopen_spacing = std::chrono::seconds(1);

/// Writes each line with one write() that never waits.
class LossySink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  /// To stderr.
  LossySink(Log::Format format, const Log::LinkPlace& link)
      : format_(format), link_(link), stream_(STDERR_FILENO, out) {}
  LossySink(Log::Format format, const Log::LinkPlace& link, Descriptor device)
      : format_(format), link_(link), device_(std::move(device)), stream_(device_.get(), out) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    if (lost_ > 0) {
      spdlog::details::log_msg note = message;
      const std::string text = format_line({.level = LogLevel::warn,
                                            .text = std::to_string(lost_) + " log lines were lost",
                                            .epoch = link_.epoch,
                                            .phase = link_.phase},
                                           format_);
      note.payload = text;
      formatter_->format(note, line);
    }
    formatter_->format(message, line);
    // A pipe takes up to PIPE_BUF (4096) bytes whole or not at all; our lines are shorter.
    if (stream_.write({line.data(), line.size()}) < 0) {
      ++lost_;
    } else {
      lost_ = 0;
    }
  }
  void flush_() override {}

 private:
  static constexpr auto out = StandardStream::Direction::out;

  Log::Format format_;
  const Log::LinkPlace& link_;
  Descriptor device_;
  StandardStream stream_;
  std::uint64_t lost_ = 0;
};

/// Under whichever name: a pipe, a file or a terminal. What goes to /dev/null gets nowhere.
bool is_stdout(const std::string& path) {
  struct stat file {};
  struct stat out {};
  struct stat null {};
  if (::stat(path.c_str(), &file) != 0 || ::fstat(STDOUT_FILENO, &out) != 0) return false;
  if (!S_ISCHR(file.st_mode) || !S_ISCHR(out.st_mode))
    return file.st_dev == out.st_dev && file.st_ino == out.st_ino;
  return file.st_rdev == out.st_rdev &&
         (::stat("/dev/null", &null) != 0 || file.st_rdev != null.st_rdev);
}

/// A FIFO would hold us up when it is opened, and again when nobody reads it.
bool is_fit_for_log(const std::string& path, bool& is_regular) {
  struct stat facts {};
  const bool exists = ::stat(path.c_str(), &facts) == 0;
  is_regular = !exists || S_ISREG(facts.st_mode);
  return (is_regular || S_ISCHR(facts.st_mode)) && !is_stdout(path);  // /dev/null, a terminal
}

std::shared_ptr<spdlog::sinks::sink> make_file_sink(const std::string& path, Log::Format format,
                                                    const Log::LinkPlace& link) {
  bool is_regular = false;
  if (!is_fit_for_log(path, is_regular)) throw spdlog::spdlog_ex("not a file for a log");
  if (!is_regular) {
    // It must not be renamed, and a terminal may be stopped with Ctrl-S.
    Descriptor device(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!device) throw spdlog::spdlog_ex(std::strerror(errno));
    return std::make_shared<LossySink>(format, link, std::move(device));
  }
  // spdlog counts the rotated files, not the one in use.
  return std::make_shared<spdlog::sinks::rotating_file_sink_st>(path, Log::file_bytes_max,
                                                                Log::files_max - 1);
}

std::shared_ptr<spdlog::sinks::sink> make_sink(const Log::Options& options,
                                               const Log::LinkPlace& link) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (options.file.empty()) {
    sink = std::make_shared<LossySink>(options.format, link);
  } else {
    sink = make_file_sink(options.file, options.format, link);
  }
  sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      options.format == Log::Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v)"
                                          : "%Y-%m-%dT%H:%M:%S.%eZ %v",
      spdlog::pattern_time_type::utc));
  return sink;
}

}  // namespace

std::string check_log_file(const std::string& path) {
  if (is_stdout(path))
    return "--log-file: " + printable(path) + " is stdout, which carries the protocol";
  try {
    const Log::LinkPlace nowhere;
    static_cast<void>(make_file_sink(path, Log::Format::text, nowhere));
  } catch (const spdlog::spdlog_ex&) {
    return "--log-file: cannot open " + printable(path) + " for writing as a regular file";
  }
  return {};
}

Log::Log(const Options& options, const Secrets& secrets) : options_(options), secrets_(secrets) {
  try {
    logger_ = std::make_unique<spdlog::logger>("mcp-ws-shim", make_sink(options_, link_));
  } catch (const spdlog::spdlog_ex&) {
    throw std::runtime_error("--log-file: cannot open " + printable(options_.file));
  }
  logger_->set_level(options_.off ? spdlog::level::off : to_spdlog(options_.level));
  logger_->flush_on(spdlog::level::trace);
  // A full disk must not stop the bridge. What spdlog could not open after a rotation it never
  // would.
  logger_->set_error_handler([this](const std::string&) { failed_ = true; });
}

Log::~Log() = default;

void Log::write(const action::Log& line) {
  const auto level = to_spdlog(line.level);
  if (!logger_->should_log(level)) return;
  if (failed_ && monotonic_now() - reopened_at_ >= reopen_spacing) {
    reopened_at_ = monotonic_now();
    failed_ = false;
    reopen();
  }
  action::Log shown = line;
  shown.text = secrets_.removed_from(std::move(shown.text));
  logger_->log(level, format_line(shown, options_.format));
}

void Log::reopen() {
  if (options_.file.empty()) return;
  try {
    logger_->sinks().assign(1, make_sink(options_, link_));
  } catch (const spdlog::spdlog_ex&) {
    write(LogLevel::warn, "the log file could not be opened anew; going on with the old one");
  }
}

}  // namespace shim
