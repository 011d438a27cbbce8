#pragma once

#include <string>

#include "shim/core/event.hpp"
#include "shim/io/descriptor.hpp"
#include "shim/io/loop.hpp"

namespace shim {

/// One look at a health file, without ever waiting: what is no plain file of at most
/// HealthReport::bytes_max bytes is not read.
[[nodiscard]] HealthLook look_at_health_file(const std::string& path);

/// Looks at the health file at once, whenever inotify(7) says that it may have changed, and every
/// few seconds in any case: not every file system tells, and a name may come to mean another file.
/// Reports each look as HealthSeen. A file that changes all the time is looked at less than once a
/// second, unless there is a hurry.
class HealthFile {
 public:
  /// `max_age`: within this time a change is seen, whatever the file system tells.
  HealthFile(Loop& loop, std::string path, Duration max_age, EventSink sink);
  ~HealthFile();
  HealthFile(const HealthFile&) = delete;
  HealthFile& operator=(const HealthFile&) = delete;

  /// While changes are wanted at once: they are seen within 50 ms, however many there are, or
  /// within a second where the file system does not tell.
  void hurry(bool wanted);

 private:
  [[nodiscard]] Duration tick_time() const;
  void look();
  void watch_path();
  void listen();
  void pay();
  void on_tick();
  void on_change();

  Loop& loop_;
  std::string path_;
  EventSink sink_;
  Descriptor inotify_;  ///< none where the system has none to give
  Descriptor tick_;     ///< for the next look
  Duration tick_time_{};
  // inotify's numbers, or -1.
  int file_watch_ = -1;
  int directory_watch_ = -1;  ///< where a file may come to be that the name means
  std::string awaited_;       ///< the name that it has there
  bool listening_ = false;    ///< to inotify
  bool hurried_ = false;
  TimePoint paid_until_;  ///< by wake-ups so far, each of which pays for some time
};

}  // namespace shim
