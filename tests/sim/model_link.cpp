// What goes over the link (contract 4.1, 5.1 and 5.3).

#include <algorithm>
#include <array>

#include "common/backoff.hpp"
#include "tests/sim/model.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;

/// Contract 5.3, as far as the protocol alone says so.
constexpr std::array<std::string_view, 11> read_only{"tools/list",
                                                     "prompts/list",
                                                     "prompts/get",
                                                     "resources/list",
                                                     "resources/read",
                                                     "completion/complete",
                                                     "server/discover",
                                                     "logging/setLevel",
                                                     "resources/subscribe",
                                                     "resources/unsubscribe",
                                                     "resources/templates/list"};

/// Contract 4.2, for any number of failures. A tenth is what the cap may be exceeded by when only a
/// person can mend it.
Duration longest_delay(const shim::BackoffPolicy& backoff, Duration retry_after) {
  const double ratio =
      backoff.jitter.kind == shim::Jitter::Kind::ratio ? std::max(backoff.jitter.ratio, 0.1) : 0.1;
  const auto longest = std::chrono::duration<double>(backoff.cap) * (1 + ratio);
  return std::max(std::chrono::duration_cast<Duration>(longest), retry_after) + 1ms;
}

}  // namespace

/// Contract 4.2: attempts are spaced, and there is never more than one link.
void Model::open_link(Epoch epoch) {
  if (finished_) fail("opens a link after Finish");
  if (epoch != last_epoch_ + 1) fail("epochs must count up by one");
  if (live_ != 0) fail("opens a link while there is one");
  // The smallest delay that any jitter allows after a first failure.
  const shim::BackoffPolicy& backoff = settings_.backoff;
  const Duration least = backoff.jitter.kind == shim::Jitter::Kind::full
                             ? std::min<Duration>({2 * backoff.base, backoff.cap, 1s}) / 10
                             : std::min(backoff.base, backoff.cap);
  // A sign of life in the health file is a reason to attempt at once.
  const Duration spacing = std::min<Duration>(least, health_hurry_ ? Duration(100ms) : 1s);
  if (last_attempt_ && now_ - *last_attempt_ < spacing) {
    fail("two attempts follow each other too closely");
  }
  if (lost_at_ && now_ - *lost_at_ > longest_delay(backoff, retry_after_) + timer_lag_) {
    fail("an attempt comes later than the cap allows");
  }
  if (lost_at_ && !may_hurry_ && now_ < *lost_at_ + retry_after_)
    fail("does not wait as Retry-After asked");
  last_attempt_ = now_;
  last_epoch_ = live_ = epoch;
  live_open_ = link_paused_ = health_hurry_ = false;
  watch_ = Watch();
}

void Model::link_opened(Epoch epoch) {
  if (epoch == live_) live_open_ = true;
}

void Model::link_lost(Epoch epoch, std::optional<Duration> retry_after) {
  if (epoch != live_) return;
  lost_in_turn_ = epoch;
  lost_at_ = now_;
  may_hurry_ = false;
  retry_after_ = retry_after.value_or(Duration(0));
  for (const auto& [id, seq] : open_) {
    Ask& ask = asks_.at(seq);
    if (ask.sent.empty() || ask.sent.back() != live_) continue;
    quiet_since_.erase(seq);
    ask.last_word.reset();  // it goes on at the next link
    if (const auto known = progress_.find(ask.token); known != progress_.end())
      known->second.ours = true;  // should it be sent again, its values may start again
  }
  timed_out_.clear();
  live_ = 0;
  live_open_ = false;
}

void Model::close_link(Epoch epoch, TimePoint last_byte) {
  if (epoch == live_ && phase_before_ == shim::Phase::ready && !closing_ &&
      replaced_in_turn_ != turn_ && !may_be_given_up(last_byte)) {
    fail("gave up a link that was ready and had not been lost");
  }
  link_lost(epoch);
}

void Model::link_message(Epoch epoch, std::string_view text) {
  if (epoch != live_) return;
  link_heard(epoch);
  largest_message_ = std::max(largest_message_, text.size());
  const Json value = parse(text);
  if (value.is_array()) {
    for (const std::string_view element : elements(text)) came(element, parse(element));
  } else {
    came(text, value);
  }
}

void Model::write_link(Epoch epoch, const std::string& text) {
  if (epoch != live_ || !live_open_) fail("wrote to a link that is not open: " + text);
  const Json message = parse(text);
  if (!message.is_object() || string_at(message, "jsonrpc") != "2.0") {
    fail("sent the backend what is no JSON-RPC message: " + text);
    return;
  }
  if (!message.contains("method")) return;  // an answer: judged where it arrives
  if (message.contains("id")) {
    link_request(epoch, text, message);
  } else {
    link_notification(epoch, text, message);
  }
}

void Model::link_request(Epoch epoch, const std::string& text, const Json& message) {
  if (is_own(text, message)) return;
  const auto known = asks_.find(number_at(message, "params", "seq"));
  if (known == asks_.end() || text != as_sent(known->second)) {
    fail("sent a request that is not the host's, byte for byte: " + text);
    return;
  }
  Ask& ask = known->second;
  traffic_may_flow(text);
  in_order(ask.seq);
  if (ask.closed_in_turn && *ask.closed_in_turn != turn_)
    fail("sent, but no longer pending: " + text);
  if (!ask.sent.empty() && (ask.sent.back() == epoch || !may_be_sent_again(ask))) {
    fail("sent again although it may have been delivered: " + text);
  }
  ask.sent.push_back(epoch);
  if (settings_.request_timeout > Duration(0) && !ask.subscription &&
      !(reads_mcp() && ask.method == "initialize"))
    quiet_since_[ask.seq] = now_;
}

/// The host's own words; with heartbeats asked for, its log level is the shim's affair.
std::string Model::as_sent(const Ask& ask) const {
  if (!watch_.asked_debug || ask.method != "logging/setLevel") return ask.text;
  return with_member(ask.text, "params", "level", R"("debug")");
}

void Model::link_notification(Epoch epoch, const std::string& text, const Json& message) {
  const std::string method = string_at(message, "method");
  const std::uint64_t seq = number_at(message, "params", "seq");
  if (seq == 0) {
    if (take_timeout_notice(method, raw_member(text, "params"))) return;
    if (!take_restore(method, raw_member(text, "params"))) {
      fail("sent a notification that is not the host's: " + text);
    }
    return;
  }
  const auto known = notifications_.find(seq);
  if (known == notifications_.end() || known->second != text) {
    fail("sent a notification that is not the host's, byte for byte: " + text);
    return;
  }
  traffic_may_flow(text);
  in_order(seq);
  if (!notifications_sent_.insert(seq).second) fail("sent a notification twice: " + text);
  if (!reads_mcp() || method != "notifications/cancelled") return;
  const std::string_view id = raw_member(text, "params", "requestId");
  const bool concerns = std::ranges::any_of(asks_, [&](const auto& entry) {
    const Ask& ask = entry.second;
    return ask.cancelled && ask.id == id && std::ranges::count(ask.sent, epoch) > 0;
  });
  if (!concerns) fail("cancels what this link was never asked: " + text);
}

/// Whether this is a request of the shim's own; if so it has been judged.
bool Model::is_own(const std::string& text, const Json& message) {
  const std::string id(raw_member(text, "id"));
  const std::string method = string_at(message, "method");
  const auto known = asks_.find(number_at(message, "params", "seq"));
  if (known != asks_.end() && known->second.id == id) return false;
  const bool number = message["id"].is_number_unsigned() &&
                      message["id"].get<std::uint64_t>() < (std::uint64_t{1} << 53U);
  if (!number) fail("an id of the shim's own must be an integer below 2^53: " + text);
  if (open_.contains(id) || !watch_.own_ids.insert(id).second) fail("uses a taken id: " + text);
  watch_.own_open.insert(id);
  if (method == "initialize" && watch_.stage == Watch::Stage::before) {
    judge_initialize_again(text, message);
  } else if (take_debug_wish(method, raw_member(text, "params"))) {
    watch_.own_id = id;  // heartbeats come at that level
  } else if (take_own_list(id, method, raw_member(text, "params"))) {
    // To be compared with what the host was shown.
  } else if (take_restore(method, raw_member(text, "params"))) {
    // As the host left the session.
  } else if (settings_.request_heartbeats && !watch_.asked_debug && method == "logging/setLevel" &&
             (may_forget() || raw_member(text, "params") == legacy_.level_params)) {
    forget_heartbeats();  // the backend did not want the other level
  } else {
    fail("sent a request that nobody wants: " + text);
  }
  return true;
}

/// Contract 5.1: the original params, but the version that was negotiated.
void Model::judge_initialize_again(const std::string& text, const Json& message) {
  watch_.stage = Watch::Stage::initialize;
  watch_.own_id = raw_member(text, "id");
  if (legacy_.version.empty()) {
    fail("resumes a session that was never established: " + text);
    return;
  }
  Json expected = parse(asks_.at(legacy_.greeting_seq).params);
  expected["protocolVersion"] = parse(legacy_.version);
  if (message["params"] != expected) fail("not the session's initialize: " + text);
}

/// The backend has been initialized again: all that the host has told the one before is to follow.
void Model::expect_restore(const Json& answer) {
  if (answer["result"].value("protocolVersion", Json()) != parse(legacy_.version)) {
    watch_.stage = Watch::Stage::refused;
    return;
  }
  watch_.stage = Watch::Stage::restore;
  if (legacy_.initialized) watch_.to_restore.emplace_back("notifications/initialized", "");
  if (!legacy_.level_params.empty()) {
    watch_.to_restore.emplace_back("logging/setLevel", legacy_.level_params);
  }
  for (const auto& [uri, wanted] : legacy_.subscriptions) {
    watch_.to_restore.emplace_back("resources/subscribe", wanted);
  }
}

/// Contract 7: `--request-heartbeats`, once per link.
bool Model::take_debug_wish(const std::string& method, std::string_view params) {
  const bool wanted = settings_.request_heartbeats && reads_mcp() && legacy_.initialized &&
                      legacy_.has_logging && !watch_.asked_debug;
  if (!wanted || method != "logging/setLevel" || params != R"({"level":"debug"})") return false;
  if (!watch_.to_restore.empty() && watch_.to_restore.front().first == "notifications/initialized")
    return false;
  watch_.asked_debug = true;
  std::erase_if(watch_.to_restore,
                [](const auto& wish) { return wish.first == "logging/setLevel"; });
  return true;
}

/// Whether the session, as the host left it, wants the new link to be told this.
bool Model::take_restore(const std::string& method, std::string_view params) {
  if (method == "logging/setLevel") forget_heartbeats();
  if (watch_.stage == Watch::Stage::excused) return true;
  if (watch_.stage != Watch::Stage::restore) return false;
  if (may_forget() && method != "notifications/initialized") return true;
  auto& list = watch_.to_restore;
  const auto found = std::ranges::find(list, std::pair(method, std::string(params)));
  if (found == list.end()) return false;
  if (list.front().first == "notifications/initialized" && found != list.begin()) return false;
  list.erase(found);
  return true;
}

/// Contract 5.1: before any other traffic, the session is resumed in full.
void Model::traffic_may_flow(const std::string& text) {
  using Stage = Watch::Stage;
  if (watch_.stage == Stage::traffic || watch_.stage == Stage::excused) return;
  if (watch_.stage == Stage::before && !legacy_.version.empty()) {
    fail("sent before the session was resumed: " + text);
  }
  if (watch_.stage == Stage::refused) fail("sent to a backend of another version: " + text);
  if (watch_.stage == Stage::initialize) {
    fail("sent before initialize was answered again: " + text);
  }
  for (const auto& [method, params] : watch_.to_restore) {
    if (may_forget() && method != "notifications/initialized") continue;
    fail("sent before " + method + " " + params + " was restored: " + text);
  }
  if (watch_.stage == Stage::restore && settings_.request_heartbeats && legacy_.initialized &&
      legacy_.has_logging && !watch_.asked_debug &&
      text.find(R"("notifications/initialized")") == std::string::npos) {
    fail("sent before heartbeats were asked for: " + text);
  }
  watch_.stage = Stage::traffic;
}

/// Contract 5.0: first in, first out; what is sent again takes the place it had.
void Model::in_order(std::uint64_t seq) {
  if (seq <= watch_.last_seq)
    fail("message " + std::to_string(seq) + " of the host comes after " +
         std::to_string(watch_.last_seq));
  watch_.last_seq = std::max(seq, watch_.last_seq);
}

bool Model::may_be_sent_again(const Ask& ask) const {
  if (!reads_mcp()) return false;
  if (ask.method == "initialize" || ask.subscription) return true;
  if (ask.sent.size() > 1 || settings_.replay == shim::Replay::never) return false;
  if (settings_.replay == shim::Replay::always) return true;
  return std::ranges::find(read_only, ask.method) != read_only.end() || ask.harmless;
}

void Model::rejected(Epoch connection, const std::string& method) {
  if (!reads_mcp() || greeted_again_) return;
  fail("link " + std::to_string(connection) + ": " + method +
       " reached a backend that had not been initialized");
}

void Model::answered(Epoch connection, std::string_view id, const std::string& text,
                     std::optional<std::uint64_t> open_tag) {
  if (!open_tag) {
    fail("link " + std::to_string(connection) + ": an answer to request " + std::string(id) +
         ", which is not open: " + text);
    return;
  }
  const Json message = parse(text);
  const std::uint64_t tag = number_at(message, "result", "tag");
  if (message.contains("result") && tag != *open_tag)
    fail("the answer to another request: " + text);
}

void Model::finish() {
  finished_ = true;
  closing_ = true;
}

}  // namespace sim
