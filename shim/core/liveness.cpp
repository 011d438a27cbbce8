#include "shim/core/liveness.hpp"

#include <algorithm>
#include <utility>

#include "common/units.hpp"

namespace shim {

void Liveness::start(TimePoint now, const Health& health) {
  started_at_ = now;
  ping_round_trip_.reset();
  ping_out_at_.reset();
  own_writers_.clear();
  successor_ = {};
  if (health.is_fresh(now) && health.writer().is_known()) own_writers_.push_back(health.writer());
  reported_ = false;
  suspected_ = looking_ = false;
  heartbeats_ = Heartbeats::unknown;
  listen(now);
  if (heartbeat_at_) expect_heartbeat();
}

void Liveness::stop() {
  rest();
  forget_heartbeats();
}

void Liveness::rest() {
  state_ = State::off;
  pinged_at_.reset();
  timers_.disarm(Timer::silence);
  timers_.disarm(Timer::heartbeat);
}

void Liveness::listen(TimePoint heard_at) {
  heard_at_ = heard_at;
  state_ = State::listening;
  look_at(heard_at + settings_.ping_interval);
}

/// Without pings there is nothing to look for.
void Liveness::look_at(TimePoint at) {
  if (settings_.ping_interval > Duration::zero()) {
    timers_.arm(Timer::silence, at);
  } else {
    timers_.disarm(Timer::silence);
  }
}

void Liveness::heard(TimePoint now) {
  if (!is_judged()) return;
  if (state_ == State::listening) {
    heard_at_ = now;  // the timer finds out when it fires: this is on every message's way
  } else {
    listen(now);
  }
  if (heartbeats_ != Heartbeats::doubted || timers_.armed(Timer::heartbeat)) return;
  timers_.arm(Timer::heartbeat,
              std::max(heartbeat_base_ + settings_.heartbeat_timeout, now + heartbeat_grace()));
}

void Liveness::pong(TimePoint now) {
  if (ping_out_at_) ping_round_trip_ = now - *std::exchange(ping_out_at_, std::nullopt);
  heard(now);
}

void Liveness::heartbeat(TimePoint now) {
  heard(now);
  if (settings_.heartbeat_timeout == Duration::zero()) return;
  heartbeat_at_ = heartbeat_base_ = now;
  if (!is_judged()) return;
  if (heartbeats_ != Heartbeats::expected || !timers_.armed(Timer::heartbeat)) expect_heartbeat();
}

void Liveness::forget_heartbeats() {
  heartbeat_at_.reset();
  heartbeats_ = Heartbeats::unknown;
  timers_.disarm(Timer::heartbeat);
}

void Liveness::expect_heartbeat() {
  heartbeats_ = Heartbeats::expected;
  timers_.arm(Timer::heartbeat, heartbeat_base_ + settings_.heartbeat_timeout - heartbeat_grace());
}

Duration Liveness::heartbeat_grace() const {
  return std::min<Duration>(std::chrono::seconds(5), settings_.heartbeat_timeout / 2);
}

void Liveness::pause(TimePoint now, bool paused, Epoch epoch, Actions& out) {
  if (paused) {
    paused_at_ = now;
    heartbeat_due_ = timers_.get(Timer::heartbeat);
    rest();
    state_ = State::unread;
    look_at(now + settings_.ping_interval);
    return;
  }
  const bool is_short = now - paused_at_ < short_pause;
  listen(is_short ? heard_at_ : now);
  if (is_short) {
    if (heartbeat_due_) timers_.arm(Timer::heartbeat, *heartbeat_due_);
  } else if (heartbeat_at_) {
    heartbeat_base_ = now;
    expect_heartbeat();
  }
  if (suspected_) suspect(now, epoch, out);
}

void Liveness::health_changed(TimePoint now, const Health& health) {
  const HealthWriter& writer = health.writer();
  // Who is known already may be the one that is going: his report is not the first one awaited.
  if (!writer.is_known() || !health.is_fresh(now)) return;
  if (!is_foreign(writer)) {
    successor_ = {};
    return;
  }
  const bool is_first_report = awaits_first_report(now) && !std::exchange(reported_, true);
  if (own_writers_.empty() || is_first_report) {
    own_writers_.push_back(writer);
  } else if (!successor_.is_known() || successor_.differs_from(writer)) {
    successor_ = writer;
    succeeded_at_ = now;
  } else if (heard_at_ - succeeded_at_ >= settings_.health_max_age) {
    // The one before has not written for as long as a fresh report lasts, and yet the link answers.
    own_writers_ = {writer};
  }
}

bool Liveness::is_foreign(const HealthWriter& writer) const {
  return std::ranges::all_of(
      own_writers_, [&writer](const HealthWriter& own) { return own.differs_from(writer); });
}

void Liveness::suspect(TimePoint now, Epoch epoch, Actions& out) {
  suspected_ = state_ == State::unread;
  if (state_ == State::listening) ping(now, epoch, out);
}

/// Puts silence to the test. One ping at a time (contract 7): if other bytes came since the last,
/// its pong is still to come, and speaks for now as well as another would.
void Liveness::ping(TimePoint now, Epoch epoch, Actions& out) {
  state_ = State::pinged;
  pinged_at_ = now;
  timers_.arm(Timer::silence, now + settings_.pong_timeout);
  if (ping_out_at_) return;
  ping_out_at_ = now;
  out.emplace_back(action::PingLink{epoch});
}

void Liveness::on_deadline(TimePoint now, Epoch epoch, Actions& out) {
  if (timers_.take_due(Timer::silence, now)) {
    // The answer comes at once and arms the timer anew; this is in case it does not.
    timers_.arm(Timer::silence, now + settings_.pong_timeout);
    looking_ = false;
    look(epoch, out);
  }
  if (timers_.take_due(Timer::heartbeat, now)) {
    const TimePoint doubtful_at = heartbeat_base_ + settings_.heartbeat_timeout - heartbeat_grace();
    if (heartbeats_ == Heartbeats::doubted) {
      heartbeats_ = Heartbeats::overdue;
      look(epoch, out);
    } else if (now < doubtful_at) {
      timers_.arm(Timer::heartbeat, doubtful_at);
    } else {
      heartbeats_ = Heartbeats::doubted;
      suspect(now, epoch, out);
    }
  }
}

/// The last grace for a heartbeat is over. If nothing else is heard either, that is silence, and
/// what is heard next starts a new grace.
void Liveness::judge_heartbeats(TimePoint now, const event::LinkChecked& look) {
  if (heartbeats_ != Heartbeats::overdue) return;
  if (look.part_at) heartbeat_base_ = std::max(heartbeat_base_, *look.part_at);
  if (now - heartbeat_base_ < settings_.heartbeat_timeout) {
    expect_heartbeat();
  } else {
    heartbeats_ = state_ == State::silent ? Heartbeats::doubted : Heartbeats::wedged;
  }
}

void Liveness::look(Epoch epoch, Actions& out) {
  if (std::exchange(looking_, true)) return;
  out.emplace_back(action::CheckLink{epoch});
}

void Liveness::checked(TimePoint now, const event::LinkChecked& look, const Health& health,
                       Actions& out) {
  looking_ = false;
  const TimePoint heard_at = look.heard_at;
  switch (state_) {
    case State::off: return;
    case State::unread: look_at(now + settings_.ping_interval); return;
    case State::listening:
    case State::pinged:
    case State::silent: break;
  }
  heard_at_ = std::max(heard_at_, heard_at);
  if (state_ != State::listening && heard_at <= *pinged_at_) {
    // A look that was asked for before the ping may be answered after it.
    if (now - *pinged_at_ >= settings_.pong_timeout) remain_silent(now, health);
  } else {
    listen(heard_at_);
    const Duration interval = settings_.ping_interval;
    if (interval > Duration::zero() && now - heard_at_ >= interval) ping(now, look.epoch, out);
  }
  judge_heartbeats(now, look);
}

void Liveness::remain_silent(TimePoint now, const Health& health) {
  state_ = State::silent;
  checked_at_ = now;
  // Looks again now and then: part of a long message is life too, and only CheckLink sees it.
  const Duration interval =
      settings_.ping_interval > Duration::zero() ? settings_.ping_interval : settings_.pong_timeout;
  TimePoint next = now + interval;
  const TimePoint end = heard_at_ + patience(now, health);
  if (end > now) next = std::min(next, end);
  timers_.arm(Timer::silence, next);
}

std::optional<Loss> Liveness::verdict(TimePoint now, bool in_flight, const Health& health) const {
  if (!is_judged()) return std::nullopt;
  if (heartbeats_ == Heartbeats::wedged) {
    return Loss{.cause = Cause::wedged,
                .detail = "it still answers, but no heartbeat came for " +
                          describe_duration(now - *heartbeat_at_)};
  }
  if (state_ != State::silent) return std::nullopt;
  const Duration silence = now - heard_at_;
  const std::string said = "nothing was heard for " + describe_duration(silence);
  if (!in_flight)
    return Loss{.cause = Cause::no_pong, .detail = said + ", a ping was not answered"};
  if (!own_writers_.empty() && is_foreign(health.writer())) {
    return Loss{.cause = Cause::replaced,
                .detail = said + ", and the health file names another process"};
  }
  const Duration most = patience(now, health);
  if (most == Duration::zero() || silence < most) return std::nullopt;
  return Loss{.cause = Cause::stalled, .detail = said + " with requests in flight"};
}

}  // namespace shim
