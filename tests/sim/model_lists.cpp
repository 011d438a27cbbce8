// Lists, and answers that are given without a backend (contract 5.1 and 6).

#include <algorithm>
#include <array>

#include "tests/sim/model.hpp"

namespace sim {
namespace {

struct List {
  std::string_view method;
  const char* member;
  std::string_view changed;
};
constexpr std::array<List, 4> lists{
    {{"tools/list", "tools", "notifications/tools/list_changed"},
     {"prompts/list", "prompts", "notifications/prompts/list_changed"},
     {"resources/list", "resources", "notifications/resources/list_changed"},
     {"resources/templates/list", "resourceTemplates", "notifications/resources/list_changed"}}};

const List* find_list(std::string_view method) {
  const auto* const found = std::ranges::find(lists, method, &List::method);
  return found == lists.end() ? nullptr : found;
}

/// Breaks within a frame become spaces; all else is passed on as it is.
std::string flat(std::string_view text) {
  std::string out(text);
  std::ranges::replace(out, '\n', ' ');
  std::ranges::replace(out, '\r', ' ');
  return out;
}

/// The list of tools of the modern era, which has a history of its own.
constexpr const char* modern_tools_key = "modern tools/list";

}  // namespace

/// One message that the backend has sent in this turn.
void Model::came(std::string_view element, const Json& message) {
  came_in_turn_.insert(flat(element));
  if (!message.is_object()) {
    // Whatever it was to be, it was the answer to this.
    std::erase_if(watch_.own_open, [element](const std::string& id) {
      return element.find("\"id\":" + id) != std::string_view::npos;
    });
    return;
  }
  if (message.contains("method")) {
    came_in_turn_.insert(flat(with_id(element, "null")));
    const std::string method = string_at(message, "method");
    if (method == "notifications/progress") note_progress(flat(element));
    if (method == "notifications/message") note_log(flat(element), message);
    if (method == "notifications/subscriptions/acknowledged") note_acknowledgement(flat(element));
    if (method == "notifications/cancelled")
      note_last_word(raw_member(element, "params", "requestId"), flat(element));
    return;
  }
  const bool awaited = watch_.own_open.erase(std::string(raw_member(element, "id"))) > 0;
  if (awaited && watch_.asked_debug && raw_member(element, "id") == watch_.own_id &&
      message.contains("error") && !message.contains("result") &&
      message["error"].contains("code")) {
    traffic_may_flow("after level debug was refused");
    watch_.asked_debug = false;
  }
  if (!message.contains("result")) return;
  real_results_.insert(message["result"].dump());
  const std::string id(raw_member(element, "id"));
  if (!message.contains("error") && string_at(message, "jsonrpc") == "2.0" &&
      !stands_twice(element))
    note_last_word(id, flat(element));
  if (const auto own = watch_.own_lists.find(id); own != watch_.own_lists.end()) {
    fresh_in_turn_[own->second] = message["result"];
  }
  if (watch_.stage == Watch::Stage::initialize && id == watch_.own_id) expect_restore(message);
}

void Model::knows_file(std::string_view text) {
  const Json file = parse(text);
  for (const Json& result : file["results"]) real_results_.insert(result.dump());
}

/// Whether the shim may answer this one itself now.
bool Model::may_be_offline(const Ask& ask) const {
  const bool in_flight = live_ != 0 && !ask.sent.empty() && ask.sent.back() == live_;
  // A level that is set in a session is kept for the next link.
  const bool is_level =
      ask.method == "logging/setLevel" && (!legacy_.version.empty() || greeted_again_);
  const bool has_one = is_level || ask.method == "initialize" || find_list(ask.method) != nullptr;
  return reads_mcp() && settings_.offline == shim::Offline::cache && !in_flight && has_one &&
         (phase_before_ != shim::Phase::ready || lost_in_turn_ != 0);
}

void Model::judge_offline_answer(const Ask& ask, const Json& message) {
  const bool greeting = ask.method == "initialize";
  TimePoint due = not_ready_since_ + settings_.init_grace;
  if (greeting)
    due = std::min(due, ask.asked + std::min(settings_.init_grace, settings_.init_timeout));
  if (now_ < due) fail("answered without the backend before the grace is over: " + ask.text);
  if (!message.contains("result")) {
    fail("an error in the place of an answer from the cache: " + message.dump());
    return;
  }
  const Json& result = message["result"];
  if (ask.method == "logging/setLevel") {
    if (result != Json::object()) fail("an invented answer: " + message.dump());
    return;
  }
  if (real_results_.contains(result.dump())) return;
  const List* const list = find_list(ask.method);
  if (list != nullptr) {
    const bool empty = result == Json{{list->member, Json::array()}};
    // Our backends have no capability but tools: of all else they have none.
    const bool may_be_empty = (legacy_.minimal && !ask.modern) || list->method != "tools/list";
    if (!empty || !may_be_empty) fail("an invented list: " + message.dump());
    return;
  }
  if (string_at(result.value("serverInfo", Json()), "name") != "mcp-ws-shim") {
    fail("an invented answer to initialize: " + message.dump());
  }
  if (now_ < ask.asked + settings_.init_timeout) fail("gave up hope too early: " + ask.text);
  if (string_at(result, "protocolVersion") != string_at(parse(ask.params), "protocolVersion")) {
    fail("not the version that was asked for: " + message.dump());
  }
  legacy_.minimal = true;
}

/// The host has seen a list.
void Model::shown_list(const Ask& ask, const Json& message) {
  const List* const list = find_list(ask.method);
  if (list == nullptr || !reads_mcp()) return;
  if (ask.modern) {
    modern_tools_ = message["result"];
    modern_told_ = false;
    return;
  }
  legacy_.shown[ask.method] = message["result"];
  legacy_.told.erase(std::string(list->changed));
}

/// The shim asks for a list of its own accord, to compare it.
bool Model::take_own_list(const std::string& id, const std::string& method,
                          std::string_view params) {
  const bool modern = !raw_member(params, "_meta").empty();
  const bool was_shown = modern ? modern_tools_ && method == "tools/list"
                                : find_list(method) != nullptr && legacy_.shown.contains(method);
  const std::string key = modern ? modern_tools_key : method;
  const bool again =
      std::ranges::any_of(watch_.own_lists, [&key](const auto& own) { return own.second == key; });
  if (!was_shown || again || watch_.stage < Watch::Stage::restore) return false;
  watch_.own_lists[id] = key;
  return true;
}

bool Model::tools_have_changed(const Json& shown, const std::string& key) const {
  const auto fresh = fresh_in_turn_.find(key);
  return fresh != fresh_in_turn_.end() &&
         fresh->second.value("tools", Json()) != shown.value("tools", Json());
}

/// A list_changed that no backend has sent: only if what the host was shown is no longer true.
bool Model::judge_list_changed(const std::string& line, const std::string& method) {
  const bool is_one =
      std::ranges::any_of(lists, [&method](const List& list) { return list.changed == method; });
  if (!is_one || !reads_mcp() || came_in_turn_.contains(line)) return false;
  const std::string_view subscription =
      raw_member(raw_member(line, "params", "_meta"), "io.modelcontextprotocol/subscriptionId");
  if (!subscription.empty()) {
    const Ask* const to = open_subscription(subscription);
    if (to == nullptr || !to->acknowledged || !modern_tools_ ||
        !tools_have_changed(*modern_tools_, modern_tools_key))
      fail("announces a change to a subscription, without need: " + line);
    modern_told_ = true;
    return true;
  }
  for (const List& list : lists) {
    const auto shown = legacy_.shown.find(std::string(list.method));
    if (list.changed != method || shown == legacy_.shown.end()) continue;
    const auto fresh = fresh_in_turn_.find(std::string(list.method));
    const Json none;
    if (fresh != fresh_in_turn_.end() &&
        fresh->second.value(list.member, none) != shown->second.value(list.member, none)) {
      legacy_.told.insert(method);
      return true;
    }
  }
  // What the minimal result promised is announced once, whether or not it was fetched.
  const bool is_shown = std::ranges::any_of(lists, [&](const List& list) {
    return list.changed == method && legacy_.shown.contains(std::string(list.method));
  });
  if (legacy_.minimal && !is_shown && legacy_.told.insert(method).second) return true;
  fail("announces a change that there was not: " + line);
  return true;
}

void Model::judge_told(std::string_view tools) {
  const bool is_subscribed = std::ranges::any_of(open_, [this](const auto& open) {
    const Ask& ask = asks_.at(open.second);
    return ask.acknowledged && !ask.last_word && is_in_flight(ask);
  });
  if (is_subscribed && modern_tools_ && !modern_told_ &&
      modern_tools_->value("tools", Json()) != parse(tools)) {
    fail("the subscriber was not told that the tools have changed");
  }
  const auto shown = legacy_.shown.find("tools/list");
  if (!reads_mcp() || shown == legacy_.shown.end() || !legacy_.initialized) return;
  if (greeted_again_) return;  // what it was shown may be of the session before
  if (shown->second.value("tools", Json()) == parse(tools)) return;
  if (!legacy_.told.contains("notifications/tools/list_changed")) {
    fail("the host was not told that the tools have changed");
  }
}

}  // namespace sim
