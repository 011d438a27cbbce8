#pragma once

#include <functional>

#include "shim/core/event.hpp"
#include "shim/io/descriptor.hpp"
#include "shim/io/loop.hpp"

namespace shim {

/// Until there is a Signals, SIGTERM and SIGINT end the process with status 0 and SIGHUP does
/// nothing, since nothing has been begun yet. SIGPIPE and SIGXFSZ are ignored for good: that nobody
/// reads, or a file must not grow (setrlimit(2)), is an error like others.
void take_early_signals();

/// Takes back what SIGTERM, SIGINT and SIGHUP do, for a command that a person watches.
void leave_early_signals();

/// SIGTERM and SIGINT as StopRequested, SIGHUP as ReconnectRequested. A second SIGTERM or SIGINT
/// ends the process in the signal handler, whatever the loop is doing. At most one object at a
/// time.
class Signals {
 public:
  Signals(Loop& loop, EventSink sink);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // For who keeps the loop waiting: ready once a signal has come that is not reported yet, and
  // whether one of them is SIGTERM or SIGINT.
  [[nodiscard]] int fd() const { return wake_.get(); }
  [[nodiscard]] static bool has_stop();

 private:
  void on_wake();

  Loop& loop_;
  EventSink sink_;
  Descriptor wake_;
};

/// The death of the parent process as HostGone, even while others keep our pipes open. Uses a pidfd
/// (Linux 5.3); where there is none, asks for the parent's pid once a second.
class ParentWatch {
 public:
  ParentWatch(Loop& loop, EventSink sink);
  ~ParentWatch();
  ParentWatch(const ParentWatch&) = delete;
  ParentWatch& operator=(const ParentWatch&) = delete;

 private:
  Loop& loop_;
  Descriptor parent_;  ///< a pidfd, or a timer
};

}  // namespace shim
