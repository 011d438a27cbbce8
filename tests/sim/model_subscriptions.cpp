// Subscriptions of the modern era: they outlive links, and the host notices nothing (contract 5.2).

#include "tests/sim/model.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;

/// How long a backend that has ended a subscription may take to go away.
constexpr Duration farewell = 10s;
/// A longer last word is not kept.
constexpr std::size_t last_word_max = std::size_t{4} << 10U;

std::string subscription_id(std::string_view line) {
  return std::string(
      raw_member(raw_member(line, "params", "_meta"), "io.modelcontextprotocol/subscriptionId"));
}

}  // namespace

Ask* Model::open_subscription(std::string_view id) {
  const auto open = open_.find(std::string(id));
  if (open == open_.end()) return nullptr;
  Ask& ask = asks_.at(open->second);
  return ask.subscription ? &ask : nullptr;
}

/// The backend has acknowledged one: the host is to see the first time.
void Model::note_acknowledgement(std::string_view line) {
  const Ask* const ask = open_subscription(subscription_id(line));
  if (ask != nullptr && is_in_flight(*ask) && !ask->acknowledged) owed_logs_.emplace_back(line);
}

void Model::judge_acknowledgement(const std::string& line) {
  Ask* const ask = open_subscription(subscription_id(line));
  const auto owed = std::ranges::find(owed_logs_, line);
  if (owed != owed_logs_.end()) {
    owed_logs_.erase(owed);
  } else if (ask == nullptr) {
    if (!came_in_turn_.contains(line)) fail("an acknowledgement of nothing: " + line);
    return;
  } else if (settings_.offline != shim::Offline::cache || is_in_flight(*ask) ||
             phase_before_ == shim::Phase::ready ||
             now_ < not_ready_since_ + settings_.init_grace) {
    fail("acknowledges by itself: " + line);
  }
  if (ask->acknowledged) fail("acknowledged a second time: " + line);
  ask->acknowledged = true;
}

/// The backend has ended one with this. If it goes away now it is a restart, and the subscription
/// goes on.
void Model::note_last_word(std::string_view id, std::string_view line) {
  Ask* const ask = open_subscription(id);
  if (ask == nullptr || !is_in_flight(*ask) || !ask->acknowledged || ask->last_word ||
      phase_before_ != shim::Phase::ready || line.size() > last_word_max)
    return;
  ask->last_word.emplace(line, now_);
}

/// Whether this ends the subscription with what was held back.
bool Model::take_last_word(Ask& ask, const std::string& line) {
  if (!ask.last_word || ask.last_word->first != line) return false;
  if (now_ < ask.last_word->second + farewell) early_last_word_ = line;
  return true;
}

/// Whether this is the end of a subscription, by a cancellation.
bool Model::take_cancelled_subscription(const std::string& line) {
  Ask* const ask = open_subscription(raw_member(line, "params", "requestId"));
  if (ask == nullptr) return false;
  const bool passed_on = came_in_turn_.contains(line) && is_in_flight(*ask);
  if (!take_last_word(*ask, line) && !passed_on) fail("invents the end of a subscription: " + line);
  close(*ask);
  return true;
}

void Model::judge_last_words(const CoreView& core) {
  for (const auto& [id, seq] : open_) {
    const Ask& ask = asks_.at(seq);
    if (!ask.last_word) continue;
    const TimePoint due = ask.last_word->second + farewell;
    if (now_ > due + timer_lag_) {
      fail("the host was not told of the end of " + ask.text);
    } else if (now_ < due && (!core.deadline || *core.deadline > due)) {
      fail("no deadline is armed for the end of " + ask.text);
    }
  }
}

}  // namespace sim
