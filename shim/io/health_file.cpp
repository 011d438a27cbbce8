#include "shim/io/health_file.hpp"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include "shim/io/clock.hpp"
#include "shim/io/small_file.hpp"
#include "shim/io/timer_fd.hpp"

namespace shim {
namespace {

constexpr Duration tick_most = std::chrono::seconds(5);
constexpr Duration tick_least = std::chrono::milliseconds(100);
/// Without inotify, and while there is a hurry: it tells nothing of what other machines change.
constexpr Duration tick_unaided = std::chrono::seconds(1);
/// So many changes may come at once.
constexpr Duration::rep burst = 6;
/// And then one in this time: with what an idle shim does besides, under two wake-ups a second.
constexpr Duration change_spacing = std::chrono::seconds(1);
/// While a change may mean that the backend is back, contract 4.2 wants it to be seen at once.
constexpr Duration hurried_spacing = std::chrono::milliseconds(50);

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Whether the name may come to mean another file than now without a word from that file: it means
/// none, or is a symbolic link.
bool may_change_meaning(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) != 0 || S_ISLNK(facts.st_mode);
}

/// Whether one of the events that wait is about a file that is watched, or about one of this name
/// in a directory that is. Reads them all.
bool take_events(int inotify, std::string_view name) {
  alignas(inotify_event) std::array<char, 4096> buffer{};
  bool relevant = false;
  for (;;) {
    const ssize_t length = ::read(inotify, buffer.data(), buffer.size());
    if (length <= 0) return relevant;
    for (const char* at = buffer.data(); at < buffer.data() + length;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      // The event of a watched file has no name, nor has the news that it is not watched any more.
      relevant =
          relevant || (event.len == 0 ? (event.mask & IN_IGNORED) == 0 : name == at + sizeof event);
      at += sizeof event + event.len;
    }
  }
}

}  // namespace

HealthLook look_at_health_file(const std::string& path) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  SmallFile file = read_small_file(path, HealthReport::bytes_max);
  HealthLook look{.modified = file.modified,
                  .looked_at = WallTime(std::chrono::seconds(now.tv_sec) +
                                        std::chrono::nanoseconds(now.tv_nsec))};
  if (file.error.empty()) {
    look.found = HealthLook::Found::file;
    look.text = std::move(file.text);
  } else if (!file.missing) {
    look.found = HealthLook::Found::unusable;
  }
  return look;
}

HealthFile::HealthFile(Loop& loop, std::string path, Duration max_age, EventSink sink)
    : loop_(loop),
      path_(std::move(path)),
      sink_(std::move(sink)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      tick_(make_timer()) {
  tick_time_ = std::clamp<Duration>(max_age / 3, tick_least, inotify_ ? tick_most : tick_unaided);
  loop_.watch(tick_.get(), EPOLLIN, [this](std::uint32_t) { on_tick(); });
  listen();
  look();
}

HealthFile::~HealthFile() {
  loop_.unwatch(tick_.get());
  if (inotify_) loop_.unwatch(inotify_.get());
}

void HealthFile::hurry(bool wanted) {
  if (std::exchange(hurried_, wanted) == wanted || !wanted) return;
  paid_until_ = TimePoint();
  arm_timer(tick_, listening_ ? tick_time() : Duration(1));
}

/// The watch comes first, so that no change falls between the two.
void HealthFile::look() {
  watch_path();
  sink_(event::HealthSeen{look_at_health_file(path_)});
}

/// Watches the file and its directory, which may be moved away with it. Where the name may come to
/// mean another file, arrivals in the directory count, too, or in as much of the way as there is.
void HealthFile::watch_path() {
  if (!inotify_) return;
  constexpr std::uint32_t file_changes = IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF;
  constexpr std::uint32_t departure = IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR;
  constexpr std::uint32_t arrivals = IN_CREATE | IN_MOVED_TO | departure;
  int directory = -1;
  if (!may_change_meaning(path_)) {
    directory = ::inotify_add_watch(inotify_.get(), directory_of(path_).c_str(), departure);
  } else {
    std::string way = path_;
    do {
      awaited_ = name_of(way);
      way = directory_of(way);
      directory = ::inotify_add_watch(inotify_.get(), way.c_str(), arrivals);
    } while (directory < 0 && way.find_first_not_of("./") != std::string::npos);
  }
  const int file = ::inotify_add_watch(inotify_.get(), path_.c_str(), file_changes);
  // The same file keeps its number. Removing what is gone already does no harm.
  for (const int old :
       {std::exchange(file_watch_, file), std::exchange(directory_watch_, directory)}) {
    if (old >= 0 && old != file && old != directory) ::inotify_rm_watch(inotify_.get(), old);
  }
}

Duration HealthFile::tick_time() const {
  return hurried_ ? std::min(tick_time_, tick_unaided) : tick_time_;
}

/// Sees changes from now on, and has a look in any case when the time is up.
void HealthFile::listen() {
  arm_timer(tick_, tick_time());
  if (!inotify_ || std::exchange(listening_, true)) return;
  loop_.watch(inotify_.get(), EPOLLIN, [this](std::uint32_t) { on_change(); });
}

/// Pays for one wake-up. Once what may come at once is used up, does not see changes until the
/// next one is paid for.
void HealthFile::pay() {
  const Duration price = std::min(hurried_ ? hurried_spacing : change_spacing, tick_time_);
  const TimePoint now = monotonic_now();
  paid_until_ = std::max(paid_until_, now - price * burst) + price;
  if (paid_until_ <= now) {
    listen();
    return;
  }
  if (std::exchange(listening_, false)) loop_.unwatch(inotify_.get());
  arm_timer(tick_, paid_until_ - now);
}

void HealthFile::on_tick() {
  drain(tick_);
  const bool has_changed = inotify_ && take_events(inotify_.get(), awaited_);
  if (has_changed) {
    pay();
  } else {
    listen();
  }
  look();
}

void HealthFile::on_change() {
  const bool is_relevant = take_events(inotify_.get(), awaited_);
  pay();
  if (is_relevant) look();
}

}  // namespace shim
