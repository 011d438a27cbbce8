#include "shim/core/session.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "common/check.hpp"
#include "common/mcp.hpp"
#include "common/text.hpp"
#include "common/units.hpp"

namespace shim {

Session::Session(const Settings& settings, std::uint64_t seed, TimePoint now, Estate estate)
    : settings_(settings),
      random_(seed),
      supervisor_(settings, timers_, random_, estate.last_epoch),
      liveness_(settings, timers_),
      health_(settings.has_health_file, settings.health_max_age),
      pending_(settings.request_timeout,
               settings.keepalive.progress ? settings.keepalive_interval : Duration::zero()),
      legacy_(std::move(estate.legacy)),
      backend_requests_(std::move(estate.backend_requests)),
      legacy_lists_(std::move(estate.legacy_lists)),
      modern_lists_(std::move(estate.modern_lists)),
      legacy_era_(estate.legacy_era),
      modern_era_(estate.modern_era),
      draining_(estate.draining),
      host_unwritten_(estate.host_unwritten),
      counters_(estate.counters),
      now_(now) {
  supervisor_.start(now);
  if (draining_) timers_.arm(Timer::drain, now + settings.drain_timeout);
}

void Session::on_event(TimePoint now, Event& event, Actions& out) {
  if (finished()) return;
  now_ = now;
  out_ = &out;
  if (is_current(event)) std::visit([this](auto& fact) { handle(fact); }, event);
  after_turn();
}

void Session::on_deadline(TimePoint now, Actions& out) {
  const auto due = next_deadline();  // none if finished
  if (!due || *due > now) return;
  now_ = now;
  out_ = &out;
  if (link_paused_) supervisor_.excuse(now);
  if (const auto loss = supervisor_.overdue(now)) lose_link(*loss);
  supervisor_.on_deadline(now, out);
  if (supervisor_.ready()) liveness_.on_deadline(now, epoch(), out);
  if (timers_.take_due(Timer::health, now)) show_health();
  answer_offline_due();
  expire_queued();
  look_for_late_answers();
  pass_on_ends();
  keep_host_alive();
  if (timers_.take_due(Timer::drain, now)) finish(settings_.drain_timeout);
  after_turn();
}

std::optional<TimePoint> Session::next_deadline() const {
  if (finished()) return std::nullopt;
  auto next = timers_.next_deadline();
  const auto sooner = [&next](std::optional<TimePoint> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (const auto at = pending_.next_timeout(); at && !link_paused_)
    sooner(answers_looked_for_at_ ? std::max(*at, *answers_looked_for_at_ + look_time) : *at);
  sooner(pending_.next_end());
  sooner(pending_.tokens().next_due());
  if (supervisor_.ready()) return next;
  sooner(outbox_.next_deadline());
  // While a cache file is being read its coming is the event to wait for.
  const bool loading =
      std::ranges::any_of(cache_, [](const auto& item) { return !item.second.loaded; });
  if (!offline_.empty() && !loading) sooner(offline_.begin()->first);
  return next;
}

void Session::after_turn() {
  const bool is_owed = liveness_.is_silent() && backend_owes_something();
  if (const auto loss = liveness_.verdict(now_, is_owed, health_)) {
    if (liveness_.needs_look(now_)) {
      liveness_.look(epoch(), *out_);
    } else {
      lose_link(*loss);
      answer_offline_due();
    }
  }
  finish_if_drained();
  if (finished()) return;
  balance_pressure();
  SHIM_CHECK(supervisor_.has_a_way_out());
}

/// Whether the backend may be busy with something that it has been sent or is to be sent.
bool Session::backend_owes_something() const {
  const auto waits = [](const Request& request) {
    return request.in_flight() && !request.acknowledged;
  };
  // One that had gone unanswered for so long before the silence will never be.
  const TimePoint heard_at = now_ - liveness_.silence(now_);
  const auto may_be_worked_on = [&](const auto& own) {
    return settings_.stall_timeout == Duration::zero() ||
           heard_at - own.second.sent_at < settings_.stall_timeout;
  };
  return pending_.in_flight() > 0 || !outbox_.empty() || link_unwritten_ > 0 ||
         std::ranges::any_of(own_requests_, may_be_worked_on) || pending_.oldest(waits) != nullptr;
}

/// A link event of another epoch is news of a link that is gone.
bool Session::is_current(const Event& event) const {
  return std::visit(
      [this](const auto& fact) {
        if constexpr (requires { fact.epoch; }) {
          const Phase phase = supervisor_.phase();
          return fact.epoch == epoch() && phase != Phase::waiting && phase != Phase::stopped;
        } else {
          return true;
        }
      },
      event);
}

void Session::handle(event::HostLine& event) {
  ++counters_.host_messages;
  counters_.host_bytes += event.text.size() + 1;
  host_message(std::move(event.text));
}

void Session::handle(event::HostClosed&) {
  log(LogLevel::info, "the host closed its end");
  draining_ = true;
  timers_.arm(Timer::drain, now_ + settings_.drain_timeout);
}

void Session::handle(event::HostGone& event) {
  log(LogLevel::info, "the host is gone: " + event.why);
  finish(stop_patience);
}

void Session::handle(event::StopRequested& event) {
  log(LogLevel::info, "asked to stop: " + event.why);
  finish(stop_patience);
}

void Session::handle(event::ReconnectRequested&) { supervisor_.demanded(now_); }

void Session::handle(event::HostWritten& event) {
  host_unwritten_ -= std::min(event.bytes, host_unwritten_);
}

void Session::handle(event::MachineResumed& event) {
  log(LogLevel::info, "this machine slept for " + describe_duration(event.slept));
  supervisor_.wanted(now_);
  liveness_.suspect(now_, epoch(), *out_);
}

void Session::handle(event::HealthSeen& event) {
  const Health::News news = health_.look(now_, event.look);
  show_health();
  const bool first_sign = news.sign_of_life && std::exchange(awaits_sign_of_life_, false);
  if (news.turned_fresh || news.other_writer || first_sign) supervisor_.backend_is_up(now_);
  if (news.sign_of_life || news.other_writer) liveness_.health_changed(now_, health_);
  if (news.other_writer) liveness_.suspect(now_, epoch(), *out_);
}

/// Logs a change of the health file's state, and arranges for the one that comes by itself.
void Session::show_health() {
  if (const auto at = health_.stale_at(now_)) {
    timers_.arm(Timer::health, *at);
  } else {
    timers_.disarm(Timer::health);
  }
  const HealthState state = health_.state(now_);
  if (state == shown_health_) return;
  if (!health_log_[static_cast<std::size_t>(state)].pass(now_)) return;
  shown_health_ = state;
  log(LogLevel::info, "the health file is " + std::string(name(state)));
}

void Session::handle(event::LinkOpened&) { supervisor_.opened(now_, *out_); }

void Session::handle(event::LinkPong&) {
  liveness_.pong(now_);
  if (phase() != Phase::validating) return;
  supervisor_.validated(now_, *out_);
  start_resume();
}

void Session::handle(event::LinkMessage& event) {
  ++counters_.backend_messages;
  counters_.backend_bytes += event.text.size();
  liveness_.heard(now_);
  backend_message(std::move(event.text));
}

void Session::handle(event::LinkMessageTooLong& event) {
  liveness_.heard(now_);
  const std::string longer = "longer than " + format_size(settings_.max_message);
  drop(Drop::bad_backend_message, longer);
  settle_bad_answers(event.found.messages(), "was " + longer + " (--max-message)");
}

void Session::handle(event::LinkBinary&) {
  liveness_.heard(now_);
  drop(Drop::binary_frame);
}

void Session::handle(event::LinkChecked& event) {
  liveness_.checked(now_, event, health_, *out_);
  expire_in_flight(event);
}

void Session::handle(event::LinkWritten& event) {
  link_unwritten_ -= std::min(event.bytes, link_unwritten_);
  flush();
}

void Session::handle(event::LinkLost& event) { lose_link(event.loss); }

/// The link is gone or given up: everything that depended on it is settled or queued again now.
void Session::lose_link(const Loss& loss) {
  const Epoch lost = epoch();
  if (supervisor_.ready()) awaits_sign_of_life_ = true;
  supervisor_.lost(now_, loss, *out_);
  liveness_.stop();
  link_unwritten_ = 0;
  link_paused_ = false;
  answers_looked_for_at_.reset();
  own_requests_.clear();
  announced_.clear();
  modern_compared_.clear();

  if (loss.cause == Cause::incompatible) {
    // Nothing that waits can ever be served by this backend as it is. What comes later makes us try
    // again, for somebody may have mended it.
    offline_.clear();
    while (!outbox_.empty()) {
      const Outbox::Item item = outbox_.pop();
      if (item.request_id.empty()) {
        drop(Drop::unsendable_notification);
      } else {
        settle(pending_.remove(item.request_id), Reason::session_incompatible,
               "The MCP backend came back with another protocol version than this session uses. "
               "Restart this server in the host to start a new session.");
      }
    }
  }
  // From now on the resuming sends it.
  if (legacy_.is_established()) outbox_.remove(std::exchange(initialized_order_, 0));
  for (const std::string& id : pending_.in_flight_on(lost)) settle_lost(*pending_.find(id));

  outbox_.drop_all_but(0);
  if (settings_.queue_timeout > Duration::zero()) {
    outbox_.set_missing_deadlines(now_ + settings_.queue_timeout,
                                  [this](std::uint64_t order, const Outbox::Item& item) {
                                    return waits_for_ever(order, item.request_id);
                                  });
  }
  outbox_.for_each([this](const Outbox::Item& item) {
    if (!item.request_id.empty()) offer_offline(*pending_.find(item.request_id));
  });
  for (const BackendRequests::Open& open : backend_requests_.take_all()) {
    if (!is_mcp()) continue;  // the host would not know what to make of it
    write_host(mcp::cancelled(open.host_id, "the backend that asked is gone"));
  }
}

/// Contract 5.3: a request whose link was lost under it is sent again if that can do no harm, else
/// the host is told that nobody knows.
void Session::settle_lost(Request& request) {
  // A tool may have taken back what it said of itself when the call was accepted.
  if (!request.tool.empty() && !lists(request.modern()).may_repeat(request.tool))
    request.replayable = false;
  const bool again = request.waits_for_ever() ||
                     (request.replayable && !request.replayed && !request.kept_text.empty());
  if (!again) {
    settle(pending_.remove(request.id), Reason::outcome_unknown, lost_while_running);
    return;
  }
  request.sent_before = true;
  if (!request.waits_for_ever()) {
    request.replayed = true;
    ++counters_.replays;
  }
  outbox_.push(request.order, {.text = pending_.requeue(request), .request_id = request.id});
  if (request.method == mcp::Method::initialize && initialized_order_ != 0) {
    outbox_.remove(initialized_order_);
    outbox_.push(initialized_order_, {.text = jsonrpc::notification("notifications/initialized")});
  }
}

void Session::expire_queued() {
  if (supervisor_.ready()) return;
  while (auto item = outbox_.pop_expired(now_)) {
    if (item->request_id.empty()) {
      drop(Drop::unsendable_notification, "waited too long");
      continue;
    }
    settle(pending_.remove(item->request_id), Reason::backend_unavailable,
           "The MCP backend could not be reached for " + format_duration(settings_.queue_timeout) +
               ". This was not carried out; it can be tried again.");
  }
}

/// Before a request in flight is given up: what is waited for may be coming, or have come and be
/// unread.
void Session::look_for_late_answers() {
  if (link_paused_ || !pending_.may_time_out(now_)) return;
  answers_looked_for_at_ = now_;
  out_->emplace_back(action::CheckLink{epoch()});
}

/// Contract 5.0: the longest silence about one request in flight. The backend is told, so that it
/// need not go on (MCP 2025-11-25, Timeouts).
void Session::expire_in_flight(const event::LinkChecked& look) {
  if (!std::exchange(answers_looked_for_at_, std::nullopt) || link_paused_) return;
  if (look.part_at) pending_.excuse(*look.part_at);
  if (look.has_unread) pending_.wait_once_more(now_, unread_grace);
  while (const Request* const late = pending_.timed_out(now_)) {
    const Request request = pending_.remove(late->id);
    if (is_mcp() && request.sent_in == epoch()) {
      enqueue(mcp::cancelled(request.id, "timeout"), {}, ++last_order_, epoch());
    }
    settle(request, Reason::request_timeout,
           "The MCP backend has said nothing about this for " +
               format_duration(settings_.request_timeout) +
               ". It may or may not have been carried out; check before you repeat it.");
  }
}

void Session::finish_if_drained() {
  if (!draining_ || finished() || !pending_.only_subscriptions()) return;
  // The host's last notifications may still be on their way to a backend that is there.
  if (supervisor_.ready() && (!outbox_.empty() || link_unwritten_ > 0)) return;
  // What the last answer has taught us is kept once the cache's file is loaded.
  if (std::ranges::any_of(cache_, [](const auto& item) { return item.second.unsaved; })) return;
  finish(settings_.drain_timeout);
}

/// Settles what is pending and ends the shim.
void Session::finish(Duration patience) {
  for (Request& request : pending_.take_all()) {
    if (!request.last_word.empty()) {
      write_host(std::move(request.last_word));
    } else if (request.in_flight()) {
      settle(
          request, Reason::outcome_unknown,
          "The shim was stopped while this was running. It may or may not have been carried out.");
    } else {
      settle(request, Reason::backend_unavailable,
             "The shim was stopped before the MCP backend could be reached. This was not carried "
             "out.");
    }
  }
  outbox_.for_each([this](const Outbox::Item& item) {
    if (item.request_id.empty()) drop(Drop::unsendable_notification, "the shim ends");
  });
  if (draining_ && link_unwritten_ > 0)
    log(LogLevel::warn, "the shim ends before the backend has taken the last " +
                            std::to_string(link_unwritten_) + " bytes");
  supervisor_.stop(now_, *out_);
  liveness_.stop();
  timers_.disarm(Timer::drain);
  out_->emplace_back(action::Finish{patience});
}

Estate Session::abandon(Actions& out) {
  out_ = &out;
  out.emplace_back(action::CloseLink{epoch(), false});
  if (host_paused_) out.emplace_back(action::PauseHost{false});
  for (const Request& request : pending_.take_all()) {
    write_host(refusal(request.id, jsonrpc::internal_error,
                       "mcp-ws-shim met a fault of its own and started afresh",
                       request.in_flight() || request.sent_before));
  }
  for (const BackendRequests::Open& open : backend_requests_.take_all()) {
    if (!is_mcp()) continue;
    write_host(mcp::cancelled(open.host_id));
  }
  return {.legacy = std::move(legacy_),
          .backend_requests = std::move(backend_requests_),
          .legacy_lists = std::move(legacy_lists_),
          .modern_lists = std::move(modern_lists_),
          .last_epoch = epoch(),
          .legacy_era = legacy_era_,
          .modern_era = modern_era_,
          .draining = draining_,
          .host_unwritten = host_unwritten_,
          .counters = counters_};
}

Report Session::report(TimePoint now) const {
  Report report{.phase = phase(),
                .epoch = epoch(),
                .endpoint = supervisor_.endpoint(),
                .since = supervisor_.phase_since(),
                .attempts = supervisor_.failed_attempts(),
                .last_error = supervisor_.last_error(),
                .ping_round_trip = std::nullopt,
                .pending = pending_.size(),
                .queued = outbox_.count(),
                .health = health_.state(now),
                .counters = counters_};
  if (supervisor_.ready())
    report.ping_round_trip = liveness_.ping_round_trip().value_or(supervisor_.ping_round_trip());
  return report;
}

/// Contract 12: nothing is refused for being slow while ready; instead the fast side is not read.
/// A side is read again once half of what made us stop has gone.
void Session::balance_pressure() {
  const auto beyond = [](std::size_t amount, std::size_t most, bool already) {
    return amount > (already ? most / 2 : most);
  };
  const std::size_t limit = settings_.queue_bytes;
  const bool host_is_slow = beyond(host_unwritten_, limit, link_paused_);
  const bool host_owes_reading = beyond(host_unwritten_, limit, host_paused_);
  const bool backend_is_slow =
      supervisor_.ready() && (beyond(outbox_.cost_bytes() + link_unwritten_, limit, host_paused_) ||
                              beyond(pending_.name_bytes(), limit, host_paused_) ||
                              beyond(pending_.cost_bytes(), pending_bytes_max, host_paused_));
  if (supervisor_.link_open() && host_is_slow != link_paused_) {
    link_paused_ = host_is_slow;
    if (host_is_slow) {
      link_paused_at_ = now_;
    } else if (now_ - link_paused_at_ >= Liveness::short_pause) {
      supervisor_.excuse(now_);
      pending_.excuse(now_);
    }
    out_->emplace_back(action::PauseLink{epoch(), host_is_slow});
    if (supervisor_.ready()) liveness_.pause(now_, host_is_slow, epoch(), *out_);
  }
  if (const bool pause = host_owes_reading || backend_is_slow; pause != host_paused_) {
    host_paused_ = pause;
    out_->emplace_back(action::PauseHost{pause});
  }
}

/// The head of a message: what it is, never what it says.
void Session::trace(std::string_view from, const Message& message, std::size_t bytes) {
  if (!settings_.trace_messages) return;
  std::string text = "from the " + std::string(from) + ": ";
  text += message.method.empty() ? "answer" : printable(message.method, 64);
  if (!message.id.empty()) text += ", id " + printable(message.id, 64);
  if (!message.error.empty()) text += ", error " + printable(message.error_code, 16);
  log(LogLevel::trace, text + ", " + std::to_string(bytes) + " bytes");
}

void Session::drop(Drop why, std::string_view detail) {
  const auto index = static_cast<std::size_t>(why);
  ++counters_.dropped[index];
  std::string text = "dropped: " + std::string(name(why));
  if (!detail.empty()) text += " (" + std::string(detail) + ")";
  warn(drop_log_[index], std::move(text));
}

/// What a message can bring about is logged now and then, however many come (contract 10).
void Session::warn(RateLimit& limit, std::string text) {
  const auto held_back = limit.pass(now_);
  if (!held_back) return;
  if (*held_back > 0)
    text += "; " + std::to_string(*held_back) + " more like it since the last line";
  log(LogLevel::warn, std::move(text));
}

}  // namespace shim
