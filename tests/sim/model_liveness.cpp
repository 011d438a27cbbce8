// Whether a link may be, and has been, given up (contract 7), and the longest silence (5.0).

#include <algorithm>
#include <utility>

#include "tests/sim/model.hpp"

namespace sim {

using namespace std::chrono_literals;
using shim::Phase;

void Model::link_heard(Epoch epoch) {
  if (epoch != live_) return;
  pulse_.heard = now_;
  pulse_.pinged.reset();
  if (pulse_.heartbeat && !pulse_.lone_word &&
      now_ >= std::max(*pulse_.heartbeat, latest_part_) + settings_.heartbeat_timeout -
                  heartbeat_grace()) {
    pulse_.lone_word = now_;
  }
}

/// What was not heard by way of a message.
void Model::link_checked(const shim::event::LinkChecked& look) {
  if (look.epoch != live_) return;
  pulse_.heard = std::max(pulse_.heard, look.heard_at);
  if (pulse_.pinged && look.heard_at > *pulse_.pinged) pulse_.pinged.reset();
  // With a ping that is still to be answered there is no other: that one will speak for now.
  if (pulse_.watched && pulse_.ping_out && !pulse_.pinged &&
      settings_.ping_interval > Duration(0) && now_ >= pulse_.heard + settings_.ping_interval)
    pulse_.pinged = now_;
  if (!look.part_at) return;
  part_in_turn_ = look.part_at;
  latest_part_ = *look.part_at;
  if (!pulse_.heartbeat || *look.part_at <= *pulse_.heartbeat) return;
  pulse_.lone_word.reset();  // it counts from here
}

void Model::link_pong(Epoch epoch) {
  if (epoch != live_) return;
  link_heard(epoch);
  pulse_.ping_out = false;
}

/// Contract 7 leaves open how long a backend that has just come to its senses may take for its next
/// heartbeat; up to this.
Duration Model::heartbeat_grace() const {
  return std::min<Duration>(5s, settings_.heartbeat_timeout / 2);
}

void Model::health_seen(const shim::HealthLook& look) {
  const bool was_fresh = health_.is_fresh(now_);
  health_.look(now_, look);
  turned_fresh_ = health_.is_news() && !was_fresh && health_.is_fresh(now_);
  const bool replaced = health_.replaced() == now_;
  if (turned_fresh_ || replaced || health_.is_news()) health_hurry_ = true;
  if (replaced) suspects_ = true;
  if (replaced || health_.is_news()) note_writer();
}

void Model::ping_link(Epoch epoch) {
  if (epoch != live_ || !live_open_) fail("pings a link that is not open");
  if (phase_before_ != Phase::ready) return;
  if (pulse_.ping_out) fail("a second ping before the first was answered");
  const bool doubted = pulse_.heartbeat && settings_.heartbeat_timeout > Duration(0) &&
                       now_ >= *pulse_.heartbeat + settings_.heartbeat_timeout - heartbeat_grace();
  const bool due =
      settings_.ping_interval > Duration(0) && now_ >= pulse_.heard + settings_.ping_interval;
  if (!due && !suspects_ && !doubted && !std::exchange(pulse_.suspected, false))
    fail("pings without a reason");
  pulse_.pinged = pulse_.last_ping = now_;
  pulse_.ping_out = true;
}

/// Who may be the backend of a link that is ready: also the first other one to report soon after
/// that, and one that has done so alone for a long time while the link was heard.
void Model::note_writer() {
  const HealthBook::Writer& writer = health_.writer();
  if (writer == HealthBook::Writer() || !health_.is_fresh(now_)) return;
  if (!pulse_.own.empty() && !is_replaced()) {
    pulse_.successor = {};
    return;
  }
  const bool is_first = now_ - pulse_.ready <= 3s && !std::exchange(pulse_.has_reported, true);
  if (pulse_.own.empty() || is_first) {
    pulse_.own.push_back(writer);
  } else if (pulse_.successor == HealthBook::Writer() ||
             HealthBook::is_other(pulse_.successor, writer)) {
    pulse_.successor = writer;
    pulse_.succeeded = now_;
  } else if (pulse_.heard >= pulse_.succeeded + settings_.health_max_age) {
    pulse_.own = {writer};
  }
}

/// While the shim does not read, no silence counts; neither does what was before. For a moment it
/// is only that the host has not yet been asked to take what came.
void Model::pause_link(Epoch epoch, bool paused) {
  if (epoch != live_ || live_ == 0) fail("pauses a link that there is not");
  link_paused_ = paused;
  pulse_.pinged.reset();
  pulse_.lone_word.reset();
  (paused ? paused_at_ : unpaused_at_) = now_;
  if (paused || now_ - paused_at_ < 100ms) return;
  pulse_.heard = now_;
  if (pulse_.heartbeat) pulse_.heartbeat = now_;
  for (auto& [seq, since] : quiet_since_) since = std::max(since, now_);
}

/// Whether the host waits for the backend.
bool Model::is_busy() const {
  return std::ranges::any_of(open_, [this](const auto& open) {
    const Ask& ask = asks_.at(open.second);
    return !ask.acknowledged && is_in_flight(ask);
  });
}

/// Whether the health file names nobody who may be this link's backend.
bool Model::is_replaced() const {
  return !pulse_.own.empty() && std::ranges::all_of(pulse_.own, [this](const auto& own) {
    return HealthBook::is_other(own, health_.writer());
  });
}

bool Model::may_be_given_up(TimePoint last_byte) const {
  if (!pulse_.watched) return false;
  const Duration timeout = settings_.pong_timeout;
  const TimePoint tested = std::max(pulse_.last_ping, pulse_.heard);
  if ((pulse_.pinged || pulse_.ping_out) && now_ - tested >= timeout) {
    if (now_ - last_byte < timeout) return false;  // it is coming round
    if (!is_busy()) return true;
    if (is_replaced()) return true;
    const Duration patience =
        health_.is_fresh(now_) ? settings_.busy_timeout : settings_.stall_timeout;
    // Bytes of a message that was not complete before the ping are not known to the core.
    return patience > Duration(0) && now_ - pulse_.heard >= patience;
  }
  return settings_.heartbeat_timeout > Duration(0) && pulse_.heartbeat &&
         now_ - part_in_turn_.value_or(*pulse_.heartbeat) >= settings_.heartbeat_timeout &&
         now_ - *pulse_.heartbeat >= settings_.heartbeat_timeout &&
         pulse_.heard > *pulse_.heartbeat;
}

void Model::judge_pulse(const CoreView& core) {
  if (core.phase == Phase::ready && phase_before_ != Phase::ready) {
    pulse_ = Pulse();
    loss_due_.reset();
    if (early_heartbeat_.first == live_) pulse_.heartbeat = early_heartbeat_.second;
    pulse_.ready = pulse_.heard = now_;
    if (health_.is_fresh(now_) && health_.writer() != HealthBook::Writer())
      pulse_.own = {health_.writer()};
  }
  const bool suspected = suspects_ && pulse_.watched;
  if (suspects_ && link_paused_) pulse_.suspected = true;  // to be looked into later
  pulse_.watched = core.phase == Phase::ready && !link_paused_;
  judge_signs(core);
  judge_request_timeouts(core);
  if (!pulse_.watched) return;
  if (suspected && pulse_.ping_out && !pulse_.pinged) pulse_.pinged = now_;
  if (suspected && !pulse_.pinged) fail("does not ping at once");
  judge_silence(core);
  judge_heartbeats();
}

void Model::judge_silence(const CoreView& core) {
  if (!pulse_.pinged) {
    loss_due_.reset();
    const Duration interval = settings_.ping_interval;
    if (interval > Duration(0) && !pulse_.ping_out && now_ > pulse_.heard + interval + timer_lag_)
      fail("does not ping after the ping interval");
    return;
  }
  const auto overdue = overdue_loss(core);
  if (!overdue) {
    loss_due_.reset();
  } else if (!loss_due_) {
    loss_due_ = now_;  // a look at the link may come first
  } else if (now_ > *loss_due_) {
    fail(*overdue);
  }
}

/// Why the link ought to have been given up by now, if so.
std::optional<std::string> Model::overdue_loss(const CoreView& core) const {
  const Duration lag = timer_lag_;
  const TimePoint silent_at = *pulse_.pinged + settings_.pong_timeout;
  const auto is_past = [&](TimePoint at) { return now_ > std::max(at, silent_at) + 2 * lag; };
  if (!is_past(silent_at)) return std::nullopt;
  // Whatever else it was given to do may keep a backend busy as well.
  if (!is_busy() && watch_.own_open.empty() && core.unsent_bytes == 0)
    return "keeps a silent link with nothing in flight";
  if (is_replaced() && is_past(health_.replaced().value_or(now_)))
    return "keeps a silent link although the health file names another process";
  const Duration patience =
      health_.is_fresh(now_) ? settings_.busy_timeout : settings_.stall_timeout;
  const TimePoint end = std::max(pulse_.heard + patience, health_.so_since(now_));
  if (patience > Duration(0) && is_past(end)) return "keeps a link that has stalled";
  return std::nullopt;
}

/// The host's log level may be too high for them.
void Model::forget_heartbeats() {
  if (watch_.asked_debug) return;
  early_heartbeat_ = {};
  pulse_.heartbeat.reset();
  pulse_.lone_word.reset();
}

/// Heartbeats that have stopped on a link of which other things are heard.
void Model::judge_heartbeats() {
  const Duration timeout = settings_.heartbeat_timeout;
  if (timeout == Duration(0) || !pulse_.heartbeat || pulse_.pinged) return;
  const TimePoint due = std::max(*pulse_.heartbeat, latest_part_) + timeout;
  const Duration lag = timer_lag_;
  if (pulse_.lone_word && now_ > std::max({due, *pulse_.lone_word + 5s, unpaused_at_}) + 2 * lag)
    fail("keeps a wedged link");
  if (!pulse_.lone_word && !pulse_.ping_out && pulse_.last_ping < *pulse_.heartbeat &&
      now_ > due + settings_.ping_interval + 2 * lag)
    fail("does not ping a backend without heartbeats");
}

/// Contract 4.2: with a health file that turns fresh the next attempt comes at once, after a
/// suspend as soon as the spacing allows.
void Model::judge_signs(const CoreView& core) {
  if (!(turned_fresh_ || resumed_) || phase_before_ != Phase::waiting ||
      core.phase != Phase::waiting)
    return;
  TimePoint latest = now_;
  if (last_attempt_)
    latest = std::max(latest, *last_attempt_ + (turned_fresh_ ? Duration(100ms) : 1s));
  if (lost_at_ && retry_after_ > Duration(0)) latest = std::max(latest, *lost_at_ + retry_after_);
  if (!core.deadline || *core.deadline > latest)
    fail("a sign of life or the end of a suspend does not bring the next attempt on");
}

bool Model::is_too_early_for_timeout(TimePoint since) const {
  return now_ < std::max(since, part_in_turn_.value_or(since)) + settings_.request_timeout;
}

/// Contract 5.0: the longest silence about one request in flight.
void Model::judge_request_timeouts(const CoreView& core) {
  const Duration timeout = settings_.request_timeout;
  if (timeout == Duration(0) || link_paused_) return;
  for (const auto& [seq, since] : quiet_since_) {
    const std::string& text = asks_.at(seq).text;
    // With one that was late just before, the link was looked at; an answer may have been coming.
    const TimePoint due = std::max(since, latest_part_) + timeout + 1ms;
    if (now_ > std::max(due, unpaused_at_) + timer_lag_) {
      fail("silence beyond the request timeout about " + text);
    } else if (now_ < since + timeout && (!core.deadline || *core.deadline > due)) {
      fail("no deadline is armed for the request timeout of " + text);
    }
  }
}

/// The backend may be told, once, that a request has timed out; the host is told in the same turn.
bool Model::take_timeout_notice(const std::string& method, std::string_view params) {
  if (!knows_mcp() || method != "notifications/cancelled") return false;
  const std::string id(raw_member(params, "requestId"));
  if (timed_out_.erase(id) > 0) return true;
  const auto open = open_.find(id);
  if (open == open_.end()) return false;
  const auto quiet = quiet_since_.find(open->second);
  if (quiet == quiet_since_.end() || is_too_early_for_timeout(quiet->second)) return false;
  return told_of_timeout_.insert(id).second;
}

}  // namespace sim
