#include "shim/io/status_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

#include "shim/io/status_directory.hpp"

namespace shim {
namespace {

WallTime wall_now() { return WallTime(std::chrono::system_clock::now().time_since_epoch()); }

}  // namespace

StatusFile::StatusFile(const std::string& version) {
  entry_.pid = ::getpid();
  entry_.started = process_started(::getpid()).value_or(0);
  entry_.version = version;
  for (std::string& path : status_directories()) {
    StatusDirectory opened = open_status_directory(path, true);
    if (opened.descriptor) {
      directory_path_ = std::move(path);
      directory_ = std::move(opened.descriptor);
      error_.clear();
      return;
    }
    error_ = std::move(opened.error);
  }
}

StatusFile::~StatusFile() {
  if (!wrote_) return;
  ::unlinkat(directory_.get(), (std::to_string(entry_.pid) + ".json").c_str(), 0);
}

void StatusFile::update(TimePoint now, const Session& session) {
  if (!directory_) return;
  const bool moved =
      !wrote_ || session.phase() != written_.phase || session.epoch() != written_.epoch;
  const bool at_once = moved && !failed_;
  if (!at_once && due_ && now < *due_) return;
  Report report = session.report(now);
  if (wrote_ && !failed_ && report == written_) {
    due_.reset();
    return;
  }
  if (!at_once && now < next_) {
    due_ = next_;
    return;
  }
  note(now, report);
  failed_ = !write();
  next_ = now + interval;
  due_.reset();
  if (failed_) {
    due_ = next_;
    return;
  }
  wrote_ = true;
  written_ = std::move(report);
}

void StatusFile::note(TimePoint now, const Report& report) {
  // Once per phase, since the wall clock may be set meanwhile, and only it goes on in a suspend.
  if (!wrote_ || report.since != written_.since) entry_.since = wall_now() - (now - report.since);
  entry_.take(report);
  if (entry_.ready()) {
    entry_.down_since.reset();
  } else if (!entry_.down_since) {
    entry_.down_since = entry_.since;
  }
}

bool StatusFile::write() {
  if (replace()) return true;
  if (errno != ENOENT) return false;
  // Somebody has removed the directory, or has made it anew.
  StatusDirectory opened = open_status_directory(directory_path_, true);
  if (!opened.descriptor) return false;
  directory_ = std::move(opened.descriptor);
  return replace();
}

/// Leaves errno as it was where it fails.
bool StatusFile::replace() const {
  const std::string temporary = std::to_string(entry_.pid) + ".tmp";
  const std::string name = std::to_string(entry_.pid) + ".json";
  const int dir = directory_.get();
  ::unlinkat(dir, temporary.c_str(), 0);  // of a process with our pid that died over it
  const Descriptor file(
      ::openat(dir, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return false;
  if (write_all(file.get(), entry_.serialise() + "\n") &&
      ::renameat(dir, temporary.c_str(), dir, name.c_str()) == 0)
    return true;
  const int error = errno;
  ::unlinkat(dir, temporary.c_str(), 0);
  errno = error;
  return false;
}

}  // namespace shim
