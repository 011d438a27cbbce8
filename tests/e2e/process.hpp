#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limits.hpp"

namespace e2e {

/// What a child gets as its standard streams; -1 is /dev/null.
struct Streams {
  int in = -1;
  int out = -1;
  int err = -1;
};

/// A child process, killed and reaped with this object at the latest. It also dies with us.
class Process {
 public:
  /// Starts `command` (a path and its arguments) with our environment, less what speaks to the shim,
  /// plus `environment` (NAME=value). Throws if that fails.
  Process(const std::vector<std::string>& command, const std::vector<std::string>& environment,
          Streams streams);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// SIGKILL; returns once it is gone.
  void kill();
  [[nodiscard]] bool is_running();

  /// The exit status once it has ended, 128 + n if by signal n; nullopt if it is still there after
  /// `limit`, which is not scaled.
  [[nodiscard]] std::optional<int> wait(Millis limit);

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

/// Waits until process `pid`, a child or not, has ended. Reaps nothing.
[[nodiscard]] bool wait_for_end(pid_t pid, Millis limit);

// What /proc says about a process. 0 if it is gone.
[[nodiscard]] std::size_t resident_kib(pid_t pid);
[[nodiscard]] std::size_t peak_resident_kib(pid_t pid);
[[nodiscard]] std::size_t open_descriptors(pid_t pid);
/// Of all its threads: how often they went to sleep, and the time they ran.
[[nodiscard]] std::uint64_t voluntary_switches(pid_t pid);
[[nodiscard]] Millis cpu_time(pid_t pid);
[[nodiscard]] std::vector<pid_t> children(pid_t pid);

}  // namespace e2e
