#include "shim/io/health_file.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace shim {
namespace {

constexpr Duration tick_most = std::chrono::seconds(5);
constexpr Duration tick_least = std::chrono::milliseconds(100);
constexpr Duration tick_without_inotify = std::chrono::seconds(1);
/// Changes looked at between two ticks; together with the tick, and with what an idle shim does
/// besides, under two wake-ups a second.
constexpr unsigned changes_max = 6;
/// Wake-ups between two ticks for other files in the same directory, while ours is not there.
constexpr unsigned distractions_max = 100;

WallTime wall_time(const timespec& at) {
  return WallTime(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view name_of(const std::string& path) {
  return std::string_view(path).substr(path.rfind('/') + 1);
}

/// Whether one of the events that wait is about the file. Reads them all.
bool take_events(int inotify, std::string_view name) {
  alignas(inotify_event) std::array<char, 4096> buffer{};
  bool relevant = false;
  for (;;) {
    const ssize_t length = ::read(inotify, buffer.data(), buffer.size());
    if (length <= 0) return relevant;
    for (const char* at = buffer.data(); at < buffer.data() + length;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      // The event of a watched file has no name.
      relevant = relevant || event.len == 0 || name == at + sizeof event;
      at += sizeof event + event.len;
    }
  }
}

}  // namespace

HealthLook look_at_health_file(const std::string& path) {
  HealthLook look;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  look.looked_at = wall_time(now);
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) look.found = HealthLook::Found::unusable;
    return look;
  }
  look.found = HealthLook::Found::unusable;
  if (!S_ISREG(facts.st_mode)) return look;
  // It may have become something else since.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return look;
  std::array<char, HealthReport::bytes_max + 1> text{};
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0) return look;
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > HealthReport::bytes_max) return look;
  look.found = HealthLook::Found::file;
  look.text.assign(text.data(), size);
  look.modified = wall_time(facts.st_mtim);
  return look;
}

HealthFile::HealthFile(Loop& loop, std::string path, Duration max_age, EventSink sink)
    : loop_(loop),
      path_(std::move(path)),
      sink_(std::move(sink)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      tick_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  const Duration tick =
      std::clamp<Duration>(max_age / 3, tick_least, inotify_ ? tick_most : tick_without_inotify);
  itimerspec spec{};
  spec.it_interval.tv_sec = static_cast<time_t>(tick / std::chrono::seconds(1));
  spec.it_interval.tv_nsec = static_cast<long>((tick % std::chrono::seconds(1)).count());
  spec.it_value = spec.it_interval;
  ::timerfd_settime(tick_.get(), 0, &spec, nullptr);
  loop_.watch(tick_.get(), EPOLLIN, [this](std::uint32_t) { on_tick(); });
  if (inotify_) loop_.watch(inotify_.get(), EPOLLIN, [this](std::uint32_t) { on_change(); });
  look();
}

HealthFile::~HealthFile() {
  loop_.unwatch(tick_.get());
  if (inotify_) loop_.unwatch(inotify_.get());
}

/// The watch comes first, so that no change falls between the two.
void HealthFile::look() {
  watch_path();
  sink_(event::HealthSeen{look_at_health_file(path_)});
}

void HealthFile::watch_path() {
  if (!inotify_) return;
  constexpr std::uint32_t file_changes = IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF;
  int watch = ::inotify_add_watch(inotify_.get(), path_.c_str(), file_changes);
  if (watch < 0) {
    watch = ::inotify_add_watch(inotify_.get(), directory_of(path_).c_str(),
                                IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
  }
  // The same file keeps its number. Removing what is gone already does no harm.
  if (watched_ >= 0 && watched_ != watch) ::inotify_rm_watch(inotify_.get(), watched_);
  watched_ = watch;
}

void HealthFile::on_tick() {
  std::uint64_t expirations = 0;
  [[maybe_unused]] const ssize_t ignored = ::read(tick_.get(), &expirations, sizeof expirations);
  if (inotify_) {
    static_cast<void>(take_events(inotify_.get(), {}));
    loop_.watch(inotify_.get(), EPOLLIN, [this](std::uint32_t) { on_change(); });
  }
  changes_ = distractions_ = 0;
  look();
}

void HealthFile::on_change() {
  const bool relevant = take_events(inotify_.get(), name_of(path_));
  ++(relevant ? changes_ : distractions_);
  if (changes_ >= changes_max || distractions_ >= distractions_max)
    loop_.unwatch(inotify_.get());  // until the next tick
  if (relevant) look();
}

}  // namespace shim
