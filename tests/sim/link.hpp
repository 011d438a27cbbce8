#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/time.hpp"
#include "shim/core/event.hpp"
#include "tests/sim/plan.hpp"

namespace sim {

class World;
using shim::Epoch;

/// The network and the adapter to it: at most one connection to the backend, whose frames take time
/// each way, keep their order, and get lost when it breaks.
class Link {
 public:
  explicit Link(World& world) : world_(world) {}

  // Orders of the core.
  void open(Epoch epoch);
  void close(Epoch epoch, bool politely);
  void ping(Epoch epoch);
  void write(Epoch epoch, std::string text);
  void pause(Epoch epoch, bool paused);

  // The backend's end.
  enum class Frame : std::uint8_t { message, too_long, binary, pong };
  /// Sends a frame to the shim; lost if this connection is no more.
  void send(Epoch connection, std::string text, Frame kind = Frame::message);
  /// It may read again.
  void reader_is_back();

  // Faults.
  /// Every attempt from now on ends like this; nothing: as the plan says.
  void force(std::optional<Fate> fate) { forced_ = fate; }
  /// Breaks the connection, if there is one; the shim hears of it after `notice`.
  void cut(shim::Cause cause, Duration notice = {});
  /// Nothing moves either way for so long.
  void stall(Duration span);
  /// Nothing moves any more, and nobody says so: only the kernel, if it `notices` that what was
  /// sent is not acknowledged.
  void half_open(bool notices);
  /// The next message from the backend takes so long to come, byte by byte.
  void trickle_next(Duration span) { trickle_next_ = span; }
  /// What is on its way arrives now.
  void hurry();
  /// Ends what was stalled.
  void heal();
  /// Whether there is a connection on which nothing comes.
  [[nodiscard]] bool is_stuck() const { return stage_ == Stage::open && !flows(); }
  [[nodiscard]] bool is_half_open() const { return stage_ == Stage::open && half_open_; }
  /// When the last byte came, as part of a message or not.
  [[nodiscard]] TimePoint last_byte() const;
  /// What was handed to the adapter and not yet confirmed with LinkWritten.
  [[nodiscard]] std::size_t unwritten_bytes() const { return unwritten_bytes_; }
  /// When the last byte came of a message that is not complete.
  [[nodiscard]] std::optional<TimePoint> part_at() const {
    return trickled() > 0 || stuck_inside_ ? std::optional(last_byte()) : std::nullopt;
  }
  [[nodiscard]] bool is_open() const { return stage_ == Stage::open; }
  [[nodiscard]] std::uint64_t attempts() const { return attempts_; }
  [[nodiscard]] TimePoint last_attempt() const { return last_attempt_; }

 private:
  enum class Stage : std::uint8_t { none, connecting, open, broken };
  struct Down {
    Frame kind;
    std::string text;
    TimePoint from;  ///< when its first byte comes
    TimePoint at;    ///< and its last
  };
  struct Up {
    std::string text;
    TimePoint at;
    bool ping = false;
  };

  [[nodiscard]] Fate draw_fate();
  [[nodiscard]] Duration connect_delay(Fate fate);
  [[nodiscard]] Duration delay();
  void connected(Epoch epoch, Fate fate);
  void lose(Epoch epoch, shim::Loss loss);
  void forget();
  void schedule_down();
  void schedule_up();
  void schedule_take();
  void reschedule();
  void deliver_down();
  void deliver_up();
  void take();
  void abandon_connection(std::size_t frames_that_arrive);
  void speak_of_the_dead(Epoch epoch);
  [[nodiscard]] bool flows() const;
  [[nodiscard]] bool is_read() const;
  [[nodiscard]] std::uint64_t trickled() const;
  void keep_trickled();
  void await_acknowledgement();

  World& world_;
  std::optional<Fate> forced_;
  Stage stage_ = Stage::none;
  Epoch epoch_ = 0;
  bool paused_ = false;
  bool dead_quiet_ = false;  ///< never pongs, never says anything
  bool half_open_ = false;
  bool kernel_notices_ = false, kernel_waits_ = false;  ///< for an acknowledgement
  std::optional<Duration> trickle_next_;
  TimePoint last_arrival_;
  bool stuck_inside_ = false;  ///< a message had begun to come when nothing moved any more
  TimePoint stalled_until_;
  std::deque<Down> down_;
  std::deque<Up> up_;  ///< in the kernel or on its way
  std::deque<std::string> unwritten_;
  std::size_t head_taken_ = 0;  ///< bytes of unwritten_.front() that the kernel has
  std::size_t unwritten_bytes_ = 0;
  std::size_t kernel_bytes_ = 0;
  bool down_scheduled_ = false, up_scheduled_ = false, take_scheduled_ = false;
  std::uint64_t generation_ = 0;  ///< what was scheduled under another one is void
  TimePoint last_down_, last_up_;
  std::string last_text_;  ///< for late callbacks
  std::uint64_t attempts_ = 0;
  TimePoint last_attempt_;
};

}  // namespace sim
