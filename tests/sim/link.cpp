#include "tests/sim/link.hpp"

#include <algorithm>
#include <utility>

#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;
using shim::Cause;
using shim::Loss;

bool Link::flows() const {
  return stage_ == Stage::open && !dead_quiet_ && !half_open_ && world_.now() >= stalled_until_;
}

/// Whether what we send is read at the other end.
bool Link::is_read() const { return flows() && world_.now() >= world_.backend().reads_from(); }

Duration Link::delay() {
  const Duration most = world_.is_calm() ? Duration(1ms) : world_.plan().link.delay_max;
  return world_.random().between(most / 10, most);
}

Fate Link::draw_fate() {
  if (forced_) return *forced_;
  if (!world_.backend().is_up()) {
    // Docker's proxy accepts and closes, a host that is down does not answer at all.
    if (world_.chance(world_.plan().link.open_then_close)) return Fate::not_websocket;
    return world_.chance(world_.plan().link.black_hole) ? Fate::black_hole : Fate::refused;
  }
  const LinkFaults& faults = world_.plan().link;
  const std::initializer_list<std::pair<Fate, const double*>> fates{
      {Fate::refused, &faults.refused},
      {Fate::black_hole, &faults.black_hole},
      {Fate::not_websocket, &faults.not_websocket},
      {Fate::unauthorized, &faults.unauthorized},
      {Fate::unavailable, &faults.unavailable},
      {Fate::no_pong, &faults.no_pong},
      {Fate::open_then_close, &faults.open_then_close}};
  for (const auto& [fate, chance] : fates) {
    if (world_.chance(*chance)) return fate;
  }
  return Fate::healthy;
}

Duration Link::connect_delay(Fate fate) {
  if (world_.chance(world_.plan().link.slow_connect)) {
    return world_.random().between(Duration(0), world_.plan().settings.connect_timeout * 2);
  }
  return fate == Fate::refused ? delay() : delay() * 3;
}

void Link::open(Epoch epoch) {
  forget();
  epoch_ = epoch;
  stage_ = Stage::connecting;
  ++attempts_;
  last_attempt_ = world_.now();
  const Fate fate = draw_fate();
  if (fate == Fate::black_hole || fate == Fate::silent_upgrade) return;
  world_.after(connect_delay(fate), [this, epoch, fate] {
    if (epoch_ == epoch && stage_ == Stage::connecting) connected(epoch, fate);
  });
}

void Link::connected(Epoch epoch, Fate fate) {
  if (world_.is_calm() && !forced_) fate = Fate::healthy;  // the weather has changed on the way
  switch (fate) {
    case Fate::refused:
      lose(epoch, {.cause = Cause::refused, .detail = "connection refused"});
      return;
    case Fate::not_websocket: lose(epoch, {.cause = Cause::not_websocket}); return;
    case Fate::unauthorized: lose(epoch, {.cause = Cause::http_status, .status = 401}); return;
    case Fate::unavailable:
      lose(epoch, {.cause = Cause::http_status,
                   .status = 503,
                   .retry_after =
                       world_.random().between(Duration(0), world_.plan().link.retry_after_max)});
      return;
    case Fate::black_hole:
    case Fate::silent_upgrade: return;
    case Fate::healthy:
    case Fate::no_pong:
    case Fate::open_then_close: break;
  }
  if (!world_.backend().is_up()) {
    lose(epoch, {.cause = Cause::reset, .detail = "reset while connecting"});
    return;
  }
  if (const TimePoint from = world_.backend().reads_from(); world_.now() < from) {
    // The kernel has accepted; the upgrade waits with everything else.
    world_.after(from - world_.now(), [this, epoch, fate] {
      if (epoch_ == epoch && stage_ == Stage::connecting) connected(epoch, fate);
    });
    return;
  }
  stage_ = Stage::open;
  dead_quiet_ = fate == Fate::no_pong;
  if (!dead_quiet_) world_.backend().connected(epoch);
  if (fate == Fate::open_then_close) {
    world_.after(delay() * 4, [this, epoch] {
      if (epoch_ == epoch) cut(Cause::closed);
    });
  }
  world_.tell(shim::event::LinkOpened{epoch});
}

void Link::lose(Epoch epoch, Loss loss) {
  if (epoch_ != epoch) return;
  forget();
  world_.tell(shim::event::LinkLost{epoch, std::move(loss)});
}

/// The adapter's side of a connection is gone; nothing more is heard of it.
void Link::forget() {
  stuck_inside_ = false;
  stage_ = Stage::none;
  epoch_ = 0;
  paused_ = dead_quiet_ = half_open_ = kernel_waits_ = false;
  stalled_until_ = TimePoint();
  down_.clear();
  up_.clear();
  unwritten_.clear();
  head_taken_ = kernel_bytes_ = unwritten_bytes_ = 0;
  last_down_ = last_up_ = last_arrival_ = TimePoint();
  reschedule();
}

/// Forgets when things were to move next, and works it out afresh.
void Link::reschedule() {
  ++generation_;
  down_scheduled_ = up_scheduled_ = take_scheduled_ = false;
  schedule_down();
  schedule_up();
  schedule_take();
}

/// The backend gets the first frames of what is under way, and then sees the connection end.
void Link::abandon_connection(std::size_t frames_that_arrive) {
  std::vector<std::string> frames;
  for (Up& up : up_) {
    if (frames.size() == frames_that_arrive || half_open_) break;
    if (!up.ping) frames.push_back(std::move(up.text));
  }
  up_.clear();
  kernel_bytes_ = 0;
  if (dead_quiet_) return;
  // A backend behind a dead path learns it from its own kernel, much later.
  world_.after(half_open_ ? Duration(60s) : delay(),
               [this, connection = epoch_, frames = std::move(frames)] {
                 for (const std::string& frame : frames)
                   world_.backend().receive(connection, frame);
                 world_.backend().disconnected(connection);
               });
}

void Link::close(Epoch epoch, bool politely) {
  if (epoch != epoch_) return;
  if (stage_ == Stage::open) {
    if (politely) {  // as far as the socket takes it without waiting
      for (std::string& text : unwritten_) {
        if (kernel_bytes_ + text.size() > world_.plan().link.kernel_bytes) break;
        kernel_bytes_ += text.size();
        up_.push_back({.text = std::move(text), .at = world_.now()});
      }
    }
    const std::size_t all = up_.size();
    abandon_connection(politely ? all : world_.random().between(std::uint64_t{0}, all));
  }
  forget();
  if (world_.chance(world_.plan().link.late_callbacks)) speak_of_the_dead(epoch);
}

/// An adapter that reports, about a link that was closed, what had been on its way.
void Link::speak_of_the_dead(Epoch epoch) {
  const Duration later = world_.random().between(Duration(0), Duration(3s));
  const auto kind = world_.random().between(std::uint64_t{0}, 4);
  world_.after(later, [this, epoch, kind, text = last_text_] {
    switch (kind) {
      case 0: world_.tell(shim::event::LinkOpened{epoch}); return;
      case 1: world_.tell(shim::event::LinkPong{epoch}); return;
      case 2: world_.tell(shim::event::LinkMessage{epoch, text}); return;
      case 3: world_.tell(shim::event::LinkWritten{epoch, 1000}); return;
      default: world_.tell(shim::event::LinkLost{epoch, {.cause = Cause::reset}}); return;
    }
  });
}

void Link::ping(Epoch epoch) {
  if (epoch != epoch_ || stage_ != Stage::open) return;
  last_up_ = std::max(last_up_, world_.now() + delay());
  up_.push_back({.text = {}, .at = last_up_, .ping = true});
  await_acknowledgement();
  schedule_up();
}

void Link::send(Epoch connection, std::string text, Frame kind) {
  if (connection != epoch_ || stage_ != Stage::open) return;
  const TimePoint from = std::max(last_down_, world_.now() + delay());
  last_down_ = from;
  if (kind == Frame::message) {
    if (const auto span = std::exchange(trickle_next_, std::nullopt)) {
      last_down_ += *span;
    } else if (world_.chance(world_.plan().link.trickle)) {
      last_down_ += world_.random().between(Duration(0), world_.plan().link.trickle_max);
    }
  }
  down_.push_back({kind, std::move(text), from, last_down_});
  schedule_down();
}

void Link::schedule_down() {
  if (down_scheduled_ || down_.empty() || paused_ || dead_quiet_ || half_open_) return;
  down_scheduled_ = true;
  const TimePoint at = std::max({down_.front().at, stalled_until_, world_.now()});
  world_.after(at - world_.now(), [this, generation = generation_] {
    if (generation != generation_) return;
    down_scheduled_ = false;
    deliver_down();
  });
}

void Link::deliver_down() {
  if (paused_ || down_.empty() || (!flows() && stage_ != Stage::broken)) {
    if (stage_ == Stage::open) schedule_down();
    return;
  }
  if (down_.front().at > world_.now()) {
    schedule_down();
    return;
  }
  const Epoch epoch = epoch_;
  Down frame = std::move(down_.front());
  down_.pop_front();
  last_arrival_ = world_.now();
  stuck_inside_ = false;
  schedule_down();
  if (frame.kind == Frame::message) last_text_ = frame.text;
  switch (frame.kind) {
    case Frame::pong: world_.tell(shim::event::LinkPong{epoch}); return;
    case Frame::binary: world_.tell(shim::event::LinkBinary{epoch}); return;
    case Frame::message:
      world_.tell(shim::event::LinkMessage{epoch, std::move(frame.text)});
      return;
    case Frame::too_long: {
      shim::event::LinkMessageTooLong event{.epoch = epoch, .found = {}};
      event.found.feed(frame.text);
      world_.tell(std::move(event));
      return;
    }
  }
}

void Link::write(Epoch epoch, std::string text) {
  if (epoch != epoch_ || (stage_ != Stage::open && stage_ != Stage::broken)) return;
  unwritten_bytes_ += text.size();
  unwritten_.push_back(std::move(text));
  schedule_take();
}

void Link::schedule_take() {
  if (take_scheduled_ || unwritten_.empty() || kernel_bytes_ >= world_.plan().link.kernel_bytes) {
    return;
  }
  take_scheduled_ = true;
  world_.after(world_.random().between(Duration(0), Duration(100us)),
               [this, generation = generation_] {
                 if (generation != generation_) return;
                 take_scheduled_ = false;
                 take();
               });
}

/// The kernel takes what it has room for, perhaps only a part of a message.
void Link::take() {
  const std::size_t room = world_.plan().link.kernel_bytes - kernel_bytes_;
  if (unwritten_.empty() || room == 0) return;
  std::string& head = unwritten_.front();
  const std::size_t bytes = std::min(room, head.size() - head_taken_);
  head_taken_ += bytes;
  kernel_bytes_ += bytes;
  unwritten_bytes_ -= bytes;
  if (head_taken_ == head.size()) {
    last_up_ = std::max(last_up_, world_.now() + delay());
    if (stage_ == Stage::open) up_.push_back({.text = std::move(head), .at = last_up_});
    unwritten_.pop_front();
    head_taken_ = 0;
    schedule_up();
  } else if (up_.empty() && is_read()) {
    kernel_bytes_ = 0;  // a message larger than the buffer: its first part is read at once
  }
  await_acknowledgement();
  schedule_take();
  world_.tell(shim::event::LinkWritten{epoch_, bytes});
}

void Link::schedule_up() {
  if (up_scheduled_ || up_.empty() || dead_quiet_ || half_open_) return;
  up_scheduled_ = true;
  const TimePoint at =
      std::max({up_.front().at, stalled_until_, world_.backend().reads_from(), world_.now()});
  world_.after(at - world_.now(), [this, generation = generation_] {
    if (generation != generation_) return;
    up_scheduled_ = false;
    deliver_up();
  });
}

void Link::deliver_up() {
  if (up_.empty() || stage_ != Stage::open) return;
  if (!is_read() || up_.front().at > world_.now()) {
    schedule_up();
    return;
  }
  const bool is_ping = up_.front().ping;
  const std::string text = std::move(up_.front().text);
  up_.pop_front();
  kernel_bytes_ -= std::min(kernel_bytes_, text.size());
  if (up_.empty()) kernel_bytes_ = 0;
  schedule_up();
  schedule_take();
  if (is_ping) {
    send(epoch_, {}, Frame::pong);
  } else {
    world_.backend().receive(epoch_, text);
  }
}

void Link::pause(Epoch epoch, bool paused) {
  if (epoch != epoch_) return;
  paused_ = paused;
  schedule_down();
}

}  // namespace sim
