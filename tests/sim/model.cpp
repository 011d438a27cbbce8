#include "tests/sim/model.hpp"

#include <algorithm>

#include "common/units.hpp"

namespace sim {

using shim::Phase;
using namespace std::chrono_literals;

void Model::fail(const std::string& what) {
  if (failure_.empty()) failure_ = what;
}

void Model::turn_begins(TimePoint now, Phase phase) {
  ++turn_;
  now_ = now;
  phase_before_ = phase;
  open_before_ = open_.size() + asked_open_;
  fresh_in_turn_.clear();
  lost_in_turn_ = 0;
  asked_in_turn_ = suspects_ = resumed_ = turned_fresh_ = false;
  due_.clear();
  part_in_turn_.reset();
  came_in_turn_.clear();
  progress_in_turn_.clear();
  owed_logs_.clear();
}

void Model::turn_ends(const CoreView& core) {
  for (const Due& due : due_) {
    if (!due.met && !due.optional) {
      fail("the host is owed an answer in the same turn: id " + due.id + ", code " +
           std::to_string(due.code));
    }
  }
  for (const std::string& line : owed_logs_) fail("not passed on to the host: " + line);
  for (const std::string& id : told_of_timeout_) fail("the host was not told of a timeout: " + id);
  if (lost_in_turn_ != 0) judge_loss();
  if (phase_before_ == Phase::ready && core.phase != Phase::ready) not_ready_since_ = now_;

  const bool on_the_way = core.phase != Phase::ready && core.phase != Phase::stopped;
  if (on_the_way && !core.deadline) fail("a phase without a way out: no deadline is armed");
  if (core.deadlines_done && core.deadline && *core.deadline <= now_) {
    fail("next_deadline() is not in the future although on_deadline() has just been called");
  }
  if (core.phase == Phase::stopped) {
    if (!finished_) fail("stopped without Finish");
    if (!open_.empty()) fail("ended with requests unanswered: " + open_list());
    return;
  }
  if (!early_last_word_.empty()) fail("ends a subscription too early: " + early_last_word_);
  if (core.pending != open_.size()) {
    fail("the core counts " + std::to_string(core.pending) +
         " pending requests, the host waits for " + std::to_string(open_.size()) + ": " +
         open_list());
  }
  judge_bounds(core);
  judge_wish(core);
  judge_pulse(core);
  judge_keepalives(core);
  judge_last_words(core);
  if (core.phase != Phase::ready && core.deadlines_done) judge_waiting(core);
}

/// Contract 5.3 and 5.1: what depended on a lost link is settled or cancelled with it.
void Model::judge_loss() {
  for (const auto& [id, seq] : open_) {
    const Ask& ask = asks_.at(seq);
    if (!ask.sent.empty() && ask.sent.back() == lost_in_turn_ && !may_be_sent_again(ask)) {
      fail("not settled when its link was lost: " + ask.text);
    }
  }
  for (const auto& [id, asked] : asked_) {
    if (reads_mcp() && !closing_ && asked.open && asked.epoch == lost_in_turn_) {
      fail("a request of the backend was not cancelled when its link was lost: " + id);
    }
  }
}

/// Contract 5.0: nobody waits for the backend longer than the queue timeout.
void Model::judge_waiting(const CoreView& core) {
  if (open_.size() > 200 && turn_ % 64 != 0) return;  // it costs a look at every request
  for (const auto& [id, seq] : open_) {
    const Ask& ask = asks_.at(seq);
    const TimePoint since = std::max(ask.asked, not_ready_since_);
    if (reads_mcp() && ask.method == "initialize") {
      const Duration longest = settings_.init_timeout + disk_delay_ + timer_lag_;
      if (settings_.offline == shim::Offline::cache && now_ > since + longest) {
        fail("initialize waits longer than its timeout");
      }
      continue;
    }
    if (settings_.queue_timeout == Duration::zero() || ask.subscription) continue;
    if (now_ < since + settings_.queue_timeout) {
      if (core.deadline && *core.deadline > since + settings_.queue_timeout) {
        fail("no deadline is armed for the queue timeout of " + ask.text);
      }
      continue;
    }
    fail("waits longer than the queue timeout: " + ask.text);
  }
}

/// Contract 4.2: a request of the host makes the next attempt come as soon as the spacing allows.
void Model::judge_wish(const CoreView& core) {
  if (!asked_in_turn_ || open_.empty() || phase_before_ != Phase::waiting) return;
  if (core.phase != Phase::waiting) return;
  if (asks_.rbegin()->second.closed_in_turn == turn_) return;  // refused
  TimePoint latest = now_;
  if (last_attempt_) latest = std::max(latest, *last_attempt_ + 1s);
  if (lost_at_ && retry_after_ > Duration(0)) latest = std::max(latest, *lost_at_ + retry_after_);
  if (!core.deadline || *core.deadline > latest)
    fail("a request does not bring the next attempt on");
}

/// Contract 12.
void Model::judge_bounds(const CoreView& core) {
  constexpr std::size_t overhead = 256;
  const std::size_t limit = settings_.queue_bytes;
  const std::size_t message = 2 * largest_message_ + 2 * overhead;
  // What waits, and what was taken back from a lost link.
  const std::size_t most = 2 * limit + message + overhead * core.pending;
  if (core.outbox_cost_bytes > most) {
    fail("the outbox holds " + shim::format_size(core.outbox_cost_bytes) + ", more than " +
         shim::format_size(most));
  }
  // The backend is told of each request that times out.
  const std::size_t notices = settings_.request_timeout > Duration(0) ? overhead * open_before_ : 0;
  // While ready the host is not read beyond the limit, so nothing comes on top of what was there.
  if (phase_before_ == Phase::ready && core.phase == Phase::ready &&
      core.unsent_bytes > std::max(unsent_before_, limit + message) + notices) {
    fail(shim::format_size(core.unsent_bytes) + " wait for the backend, though the limit is " +
         shim::format_size(limit));
  }
  unsent_before_ = core.unsent_bytes;
  // While the host does not read, neither side is read: only what is open can still be settled.
  open_peak_ = unread_before_ > limit ? std::max(open_peak_, open_before_) : open_before_;
  unread_before_ = core.unread_by_host_bytes;
  const std::size_t owed = limit + message + 1024 + 2048 * open_peak_ + keepalive_unread_max();
  if (core.unread_by_host_bytes > owed) {
    fail(shim::format_size(core.unread_by_host_bytes) + " wait for the host, more than " +
         shim::format_size(owed));
  }
}

const Ask* Model::ask(std::uint64_t seq) const {
  const auto found = asks_.find(seq);
  return found == asks_.end() ? nullptr : &found->second;
}

std::size_t Model::open_asks() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      open_, [this](const auto& open) { return !asks_.at(open.second).acknowledged; }));
}

std::string Model::open_list() const {
  std::string list;
  for (const auto& [id, seq] : open_) {
    if (list.size() > 400) return list + " ...";
    list += (list.empty() ? "" : ", ") + asks_.at(seq).method + " " + id;
  }
  return list;
}

std::uint64_t Model::executions(std::uint64_t call) const {
  const auto found = executions_.find(call);
  return found == executions_.end() ? 0 : found->second;
}

/// Contract 5.3: the whole point of not replaying.
void Model::executed(std::uint64_t call, bool idempotent) {
  const std::uint64_t times = ++executions_[call];
  const auto known = calls_.find(call);
  if (known == calls_.end()) {
    fail("a call was executed that the host never made: " + std::to_string(call));
    return;
  }
  const Ask& ask = asks_.at(known->second);
  const bool asked_for = settings_.replay == shim::Replay::always && reads_mcp();
  if (!idempotent && !asked_for && times > 1) {
    fail("executed " + std::to_string(times) + " times: " + ask.text);
  }
  if (times > 2) fail("a replay was replayed: " + ask.text);
  if (ask.answer.find(R"("delivered":false)") != std::string::npos) {
    fail("executed although the host was told that it was not delivered: " + ask.text);
  }
}

}  // namespace sim
