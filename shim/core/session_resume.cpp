// What a new link is told before any other traffic, and what is learnt from it (contract 5.1).

#include <algorithm>
#include <utility>

#include "common/raw_json.hpp"
#include "common/text.hpp"
#include "shim/core/session.hpp"

namespace shim {
namespace {

/// Whether the filter of a `subscriptions/listen` asks for changes of this list (MCP 2026-07-28).
bool listens(const Request& subscription, ListKind kind) {
  const std::string_view params = raw_json::member(subscription.kept_text, "params");
  return raw_json::member(raw_json::member(params, "notifications"), list_filter(kind)) == "true";
}

/// What a log may tell of an error object (contract 10): not its text, nor its data.
std::string head_of_error(const jsonrpc::Message& answer) {
  return "error " + printable(answer.error_code, 16) + " (" + std::to_string(answer.error.size()) +
         " bytes)";
}

/// Likewise of a protocol version, raw JSON: it is shown if it is one, that is, a date.
std::string shown_version(std::string_view raw) {
  if (raw.empty()) return "none";
  constexpr std::string_view shape = R"("0000-00-00")";
  const bool is_date = std::equal(
      raw.begin(), raw.end(), shape.begin(), shape.end(),
      [](char c, char wanted) { return wanted == '0' ? c >= '0' && c <= '9' : c == wanted; });
  return is_date ? std::string(raw) : "one that is not a date";
}

}  // namespace

void Session::start_resume() {
  if (!legacy_.is_established()) {
    complete_resume();
    return;
  }
  const std::string id = own_id();
  own_requests_.emplace(id, OwnRequest{.purpose = OwnRequest::Purpose::initialize});
  write_link(legacy_.resume_initialize(id));
}

void Session::own_answered(const Message& answer) {
  const auto position = own_requests_.find(answer.id);
  const OwnRequest own = position->second;
  own_requests_.erase(position);
  switch (own.purpose) {
    case OwnRequest::Purpose::initialize: resume_answered(answer); return;
    case OwnRequest::Purpose::restore:
      if (answer.error.empty()) return;
      if (own.asks_for_heartbeats) restore_level();
      warn(restore_log_, "the backend refused to restore what the host had set: " +
                             std::string(own.method) + " got " + head_of_error(answer));
      return;
    case OwnRequest::Purpose::list:
      if (!answer.result.empty()) compare_list(own.kind, own.modern, answer.result);
      return;
  }
}

void Session::resume_answered(const Message& answer) {
  if (!legacy_.is_established()) {  // the host has begun a new session meanwhile
    complete_resume();
    return;
  }
  if (!answer.error.empty()) {
    lose_link({.cause = mcp::never_initializes(answer.error_code) ? Cause::incompatible
                                                                  : Cause::resume_refused,
               .detail = "the backend refused to initialize again: " + head_of_error(answer)});
    return;
  }
  const auto facts = InitializeFacts::read(answer.result);
  const std::string version = facts ? facts->protocol_version : std::string();
  if (jsonrpc::token_key(version) != jsonrpc::token_key(legacy_.protocol_version())) {
    lose_link({.cause = Cause::incompatible,
               .detail = "the session uses protocol version " +
                         shown_version(legacy_.protocol_version()) + ", the backend now answers " +
                         shown_version(version)});
    return;
  }
  remember(legacy_.requested_version(), "initialize", answer.result);
  if (legacy_.is_initialized()) write_link(jsonrpc::notification("notifications/initialized"));
  request_heartbeats();
  for (const LegacySession::Step& step : legacy_.steps()) {
    if (step.method == "logging/setLevel") {
      if (heartbeats_asked_in_ == epoch()) continue;
      liveness_.forget_heartbeats();
    }
    send_own(step.method, step.params, {.purpose = OwnRequest::Purpose::restore});
  }
  if (legacy_.is_initialized()) compare_lists(*facts);
  complete_resume();
}

/// Contract 7: `--request-heartbeats` asks the backend to log everything, once per link and after
/// `notifications/initialized`.
void Session::request_heartbeats() {
  if (!settings_.request_heartbeats || !legacy_.is_initialized() || !legacy_.has_logging()) return;
  if (std::exchange(heartbeats_asked_in_, epoch()) == epoch()) return;
  send_own("logging/setLevel", R"({"level":"debug"})",
           {.purpose = OwnRequest::Purpose::restore, .asks_for_heartbeats = true});
}

/// The backend takes no level debug: then it logs what the host wants, and no more.
void Session::restore_level() {
  heartbeats_asked_in_ = 0;
  for (const LegacySession::Step& step : legacy_.steps()) {
    if (step.method != "logging/setLevel") continue;
    liveness_.forget_heartbeats();
    send_own(step.method, step.params, {.purpose = OwnRequest::Purpose::restore});
  }
}

void Session::complete_resume() {
  ++counters_.links_ready;
  offline_.clear();
  queued_roots_change_.reset();
  supervisor_.resumed(now_, *out_);
  liveness_.start(now_, health_);
  if (link_paused_) liveness_.pause(now_, true, epoch(), *out_);
  flush();
}

/// Asks for each list that the host has been shown and is to hear about, unless it is plain already
/// whether it has changed.
void Session::compare_lists(const InitializeFacts& offered) {
  const bool is_first = std::exchange(owes_changes_, false);
  for (const ListKind kind : list_kinds) {
    if (!legacy_.announces(kind)) continue;
    if (!legacy_lists_.was_shown(kind)) {
      // The minimal result promised these lists, and said that they would be announced.
      if (is_first && kind != ListKind::templates &&
          offered.has_list[static_cast<std::size_t>(kind)])
        announce_list(kind, false);
    } else if (!offered.has_list[static_cast<std::size_t>(kind)]) {
      compare_list(kind, false, empty_list(kind));
    } else if (legacy_lists_.is_paged(kind)) {
      announce_list(kind, false);
    } else {
      send_own(list_method(kind), "{}", {.purpose = OwnRequest::Purpose::list, .kind = kind});
    }
  }
}

/// The modern era's counterpart: a subscription is live on a new link, and lists that it covers
/// were shown to the host before that. The request carries the subscription's own `_meta`.
void Session::compare_subscribed_lists(const Request& subscription) {
  jsonrpc::Reader reader;
  Message message;
  if (reader.read(subscription.kept_text, message) != jsonrpc::Read::message) return;
  for (const ListKind kind : list_kinds) {
    if (!modern_lists_.may_be_stale(kind, epoch()) || !listens(subscription, kind)) continue;
    if (!modern_compared_.insert(kind).second) continue;
    send_own(list_method(kind), R"({"_meta":)" + std::string(message.meta) + "}",
             {.purpose = OwnRequest::Purpose::list, .kind = kind, .modern = true});
  }
}

void Session::compare_list(ListKind kind, bool modern, std::string_view result) {
  if (kind == ListKind::tools) lists(modern).learn_tools(result, true);
  if (!modern && is_complete_list(result))
    remember(legacy_.requested_version(), list_method(kind), result);
  if (lists(modern).compare(kind, result) == Lists::Comparison::different)
    announce_list(kind, modern);
}

void Session::announce_list(ListKind kind, bool modern) {
  const std::string_view method = list_changed_method(kind);
  if (!announced_.emplace(method, modern).second) return;
  log(LogLevel::info, "the backend came back with other " + std::string(list_capability(kind)));
  if (!modern) {
    write_host(jsonrpc::notification(method));
    return;
  }
  for (const Request* const subscription : pending_.subscriptions()) {
    if (!listens(*subscription, kind)) continue;
    write_host(jsonrpc::notification(
        method,
        R"({"_meta":{"io.modelcontextprotocol/subscriptionId":)" + subscription->id + "}}"));
  }
}

/// `method` must be a literal: it is kept for the log.
void Session::send_own(std::string_view method, std::string_view params, OwnRequest own) {
  const std::string id = own_id();
  own.method = method;
  own.sent_at = now_;
  own_requests_.emplace(id, own);
  write_link(jsonrpc::request(id, method, params));
}

/// An id for a request of our own: an integer below 2^53, since some backends mangle strings. Drawn
/// from the upper half of that range, so that a host that counts up from 0 never comes near it.
std::string Session::own_id() {
  for (;;) {
    std::string id =
        std::to_string(random_.between(std::uint64_t{1} << 52U, (std::uint64_t{1} << 53U) - 1));
    if (pending_.find(id) == nullptr && !own_requests_.contains(id)) return id;
  }
}

void Session::write_link(std::string text) {
  link_unwritten_ += text.size();
  out_->emplace_back(action::WriteLink{epoch(), std::move(text)});
}

}  // namespace shim
