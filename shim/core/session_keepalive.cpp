// What the host is told of requests that take long (contract 8). The wall clock decides when, not
// what the backend sends.

#include <algorithm>

#include "common/mcp.hpp"
#include "common/units.hpp"
#include "shim/core/session.hpp"

namespace shim {
namespace {

constexpr std::size_t unread_bytes_max = std::size_t{64} << 10U;

/// A span in whole seconds: nobody who waits wants it finer.
std::string describe_wait(Duration span) {
  if (span < std::chrono::seconds(1)) return "under 1 s";
  return describe_duration(std::chrono::floor<std::chrono::seconds>(span));
}

}  // namespace

/// A host that has so much to read already gets no keepalives on top of it; and never so many that
/// they alone keep the link from being read, with the answers in it.
bool Session::host_has_enough_to_read() const {
  return host_unwritten_ > std::min(unread_bytes_max, settings_.queue_bytes / 2);
}

void Session::keep_host_alive() {
  if (finished()) return;
  send_due_progress();
  if (!timers_.take_due(Timer::keepalive, now_)) return;
  TimePoint next = now_ + settings_.keepalive_interval;
  if (settings_.keepalive.whitespace) {
    send_whitespace();
    next = std::min(next, later_than_now(host_told_at_));
  }
  if (settings_.keepalive.log) next = std::min(next, later_than_now(send_log_keepalive()));
  if (!pending_.only_subscriptions()) timers_.arm(Timer::keepalive, next);
}

/// The end of an interval that has begun then, or now if it is over.
TimePoint Session::later_than_now(TimePoint then) const {
  const TimePoint end = then + settings_.keepalive_interval;
  return end > now_ ? end : now_ + settings_.keepalive_interval;
}

void Session::send_due_progress() {
  // Some hosts take anything that comes before the answer to initialize for a failure.
  const Request* const greeting = pending_.find(initialize_id_);
  const bool is_greeting = greeting != nullptr && greeting->method == mcp::Method::initialize;
  for (;;) {
    if (is_greeting || host_has_enough_to_read()) pending_.tokens().postpone_due(now_);
    const auto due = pending_.tokens().take_due(now_);
    if (!due) return;
    if (due->value.empty()) continue;
    const Request* const request = pending_.find(due->request_id);
    ++counters_.keepalives;
    const std::string message = request == nullptr ? "still running" : describe(*request);
    write_host(jsonrpc::notification("notifications/progress", R"({"progressToken":)" + due->token +
                                                                   R"(,"progress":)" + due->value +
                                                                   R"(,"message":)" +
                                                                   jsonrpc::quote(message) + "}"));
  }
}

/// Arms the timer of the modes that are about the session and not about one request, if there is
/// anything to wait for.
void Session::expect_keepalive() {
  if (!settings_.keepalive.log && !settings_.keepalive.whitespace) return;
  if (!reads_mcp() || timers_.armed(Timer::keepalive) || pending_.only_subscriptions()) return;
  timers_.arm(Timer::keepalive,
              later_than_now(settings_.keepalive.whitespace ? host_told_at_ : now_));
}

void Session::send_whitespace() {
  if (host_unwritten_ > 0 || pending_.only_subscriptions()) return;
  if (now_ - host_told_at_ < settings_.keepalive_interval) return;
  ++counters_.keepalives;
  host_told_at_ = now_;
  ++host_unwritten_;
  out_->emplace_back(action::WriteHostSpace{});
}

/// About the request that has waited longest, if the host takes log messages of level info. Returns
/// since when it has heard nothing.
TimePoint Session::send_log_keepalive() {
  const int info = mcp::log_severity("info");
  const bool legacy_takes_log = legacy_.is_initialized() && legacy_.has_logging() &&
                                mcp::log_severity(legacy_.log_level()) <= info;
  const Request* const oldest = pending_.oldest([&](const Request& request) {
    if (request.waits_for_ever()) return false;
    const bool takes_log =
        request.modern() ? modern_has_logging_ && request.log_severity <= info : legacy_takes_log;
    // Of one with progress the host hears already.
    return takes_log && (request.progress_token.empty() ||
                         now_ - pending_.tokens().reported_at(request.progress_token) >=
                             settings_.keepalive_interval);
  });
  if (oldest == nullptr || host_has_enough_to_read()) return now_;
  const TimePoint since = std::max(oldest->accepted, log_told_at_);
  if (now_ - since < settings_.keepalive_interval) return since;
  ++counters_.keepalives;
  log_told_at_ = now_;
  write_host(jsonrpc::notification(
      "notifications/message",
      R"({"level":"info","logger":"mcp-ws-shim","data":)" +
          jsonrpc::quote("request " + oldest->id + ": " + describe(*oldest)) + "}"));
  return now_;
}

/// What is going on with a request, for the person who waits for it.
std::string Session::describe(const Request& request) const {
  const std::string age = describe_wait(now_ - request.accepted);
  if (!request.in_flight() && !supervisor_.ready()) {
    const unsigned attempt =
        supervisor_.failed_attempts() + (supervisor_.phase() == Phase::waiting ? 0U : 1U);
    return "backend unreachable, reconnecting, attempt " + std::to_string(std::max(attempt, 1U)) +
           ", waiting for " + age;
  }
  if (!request.in_flight()) return "waiting for the backend to take it, " + age;
  std::string text = "still running, " + age;
  if (liveness_.is_silent()) {
    text += health_.is_fresh(now_) ? ", backend busy, silent for " : ", backend silent for ";
    text += describe_wait(liveness_.silence(now_));
  } else if (health_.is_busy(now_)) {
    text += ", backend busy";
  }
  return text;
}

}  // namespace shim
