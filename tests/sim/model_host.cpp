// What the host says and hears (contract 3, 5.0 and 9).

#include <algorithm>
#include <array>
#include <utility>

#include "common/jsonrpc.hpp"
#include "tests/sim/model.hpp"

namespace sim {
namespace {

/// Contract 9.
struct Known {
  int code;
  const char* reason;
  bool delivered;
  bool retryable;
};
constexpr std::array<Known, 7> own_answers{{{31001, "backend-unavailable", false, true},
                                            {31002, "outcome-unknown", true, false},
                                            {31003, "queue-full", false, true},
                                            {31004, "request-timeout", true, false},
                                            {31005, "message-too-large", false, false},
                                            {31006, "session-incompatible", false, false},
                                            {31007, "bad-backend-message", true, false}}};

/// The shim's own word on why it answered in the backend's place, or null.
Json own_data(const Json& message) {
  if (message.contains("error") && message["error"].contains("data"))
    return message["error"]["data"];
  if (message.contains("result") && message["result"].is_object()) {
    const Json meta = message["result"].value("_meta", Json::object());
    if (meta.is_object() && meta.contains("mcp-ws-shim/error")) return meta["mcp-ws-shim/error"];
  }
  return nullptr;
}

int error_code(const Json& message) {
  return message.contains("error") ? message["error"].value("code", 0) : 0;
}

bool is_id(const Json& id) { return id.is_string() || id.is_number(); }

/// The raw ids that a line holds which is no valid JSON: those our host puts there in the clear.
std::string id_of_broken(std::string_view text) {
  static constexpr std::string_view key = R"("id":)";
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return "null";
  const std::string_view rest = text.substr(at + key.size());
  return std::string(rest.substr(0, rest.find_first_of(",}")));
}

/// Whether an id towards the host is one that the shim gave a request of the backend.
bool is_ours(std::string_view id) { return id.starts_with(R"("mcp-ws-shim:)"); }

}  // namespace

void Model::host_line(std::string_view text, bool too_long) {
  largest_message_ = std::max(largest_message_, text.size());
  if (too_long) {
    skipped_line(text);
    return;
  }
  const Json value = parse(text);
  if (value.is_discarded()) {
    const bool answers = text.find(R"("method")") == std::string_view::npos &&
                         text.find(R"("result")") != std::string_view::npos;
    const std::string id = id_of_broken(text);
    if (!is_ours(id)) {
      due_.push_back({id, true, shim::jsonrpc::parse_error});
    } else if (answers) {
      close_asked(id);
    }
  } else if (nesting(text) > shim::jsonrpc::depth_max) {
    const std::string id(raw_member(text, "id"));
    if (!is_ours(id)) {
      due_.push_back({id, true, shim::jsonrpc::invalid_request});
    } else if (!value.contains("method")) {
      close_asked(id);
    }
  } else if (value.is_array()) {
    if (value.empty()) due_.push_back({"null", true, shim::jsonrpc::invalid_request});
    for (const std::string_view element : elements(text)) host_element(element, parse(element));
  } else {
    host_element(text, value);
  }
}

void Model::host_element(std::string_view text, const Json& message) {
  const std::string id(raw_member(text, "id"));
  const bool answers = message.is_object() && !message.contains("method") &&
                       (message.contains("result") || message.contains("error"));
  const bool sound =
      message.is_object() && string_at(message, "jsonrpc") == "2.0" && !stands_twice(text);
  if (answers) {  // one that is not sound is told to the backend as an error
    if (!sound && !is_ours(id))
      due_.push_back({id.empty() ? "null" : id, true, shim::jsonrpc::invalid_request, true});
    close_asked(id);
    return;
  }
  if (!sound || !message.contains("method") || !message["method"].is_string() ||
      (message.contains("id") && !is_id(message["id"]))) {
    due_.push_back({id.empty() ? "null" : id, true, shim::jsonrpc::invalid_request});
  } else if (message.contains("id")) {
    host_request(text, message);
  } else {
    host_notification(text, message);
  }
}

void Model::host_request(std::string_view text, const Json& message) {
  const std::string id(raw_member(text, "id"));
  const std::string method = string_at(message, "method");
  if (reads_mcp() && method == "ping") {
    due_.push_back({id, false, 0});
    return;
  }
  if (open_.contains(id)) {
    due_.push_back({id, false, shim::jsonrpc::invalid_request});
    return;
  }
  Ask ask;
  ask.seq = number_at(message, "params", "seq");
  ask.id = id;
  ask.method = method;
  ask.text = text;
  ask.params = raw_member(text, "params");
  ask.token = raw_member(raw_member(ask.params, "_meta"), "progressToken");
  ask.modern = reads_mcp() && !raw_member(raw_member(ask.params, "_meta"),
                                          "io.modelcontextprotocol/protocolVersion")
                                   .empty();
  ask.subscription = ask.modern && method == "subscriptions/listen";
  if (ask.modern) mcp_known_ = true;
  ask.asked = now_;
  ask.id_used_before = !used_ids_.insert(id).second;
  if (method == "tools/call") {
    ask.call = number_at(message["params"], "arguments", "call");
    ask.harmless = string_at(message["params"], "name") == "look";
    calls_[ask.call] = ask.seq;
  }
  if (reads_mcp() && method == "initialize") {
    mcp_known_ = true;
    if (legacy_.greeting_seq != 0) greeted_again_ = true;
    legacy_before_ = legacy_;
    watch_before_ = watch_;
    legacy_ = Legacy();
    legacy_.greeting_seq = ask.seq;
    watch_.asked_debug = false;  // the backend's level may be another one
    forget_heartbeats();
    // A new session in the middle of resuming the old one: how that goes on is nobody's business.
    const bool resuming =
        watch_.stage == Watch::Stage::initialize || watch_.stage == Watch::Stage::refused;
    if (resuming) watch_.stage = Watch::Stage::excused;
  }
  open_[id] = ask.seq;
  if (!ask.token.empty()) progress_[ask.token] = {.seq = ask.seq, .told = now_};
  asked_in_turn_ = true;
  asks_[ask.seq] = std::move(ask);
}

void Model::host_notification(std::string_view text, const Json& message) {
  notifications_[number_at(message, "params", "seq")] = text;
  const std::string method = string_at(message, "method");
  if (!reads_mcp()) return;
  if (method == "notifications/initialized") legacy_.initialized = true;
  if (method != "notifications/cancelled") return;
  const auto open = open_.find(std::string(raw_member(text, "params", "requestId")));
  if (open == open_.end()) return;
  Ask& ask = asks_.at(open->second);
  if (ask.method == "initialize") return;  // must not be cancelled
  ask.cancelled = true;
  close(ask);
}

/// A line longer than the limit, perhaps a batch: a request is answered; of an answer the backend
/// is told that it cannot come.
void Model::skipped_line(std::string_view text) {
  const Json value = parse(text);
  bool told = false;
  const auto skip = [&](std::string_view element) {
    const std::string id(raw_member(element, "id"));
    const bool answers = !parse(element).contains("method");
    if (id.empty() || open_.contains(id)) return;
    if (is_ours(id)) {
      if (answers) close_asked(id);
    } else {
      due_.push_back({id, answers, 31005});
    }
    told = true;
  };
  if (value.is_array()) {
    for (const std::string_view element : elements(text)) skip(element);
  } else {
    skip(text);
  }
  if (!told) due_.push_back({"null", false, 31005});
}

void Model::close_asked(const std::string& id) {
  const auto asked = asked_.find(id);
  if (asked != asked_.end() && std::exchange(asked->second.open, false)) --asked_open_;
}

void Model::close(Ask& ask) {
  open_.erase(ask.id);
  quiet_since_.erase(ask.seq);
  progress_.erase(ask.token);
  ask.closed_in_turn = turn_;
  ask.closed_at = now_;
}

void Model::write_host(const std::string& line) {
  if (finished_) fail("wrote to the host after Finish: " + line);
  largest_message_ = std::max(largest_message_, line.size());
  host_told_ = now_;
  if (line.find_first_of("\r\n") != std::string::npos) fail("a line break within a line: " + line);
  const Json message = parse(line);
  if (!message.is_object()) {
    fail("wrote what is no JSON object: " + line);
    return;
  }
  if (string_at(message, "jsonrpc") != "2.0") fail("wrote what is no JSON-RPC 2.0: " + line);
  if (!message.contains("method")) {
    host_answer(line, message);
  } else if (message.contains("id")) {
    host_asked(line, message);
  } else {
    host_told(line, message);
  }
}

bool Model::meet_due(const std::string& id, int code) {
  for (Due& due : due_) {
    if (due.met || due.code != code || (due.id != id && !(due.or_null && id == "null"))) continue;
    due.met = true;
    return true;
  }
  return false;
}

void Model::host_answer(const std::string& line, const Json& message) {
  const std::string id(raw_member(line, "id"));
  if (message.contains("result") == message.contains("error"))
    fail("neither result nor error: " + line);
  if (id == "null" && message.contains("result")) fail("a result for nobody: " + line);
  const int code = error_code(message);
  const Json data = own_data(message);
  const bool too_large = data.is_object() && string_at(data, "reason") == "message-too-large";
  if (too_large && meet_due(id, 31005)) return;
  if (code == shim::jsonrpc::parse_error || code == shim::jsonrpc::invalid_request) {
    if (!meet_due(id, code)) fail("an error that nothing in this turn deserved: " + line);
    return;
  }
  if (message.contains("result") && message["result"] == Json::object() && meet_due(id, 0)) return;
  const auto open = open_.find(id);
  if (open == open_.end()) {
    fail("answers a request that is not pending: " + line);
    return;
  }
  settle(asks_.at(open->second), line, message);
}

void Model::settle(Ask& ask, const std::string& line, const Json& message) {
  const Json data = own_data(message);
  if (error_code(message) == shim::jsonrpc::internal_error && replaced_in_turn_ == turn_) {
    // The core has failed a check and told everybody.
  } else if (take_last_word(ask, line)) {
    // Its subscription has ended.
  } else if (data.is_object() && string_at(data, "source") == "mcp-ws-shim") {
    judge_own_answer(ask, message, data);
  } else if (may_be_offline(ask) && !came_in_turn_.contains(line)) {
    judge_offline_answer(ask, message);
    if (message.contains("result")) learn(ask, message);
  } else {
    judge_backend_answer(ask, line, message);
  }
  ask.answer = line;
  close(ask);
}

void Model::judge_own_answer(const Ask& ask, const Json& message, const Json& data) {
  const std::string reason = string_at(data, "reason");
  const auto* const known = std::ranges::find(own_answers, reason, &Known::reason);
  if (known == own_answers.end()) {
    fail("an unknown reason: " + message.dump());
    return;
  }
  if (data["delivered"] != known->delivered || data["retryable"] != known->retryable) {
    fail("not what contract 9 says of this reason: " + message.dump());
  }
  const bool as_result = ask.method == "tools/call" && reads_mcp() &&
                         settings_.tool_errors == shim::ToolErrors::result;
  if (as_result != message.contains("result")) fail("the wrong kind of failure: " + message.dump());
  if (!as_result && error_code(message) != known->code) fail("the wrong code: " + message.dump());
  if (as_result && message["result"].value("isError", false) != true) fail("lacks isError");

  if (!known->delivered && !ask.sent.empty()) {
    fail("called not delivered, but it was sent: " + ask.text + " answered " + message.dump());
  }
  if (!known->delivered && executions(ask.call) > 0) {
    fail("called not delivered, but it was executed: " + ask.text);
  }
  if (known->delivered && ask.sent.empty()) fail("called delivered, but never sent: " + ask.text);
  if (reason == "request-timeout") {
    const auto quiet = quiet_since_.find(ask.seq);
    if (settings_.request_timeout == Duration(0) || quiet == quiet_since_.end() ||
        is_too_early_for_timeout(quiet->second)) {
      fail("given up before the request timeout: " + ask.text);
    }
    if (link_paused_) fail("given up while its answer was not read: " + ask.text);
    if (told_of_timeout_.erase(ask.id) == 0) timed_out_.insert(ask.id);
  }
  if (reason == "queue-full" && phase_before_ == shim::Phase::ready && !ask.subscription) {
    fail("refused for lack of room while ready: " + ask.text);
  }
  if (ask.subscription && reason == "backend-unavailable" && !closing_)
    fail("a subscription waits for ever: " + ask.text);
  if (reason == "backend-unavailable" && !closing_ &&
      (settings_.queue_timeout == Duration::zero() || now_ < ask.asked + settings_.queue_timeout)) {
    fail("given up before the queue timeout: " + ask.text);
  }
  const bool greeting = reads_mcp() && ask.method == "initialize";
  if (greeting && reason == "session-incompatible") fail("initialize begins a session of its own");
  if (greeting && reason == "queue-full") {
    legacy_ = legacy_before_;
    watch_ = watch_before_;
  }
}

void Model::judge_backend_answer(const Ask& ask, const std::string& line, const Json& message) {
  if (!came_in_turn_.contains(line)) fail("not what the backend sent, byte for byte: " + line);
  if (live_ == 0 || ask.sent.empty() || ask.sent.back() != live_) {
    fail("answered by a link it was not sent on: " + ask.text);
  }
  if (!ask.id_used_before) {
    const std::uint64_t to = message.contains("result") ? number_at(message, "result", "to")
                                                        : number_at(message["error"], "data", "to");
    if (to != ask.seq) fail("another request's answer: " + ask.text + " answered " + line);
  }
  if (message.contains("result")) learn(ask, message);
}

/// What a new link will have to be told.
void Model::learn(const Ask& ask, const Json& message) {
  if (!reads_mcp()) return;
  shown_list(ask, message);
  if (ask.method == "initialize" && ask.seq == legacy_.greeting_seq) {
    legacy_.version = message["result"].value("protocolVersion", Json()).dump();
    legacy_.has_logging =
        message["result"].value("capabilities", Json::object()).contains("logging");
  } else if (ask.method == "logging/setLevel") {
    legacy_.level_params = ask.params;
    forget_heartbeats();
  } else if (ask.method == "resources/subscribe") {
    legacy_.subscriptions[std::string(raw_member(ask.params, "uri"))] = ask.params;
  } else if (ask.method == "resources/unsubscribe") {
    legacy_.subscriptions.erase(std::string(raw_member(ask.params, "uri")));
  }
}

/// Contract 5.1: a request of the backend.
void Model::host_asked(const std::string& line, const Json& message) {
  const std::string id(raw_member(line, "id"));
  if (!id.starts_with("\"mcp-ws-shim")) fail("a backend's id was passed on: " + line);
  if (asked_.contains(id)) fail("an id towards the host was used twice: " + id);
  if (live_ == 0) fail("a request of a backend that is gone: " + line);
  if (!came_in_turn_.contains(with_id(line, "null")))
    fail("a request that no backend sent: " + line);
  ++asked_open_;
  asked_[id] = {.epoch = live_, .tag = number_at(message, "params", "tag"), .open = true};
}

void Model::host_told(const std::string& line, const Json& message) {
  const std::string method = string_at(message, "method");
  if (method == "notifications/subscriptions/acknowledged") return judge_acknowledgement(line);
  if (method == "notifications/cancelled") {
    if (take_cancelled_subscription(line)) return;
    const auto asked = asked_.find(std::string(raw_member(line, "params", "requestId")));
    if (asked != asked_.end() && asked->second.open) {
      close_asked(asked->first);
    } else if (mcp_known_) {
      fail("cancels what the host was not asked: " + line);
    }
    return;
  }
  if (method == "notifications/progress" && (knows_mcp() || !came_in_turn_.contains(line))) {
    judge_progress(line, message);
    return;
  }
  if (method == "notifications/message") {
    if (judge_own_log(line, message)) return;
    const auto owed = std::ranges::find(owed_logs_, line);
    if (owed != owed_logs_.end()) {
      owed_logs_.erase(owed);
    } else if (!may_forget()) {
      fail("a log message that is not for the host: " + line);
    }
  }
  if (judge_list_changed(line, method)) return;
  if (!came_in_turn_.contains(line)) fail("a notification that no backend sent: " + line);
}

}  // namespace sim
