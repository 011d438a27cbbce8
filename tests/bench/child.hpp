#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

[[nodiscard]] inline double seconds_since(Clock::time_point start) {
  return Seconds(Clock::now() - start).count();
}

/// What connects a child with its host.
enum class Stdio { pipes, socketpairs };

/// A program with our ends of its stdin and stdout; its stderr goes nowhere. It is expected to end
/// when stdin does, and is killed with this object if it has not.
class Child {
 public:
  Child(const std::vector<std::string>& command, Stdio stdio);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Both non-blocking. Whoever takes them closes them.
  [[nodiscard]] int take_in();
  [[nodiscard]] int take_out();

  void kill();
  /// Once stdin is closed. False: it is still there after 5 s.
  bool wait_for_exit();

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
};

/// Processor time of all threads of a process so far, those that have ended included.
[[nodiscard]] double cpu_seconds(pid_t pid);

/// How often its threads were put to sleep or made to wait.
[[nodiscard]] std::uint64_t context_switches(pid_t pid);

struct Memory {
  double resident;  // MiB
  double peak;      // the highest since forget_peak
  double own;       // shared with no other process
};
[[nodiscard]] Memory memory(pid_t pid);
void forget_peak(pid_t pid);

}  // namespace bench
