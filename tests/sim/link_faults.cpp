// What befalls a connection: cuts, stalls, dead paths, messages that trickle in.

#include <algorithm>

#include "tests/sim/link.hpp"
#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;
using shim::Cause;

void Link::cut(Cause cause, Duration notice) {
  if (stage_ != Stage::open) return;
  const Epoch epoch = epoch_;
  keep_trickled();
  stage_ = Stage::broken;
  abandon_connection(world_.random().between(std::uint64_t{0}, up_.size()));
  // Of what the backend had sent, some still arrives.
  const std::size_t arrives = world_.random().between(std::uint64_t{0}, down_.size());
  down_.resize(dead_quiet_ ? 0 : std::min(arrives, down_.size()));
  for (Down& frame : down_) frame.at = std::min(frame.at, world_.now() + notice);
  world_.after(notice, [this, epoch, cause] { lose(epoch, {.cause = cause}); });
}

void Link::stall(Duration span) {
  if (stage_ != Stage::open) return;
  keep_trickled();
  stalled_until_ = world_.now() + span;
  world_.after(span, [this, epoch = epoch_] {
    if (epoch == epoch_ && flows()) heal();
  });
}

void Link::half_open(bool notices) {
  if (stage_ != Stage::open || dead_quiet_) return;
  world_.note("link", notices ? "half-open, and the kernel will notice" : "half-open");
  keep_trickled();
  half_open_ = true;
  kernel_notices_ = notices;
  if (!up_.empty()) await_acknowledgement();
}

/// TCP_USER_TIMEOUT: what was sent has to be acknowledged within the ack timeout.
void Link::await_acknowledgement() {
  const shim::Settings& settings = world_.plan().settings;
  if (!half_open_ || !kernel_notices_ || kernel_waits_) return;
  if (settings.ping_interval == Duration::zero()) return;
  kernel_waits_ = true;
  world_.after(settings.ping_interval + settings.pong_timeout, [this, epoch = epoch_] {
    if (epoch == epoch_ && is_half_open()) lose(epoch, {.cause = Cause::path_dead});
  });
}

/// Bytes of the message under way, one a second.
std::uint64_t Link::trickled() const {
  if (!flows() || down_.empty() || down_.front().from > world_.now()) return 0;
  return 1 + static_cast<std::uint64_t>((world_.now() - down_.front().from) / Duration(1s));
}

TimePoint Link::last_byte() const {
  const std::uint64_t bytes = trickled();
  if (bytes == 0) return last_arrival_;
  const auto seconds = static_cast<std::int64_t>(bytes - 1);
  return std::max(last_arrival_, down_.front().from + seconds * Duration(1s));
}

/// From now on nothing moves: what has come by now stays known.
void Link::keep_trickled() {
  stuck_inside_ = trickled() > 0;
  last_arrival_ = last_byte();
}

void Link::hurry() {
  last_down_ = world_.now();
  for (Down& frame : down_) frame.from = frame.at = std::min(frame.at, last_down_);
  reschedule();
}

void Link::reader_is_back() {
  if (is_read()) heal();
}

void Link::heal() {
  if (dead_quiet_ || half_open_) {
    cut(Cause::reset);
    return;
  }
  stalled_until_ = TimePoint();
  if (up_.empty()) kernel_bytes_ = 0;  // what it held of a message not yet complete is read
  reschedule();
}

}  // namespace sim
