#pragma once

#include <cstdint>
#include <string>

#include "common/health.hpp"
#include "common/time.hpp"

namespace sim {

class World;
using shim::Duration;
using shim::WallTime;

/// The health file: the backends that write it, by a clock of their own, and the adapter that looks
/// at it.
class HealthFile {
 public:
  explicit HealthFile(World& world) : world_(world) {}

  /// The adapter looks for the first time, and from then on.
  void begin();
  /// A backend listens: it writes now and then, until it ends.
  void backend_started();

  // For scenarios and faults.
  /// What somebody writes, now.
  void write(std::string text);
  /// What the present backend would write.
  [[nodiscard]] std::string report() const;
  void remove();
  /// The backends do not write any more, or do again.
  void silence(bool silent) { silent_ = silent; }
  void step_own_clock(Duration by) { wall_offset_ += by; }
  void step_backend_clock(Duration by) { backend_offset_ += by; }
  /// A file that an earlier backend has written so long ago; in the future if negative.
  void leave_over(Duration age);

 private:
  [[nodiscard]] WallTime wall() const;
  [[nodiscard]] WallTime backend_wall() const { return wall_ + backend_offset_ + elapsed(); }
  [[nodiscard]] Duration elapsed() const;
  void look();
  void tick();
  void write_now_and_then(std::uint64_t life);
  void write_something();
  [[nodiscard]] std::string broken() const;

  World& world_;
  WallTime wall_{std::chrono::seconds(1'800'000'000)};
  Duration wall_offset_{}, backend_offset_{};
  shim::HealthLook file_;
  bool silent_ = false;
};

}  // namespace sim
