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
/// Reports each look as HealthSeen. A file that changes all the time does not keep us busy.
class HealthFile {
 public:
  /// `max_age`: within this time a change is seen, whatever the file system tells.
  HealthFile(Loop& loop, std::string path, Duration max_age, EventSink sink);
  ~HealthFile();
  HealthFile(const HealthFile&) = delete;
  HealthFile& operator=(const HealthFile&) = delete;

 private:
  void look();
  void watch_path();
  void on_tick();
  void on_change();

  Loop& loop_;
  std::string path_;
  EventSink sink_;
  Descriptor inotify_;  ///< none where the system has none to give
  Descriptor tick_;
  int watched_ = -1;  ///< inotify's number for the file, or for its directory while there is none
  // Since the last tick:
  unsigned changes_ = 0;
  unsigned distractions_ = 0;
};

}  // namespace shim
