#include "shim/core/supervisor.hpp"

#include <algorithm>
#include <utility>

#include "common/check.hpp"
#include "common/units.hpp"

namespace shim {
namespace {

/// Which attempts of an outage are worth a line (contract 4.3), besides those that fail of
/// something that has not been shown in it.
bool is_logged(unsigned attempt) {
  return attempt == 1 || attempt == 5 || attempt == 20 || (attempt >= 50 && attempt % 10 == 0);
}

std::string plural(unsigned count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

void Supervisor::move(TimePoint now, Phase to) {
  SHIM_CHECK(may_move(phase_, to));
  phase_ = to;
  phase_since_ = now;
}

void Supervisor::start(TimePoint now) {
  down_since_ = now;
  phase_since_ = now;
  timers_.arm(Timer::reconnect, now);
}

void Supervisor::begin_round(TimePoint now) {
  const bool first_is_away = first_failed_at_ && now - *first_failed_at_ < first_endpoint_rest;
  endpoint_ = first_is_away ? served_by_ : 0;
  untried_ = settings_.endpoints.size();
  all_need_a_person_ = true;
}

/// The next endpoint of the round, without those that want to be left alone.
void Supervisor::choose_endpoint(TimePoint now) {
  if (untried_ == 0) {
    begin_round(now);
  } else {
    endpoint_ = after(endpoint_);
  }
  --untried_;
  while (untried_ > 0 && is_barred(endpoint_, now)) {
    endpoint_ = after(endpoint_);
    --untried_;
  }
}

bool Supervisor::round_goes_on(TimePoint now) const {
  std::size_t next = endpoint_;
  for (std::size_t i = 0; i < untried_; ++i) {
    next = after(next);
    if (!is_barred(next, now)) return true;
  }
  return false;
}

TimePoint Supervisor::allowed_at() const { return *std::ranges::min_element(not_before_); }

void Supervisor::attempt(TimePoint now, Actions& out) {
  move(now, Phase::connecting);
  ++epoch_;
  choose_endpoint(now);
  attempt_started_ = now;
  is_wanted_ = false;
  timers_.arm(Timer::attempt, now + settings_.connect_timeout);
  out.emplace_back(action::OpenLink{epoch_, endpoint_});
  log(LogLevel::debug, "link " + std::to_string(epoch_) + " connecting: " + endpoint(), out);
}

void Supervisor::opened(TimePoint now, Actions& out) {
  move(now, Phase::validating);
  timers_.arm(Timer::attempt, now + settings_.validate_timeout);
  out.emplace_back(action::PingLink{epoch_});
  log(LogLevel::debug, "link " + std::to_string(epoch_) + " validating", out);
}

void Supervisor::validated(TimePoint now, Actions& out) {
  const Duration round_trip = now - phase_since_;
  move(now, Phase::resuming);
  ping_round_trip_ = round_trip;
  timers_.arm(Timer::attempt, now + settings_.resume_timeout);
  log(LogLevel::debug,
      "link " + std::to_string(epoch_) + " resuming: ping answered after " +
          describe_duration(round_trip),
      out);
}

void Supervisor::resumed(TimePoint now, Actions& out) {
  move(now, Phase::ready);
  is_up_ = is_wanted_ = false;
  timers_.disarm(Timer::attempt);
  timers_.arm(Timer::min_uptime, now + settings_.min_uptime);
  std::string text = "link " + std::to_string(epoch_) + " ready: " + endpoint();
  if (outage_attempts_ > 0 || epoch_ > 1) {
    text += ", after " + plural(outage_attempts_ + 1, "attempt") + " and " +
            describe_duration(down_for(now)) + " without a backend";
  }
  outage_attempts_ = 0;
  causes_shown_ = 0;
  down_since_.reset();
  ready_since_ = now;
  served_by_ = endpoint_;
  untried_ = 0;
  if (endpoint_ == 0) first_failed_at_.reset();
  log(LogLevel::info, std::move(text), out);
}

void Supervisor::lost(TimePoint now, const Loss& loss, Actions& out) {
  const bool was_ready = ready();
  move(now, Phase::waiting);
  timers_.disarm(Timer::attempt);
  timers_.disarm(Timer::min_uptime);
  if (was_ready) {
    down_since_ = now;
  } else {
    ++outage_attempts_;
  }
  last_error_ = std::string(name(loss.cause));
  if (!loss.detail.empty()) last_error_ += ": " + loss.detail;
  if (settings_.without_secrets) last_error_ = settings_.without_secrets(std::move(last_error_));

  if (!was_ready && endpoint_ == 0) first_failed_at_ = now;
  if (loss.retry_after) not_before_[endpoint_] = now + *loss.retry_after;
  all_need_a_person_ = all_need_a_person_ && needs_a_person(loss);
  const bool goes_on = round_goes_on(now);
  timers_.arm(Timer::reconnect, goes_on ? now : now + delay_of_round(now));
  // What only a person can mend is not mended by being asked for.
  if (std::exchange(is_up_, false) || (is_wanted_ && !needs_a_person(loss))) wanted(now);
  const Duration delay = *timers_.get(Timer::reconnect) - now;
  out.emplace_back(action::CloseLink{epoch_, false});
  std::string then = "next attempt in " + describe_duration(delay);
  if (delay == Duration::zero()) then = goes_on ? "trying the next URL" : "trying again at once";
  log_failure(loss, was_ready, then, out);
}

/// All of the round have failed.
Duration Supervisor::delay_of_round(TimePoint now) {
  untried_ = 0;
  const Duration delay =
      all_need_a_person_ ? backoff_.failed_for_good(now, random_) : backoff_.failed(now, random_);
  all_need_a_person_ = true;
  return std::max(delay, allowed_at() - now);
}

void Supervisor::log_failure(const Loss& loss, bool was_ready, const std::string& then,
                             Actions& out) {
  std::string text = "link " + std::to_string(epoch_);
  if (was_ready) {
    text += " lost: ";
  } else {
    text += " failed (attempt " + std::to_string(outage_attempts_) + "): " + endpoint() + ": ";
  }
  text += last_error_ + "; " + then;
  if (needs_a_person(loss)) text += "; this needs a person to mend it";
  const std::uint32_t cause_bit = std::uint32_t{1} << static_cast<unsigned>(loss.cause);
  const bool is_new = (causes_shown_ & cause_bit) == 0;
  const bool show = was_ready || is_new || is_logged(outage_attempts_);
  if (show && !was_ready) causes_shown_ |= cause_bit;
  log(show ? LogLevel::warn : LogLevel::debug, std::move(text), out, name(loss.cause));
}

void Supervisor::wanted(TimePoint now) {
  is_wanted_ = phase_ != Phase::waiting && phase_ != Phase::ready;
  schedule(now, allowed_at());
}

void Supervisor::demanded(TimePoint now) {
  std::ranges::fill(not_before_, TimePoint());
  wanted(now);
}

void Supervisor::backend_is_up(TimePoint now) {
  is_up_ = phase_ != Phase::waiting && phase_ != Phase::ready;
  schedule(now, allowed_at(), sign_of_life_spacing);
}

void Supervisor::schedule(TimePoint now, TimePoint earliest, Duration spacing) {
  if (phase_ != Phase::waiting) return;
  TimePoint at = std::max(now, earliest);
  if (attempt_started_) at = std::max(at, *attempt_started_ + spacing);
  if (at < *timers_.get(Timer::reconnect)) timers_.arm(Timer::reconnect, at);
}

void Supervisor::on_deadline(TimePoint now, Actions& out) {
  if (timers_.take_due(Timer::min_uptime, now)) backoff_.succeeded();
  if (timers_.take_due(Timer::reconnect, now)) attempt(now, out);
}

void Supervisor::excuse(TimePoint now) {
  if (phase_ == Phase::validating) timers_.arm(Timer::attempt, now + settings_.validate_timeout);
  if (phase_ == Phase::resuming) timers_.arm(Timer::attempt, now + settings_.resume_timeout);
}

std::optional<Loss> Supervisor::overdue(TimePoint now) {
  if (!timers_.take_due(Timer::attempt, now)) return std::nullopt;
  switch (phase_) {
    case Phase::connecting:
      return Loss{.cause = Cause::connect_timeout,
                  .detail = "not connected within " + format_duration(settings_.connect_timeout)};
    case Phase::validating:
      return Loss{.cause = Cause::validate_timeout,
                  .detail = "the first ping was not answered within " +
                            format_duration(settings_.validate_timeout)};
    case Phase::resuming:
      return Loss{.cause = Cause::resume_timeout,
                  .detail = "the backend did not answer initialize within " +
                            format_duration(settings_.resume_timeout)};
    case Phase::waiting:
    case Phase::ready:
    case Phase::stopped: break;
  }
  return std::nullopt;
}

void Supervisor::stop(TimePoint now, Actions& out) {
  if (phase_ != Phase::waiting) out.emplace_back(action::CloseLink{epoch_, true});
  move(now, Phase::stopped);
  timers_.disarm(Timer::reconnect);
  timers_.disarm(Timer::attempt);
  timers_.disarm(Timer::min_uptime);
}

Duration Supervisor::down_for(TimePoint now) const {
  return down_since_ ? now - *down_since_ : Duration::zero();
}

bool Supervisor::has_a_way_out() const {
  switch (phase_) {
    case Phase::waiting: return timers_.armed(Timer::reconnect);
    case Phase::connecting:
    case Phase::validating:
    case Phase::resuming: return timers_.armed(Timer::attempt);
    case Phase::ready:
    case Phase::stopped: return true;
  }
  return false;
}

}  // namespace shim
