#pragma once

#include "shim/core/event.hpp"
#include "shim/io/descriptor.hpp"
#include "shim/io/loop.hpp"

namespace shim {

/// Reports MachineResumed after the machine has slept: the boot-time clock goes on meanwhile, the
/// monotonic one does not. Connections may be dead by then, and timers are late by as much.
class SuspendWatch {
 public:
  /// A jump of less than this is none.
  static constexpr Duration jump_min = std::chrono::seconds(5);

  SuspendWatch(Loop& loop, EventSink sink);
  ~SuspendWatch();
  SuspendWatch(const SuspendWatch&) = delete;
  SuspendWatch& operator=(const SuspendWatch&) = delete;

  /// To be called once per turn; cheap.
  void check();

 private:
  Loop& loop_;
  EventSink sink_;
  Descriptor clock_set_;  ///< wakes the loop when the wall clock is set, as it is after a sleep
  Duration slept_;        ///< since the machine was started
};

}  // namespace shim
