#include "shim/core/liveness.hpp"

#include <algorithm>
#include <utility>

#include "common/units.hpp"

namespace shim {

void Liveness::start(TimePoint now) {
  started_at_ = now;
  ping_round_trip_.reset();
  own_report_at_.reset();
  doubted_ = wedged_ = looking_ = false;
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
}

void Liveness::pong(TimePoint now) {
  if (pinged_at_) ping_round_trip_ = now - *std::exchange(pinged_at_, std::nullopt);
  heard(now);
  if (!doubted_ || !is_judged() || timers_.armed(Timer::heartbeat)) return;
  timers_.arm(Timer::heartbeat,
              std::max(*heartbeat_at_ + settings_.heartbeat_timeout, now + heartbeat_grace()));
}

void Liveness::heartbeat(TimePoint now) {
  heard(now);
  if (settings_.heartbeat_timeout == Duration::zero()) return;
  heartbeat_at_ = now;
  if (!is_judged()) return;
  if (doubted_ || !timers_.armed(Timer::heartbeat)) expect_heartbeat();
}

void Liveness::forget_heartbeats() {
  heartbeat_at_.reset();
  doubted_ = wedged_ = false;
  timers_.disarm(Timer::heartbeat);
}

void Liveness::expect_heartbeat() {
  doubted_ = false;
  timers_.arm(Timer::heartbeat, *heartbeat_at_ + settings_.heartbeat_timeout - heartbeat_grace());
}

Duration Liveness::heartbeat_grace() const {
  return std::min<Duration>(std::chrono::seconds(5), settings_.heartbeat_timeout / 2);
}

void Liveness::pause(TimePoint now, bool paused) {
  if (paused) {
    rest();
    state_ = State::unread;
    look_at(now + settings_.ping_interval);
    return;
  }
  listen(now);
  if (!heartbeat_at_) return;
  heartbeat_at_ = now;
  expect_heartbeat();
}

void Liveness::health_changed(TimePoint now) {
  if (!own_report_at_ && now - started_at_ <= first_report_time) own_report_at_ = now;
}

void Liveness::suspect(TimePoint now, Epoch epoch, Actions& out) {
  if (state_ == State::listening) ping(now, epoch, out);
}

void Liveness::ping(TimePoint now, Epoch epoch, Actions& out) {
  state_ = State::pinged;
  pinged_at_ = now;
  timers_.arm(Timer::silence, now + settings_.pong_timeout);
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
    const TimePoint doubtful_at = *heartbeat_at_ + settings_.heartbeat_timeout - heartbeat_grace();
    if (doubted_) {
      // Pongs that have stopped as well are silence, and the next one starts a new grace. A look
      // that was asked for just now is answered at once.
      wedged_ = state_ != State::silent && !looking_;
      if (looking_) timers_.arm(Timer::heartbeat, now + std::chrono::milliseconds(1));
    } else if (now < doubtful_at) {
      timers_.arm(Timer::heartbeat, doubtful_at);
    } else {
      doubted_ = true;
      suspect(now, epoch, out);
    }
  }
}

void Liveness::look(Epoch epoch, Actions& out) {
  if (std::exchange(looking_, true)) return;
  out.emplace_back(action::CheckLink{epoch});
}

void Liveness::checked(TimePoint now, Epoch epoch, TimePoint heard_at, const Health& health,
                       Actions& out) {
  looking_ = false;
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
    return;
  }
  listen(heard_at_);
  const Duration interval = settings_.ping_interval;
  if (interval > Duration::zero() && now - heard_at_ >= interval) ping(now, epoch, out);
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
  if (wedged_) {
    return Loss{.cause = Cause::wedged,
                .detail = "pings are answered, but no heartbeat came for " +
                          describe_duration(now - *heartbeat_at_)};
  }
  if (state_ != State::silent) return std::nullopt;
  const Duration silence = now - heard_at_;
  const std::string said = "nothing was heard for " + describe_duration(silence);
  if (!in_flight)
    return Loss{.cause = Cause::no_pong, .detail = said + ", a ping was not answered"};
  if (health.replaced_since(own_report_at_.value_or(started_at_))) {
    return Loss{.cause = Cause::replaced,
                .detail = said + ", and the health file names another process"};
  }
  const Duration most = patience(now, health);
  if (most == Duration::zero() || silence < most) return std::nullopt;
  return Loss{.cause = Cause::stalled, .detail = said + " with requests in flight"};
}

}  // namespace shim
