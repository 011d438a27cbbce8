// What the host is told of requests that take long (contract 8), and of the backend's log.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "tests/sim/model.hpp"

namespace sim {
namespace {

std::optional<double> as_number(std::string_view raw) {
  const std::string text(raw);
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return text.empty() || *end != '\0' ? std::nullopt : std::optional(value);
}

/// Above this there may be no next value.
constexpr double last_value = 1e308;

int severity(std::string_view level) {
  static constexpr std::array<std::string_view, 4> levels{"debug", "info", "warning", "error"};
  const auto* const found = std::ranges::find(levels, level);
  return found == levels.end() ? -1 : static_cast<int>(found - levels.begin());
}

std::string logger(const Json& message) {
  return message.contains("params") ? string_at(message["params"], "logger") : std::string();
}

}  // namespace

/// The backend has sent a report of progress.
void Model::note_progress(std::string_view line) {
  progress_in_turn_[with_member(line, "params", "progress", "null")] =
      raw_member(line, "params", "progress");
}

/// The backend has sent a log message: a heartbeat, or something that the host is to see.
void Model::note_log(std::string_view line, const Json& message) {
  if (reads_mcp() && logger(message) == "heartbeat") {
    if (pulse_.watched) {
      pulse_.heartbeat = now_;
      pulse_.lone_word.reset();
    } else if (!link_paused_) {
      early_heartbeat_ = {live_, now_};
    }
    if (!settings_.forward_heartbeats) return;
  } else if (reads_mcp() && watch_.asked_debug &&
             (may_forget() || is_below(string_at(message["params"], "level")))) {
    return;
  }
  owed_logs_.emplace_back(line);
}

/// Whether a message of this level is not what the host has asked for.
bool Model::is_below(std::string_view level) const {
  return severity(level) >= 0 && severity(level) < severity(host_level());
}

std::string Model::host_level() const {
  if (legacy_.level_params.empty()) return "info";
  return string_at(parse(legacy_.level_params), "level");
}

void Model::judge_progress(const std::string& line, const Json& message) {
  const auto entry = progress_.find(std::string(raw_member(line, "params", "progressToken")));
  if (entry == progress_.end()) {
    fail("progress for a token that is not pending: " + line);
    return;
  }
  Progress& known = entry->second;
  const auto value = as_number(raw_member(line, "params", "progress"));
  const auto from = progress_in_turn_.find(with_member(line, "params", "progress", "null"));
  if (from == progress_in_turn_.end()) {
    judge_own_progress(known, line, message);
  } else {
    known.reported = now_;
    if (came_in_turn_.contains(line)) {
      const bool next_exists = known.last <= last_value;
      if (known.ours && next_exists && value && *value <= known.last)
        fail("does not increase: " + line);
      if (value) known.ours = false;
    } else {
      const auto original = as_number(from->second);
      if (!known.ours || !original || *original > known.last)
        fail("another value than the backend's " + from->second + ", without need: " + line);
      if (!value || *value <= known.last) fail("does not increase: " + line);
    }
    if (const auto quiet = quiet_since_.find(known.seq); quiet != quiet_since_.end())
      quiet->second = now_;
  }
  if (value) known.last = *value;
  known.told = now_;
}

/// A keepalive: only when one is due, and no more than a keepalive.
void Model::judge_own_progress(Progress& known, const std::string& line, const Json& message) {
  const Json& params = message["params"];
  if (!reads_mcp() || !settings_.keepalive.progress) fail("nobody wants keepalives: " + line);
  if (asks_.at(known.seq).method == "initialize") fail("a keepalive for initialize: " + line);
  if (now_ < known.told + settings_.keepalive_interval) fail("too early: " + line);
  if (params.size() != 3 || string_at(params, "message").empty()) fail("says nothing: " + line);
  const auto value = as_number(raw_member(line, "params", "progress"));
  const double step = value.value_or(0) - known.last;
  if (step <= 0) fail("does not increase: " + line);
  if (step > std::max(1e-6, std::abs(known.last) * 1e-12)) fail("too large a step: " + line);
  known.ours = true;
}

bool Model::takes_logs() const {
  return reads_mcp() && legacy_.initialized && legacy_.has_logging &&
         (may_forget() || !is_below("info"));
}

/// A log message that no backend has sent: a keepalive, if that is allowed.
bool Model::judge_own_log(const std::string& line, const Json& message) {
  if (logger(message) != "mcp-ws-shim" || came_in_turn_.contains(line)) return false;
  if (!settings_.keepalive.log || !takes_logs()) fail("nobody wants such logs: " + line);
  const auto oldest = oldest_ask(true);
  if (!oldest || now_ < std::max(*oldest, log_told_) + settings_.keepalive_interval)
    fail("too early: " + line);
  if (string_at(message["params"], "level") != "info" || message["params"]["data"].empty())
    fail("says nothing: " + line);
  log_told_ = now_;
  return true;
}

void Model::write_space(std::size_t unread_bytes) {
  if (!reads_mcp() || !settings_.keepalive.whitespace) fail("nobody wants spaces");
  if (finished_) fail("wrote a space after Finish");
  if (unread_bytes > 0) fail("a space that may come to stand within a line");
  if (open_asks() == 0) fail("a space, but nobody waits");
  if (now_ < host_told_ + settings_.keepalive_interval) fail("a space too early");
  host_told_ = now_;
}

std::optional<TimePoint> Model::oldest_ask(bool for_log) const {
  std::optional<TimePoint> oldest;
  for (const auto& [id, seq] : open_) {
    const Ask& ask = asks_.at(seq);
    if (ask.acknowledged) continue;
    // Our hosts' modern requests do not ask for log messages.
    if (for_log && (ask.method == "initialize" || ask.modern)) continue;
    TimePoint since = ask.asked;
    const auto known = progress_.find(ask.token);  // what it reports needs no log message
    if (for_log && known != progress_.end()) since = std::max(since, known->second.reported);
    if (!oldest || since < *oldest) oldest = since;
  }
  return oldest;
}

/// None that is due is missing, from a host that reads.
void Model::judge_keepalives(const CoreView& core) {
  if (core.unread_by_host_bytes > keepalive_unread_max()) host_full_ = now_;
  const bool is_greeting = std::ranges::any_of(
      open_, [this](const auto& open) { return asks_.at(open.second).method == "initialize"; });
  if (is_greeting) host_full_ = now_;  // nothing else may come now
  if (!takes_logs() || may_forget()) log_unwanted_ = now_;
  const Duration interval = settings_.keepalive_interval;
  const auto& modes = settings_.keepalive;
  if (!reads_mcp() || (open_.size() > 200 && turn_ % 64 != 0)) return;
  if (modes.progress) {
    for (const auto& [token, known] : progress_) {
      const TimePoint due = std::max(known.told, host_full_) + interval;
      if (known.last > last_value || asks_.at(known.seq).method == "initialize") continue;
      if (now_ > due + timer_lag_) {
        fail("a keepalive is missing for " + token);
      } else if (now_ < due && (!core.deadline || *core.deadline > due)) {
        fail("no deadline is armed for the next keepalive for " + token);
      }
    }
  }
  // These are about the session; its timer may have begun with an earlier request.
  const TimePoint long_ago = now_ - 2 * interval - 2 * timer_lag_;
  const auto oldest = oldest_ask(true);
  if (modes.log && oldest && *oldest < long_ago && log_told_ < long_ago && host_full_ < long_ago &&
      log_unwanted_ < long_ago) {
    fail("a keepalive in the log is missing");
  }
  const auto oldest_of_all = oldest_ask(false);
  if (core.unread_by_host_bytes > 0) host_busy_ = now_;
  if (modes.whitespace && oldest_of_all && *oldest_of_all < long_ago && host_told_ < long_ago &&
      host_busy_ < long_ago) {
    fail("a space is missing");
  }
}

}  // namespace sim
