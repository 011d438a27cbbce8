// Messages from the backend (contract 5.0, 5.1, 5.2 and 11).

#include <algorithm>
#include <utility>

#include "common/mcp.hpp"
#include "common/raw_json.hpp"
#include "common/text.hpp"
#include "shim/core/session.hpp"

namespace shim {
namespace {

/// How long a backend that ends subscriptions may take to go away: what `docker stop` gives it.
constexpr Duration farewell_time = std::chrono::seconds(10);
/// The longest that a last word may be to be held back.
constexpr std::size_t last_word_bytes_max = std::size_t{4} << 10U;

}  // namespace

void Session::backend_message(std::string text) {
  Message message;
  switch (reader_.read(text, message)) {
    case jsonrpc::Read::invalid: backend_invalid(text, {}, "it is not valid UTF-8 JSON"); return;
    case jsonrpc::Read::refused: backend_invalid(text, message, reader_.refusal()); return;
    case jsonrpc::Read::batch: {
      std::vector<std::string> elements = jsonrpc::take_apart(std::move(text), reader_.elements());
      for (std::string& element : elements) {
        if (element.starts_with('[')) {
          drop(Drop::bad_backend_message, "a batch inside a batch");
        } else if (!finished() && supervisor_.link_open()) {
          backend_message(std::move(element));
        }
      }
      return;
    }
    case jsonrpc::Read::message: break;
  }
  trace("backend", message, text.size());
  switch (message.kind) {
    case jsonrpc::Kind::request: backend_request(std::move(text), message); return;
    case jsonrpc::Kind::notification: backend_notification(std::move(text), message); return;
    case jsonrpc::Kind::response: backend_response(std::move(text), message); return;
    case jsonrpc::Kind::other:
      backend_invalid(text, message, "it is JSON, but not JSON-RPC 2.0");
      return;
  }
}

/// `message`: what has been found in the text, as far as it could be read.
void Session::backend_invalid(std::string_view text, const Message& message, std::string_view why) {
  drop(Drop::bad_backend_message, std::to_string(text.size()) + " bytes; " + std::string(why));
  const std::string flaw = "was not a valid message (" + std::string(why) + ")";
  const bool is_answer =
      message.method.empty() || !message.result.empty() || !message.error.empty();
  const std::string id(message.usable_id());
  if (is_answer && !id.empty() && settle_bad_answer(id, flaw)) return;
  IdScanner scanner;
  scanner.feed(text);
  settle_bad_answers(scanner.messages(), flaw);
}

/// What cannot be passed on held these messages: whoever waits for one of them is told.
void Session::settle_bad_answers(const std::vector<IdScanner::Found>& found,
                                 std::string_view flaw) {
  for (const IdScanner::Found& message : found) {
    if (!supervisor_.link_open()) return;
    if (!message.is_answer()) continue;
    static_cast<void>(std::ranges::any_of(
        message.ids, [&](const std::string& id) { return settle_bad_answer(id, flaw); }));
  }
}

/// Returns whether anybody waits for an answer under this id, and now has one. `flaw` says what is
/// wrong with the answer, and begins with "was".
bool Session::settle_bad_answer(std::string_view id, std::string_view flaw) {
  const Request* const request = pending_.find(id);
  if (request != nullptr && request->sent_in == epoch()) {
    settle(pending_.remove(id), Reason::bad_backend_message,
           "The MCP backend's answer to this " + std::string(flaw) +
               " and cannot be shown. It has probably been carried out.");
    return true;
  }
  const auto own = own_requests_.find(id);
  if (own == own_requests_.end()) return false;
  if (own->second.purpose == OwnRequest::Purpose::initialize) {
    lose_link({.cause = Cause::resume_refused,
               .detail = "the answer to initialize " + std::string(flaw)});
  } else {
    own_requests_.erase(own);
    warn(invalid_own_log_,
         "the backend's answer to a request of the shim's own " + std::string(flaw));
  }
  return true;
}

void Session::backend_response(std::string text, const Message& message) {
  if (own_requests_.contains(message.id)) {
    own_answered(message);
    return;
  }
  Request* const request = pending_.find(message.id);
  if (request == nullptr || request->sent_in != epoch()) {
    drop(Drop::unknown_answer, "id " + printable(message.id, 64));
    return;
  }
  if (!message.result.empty() && hold_end(*request, text)) return;
  Request answered = pending_.remove(message.id);
  if (!message.result.empty()) {
    learn(answered, message);
  } else if (answered.method == mcp::Method::initialize && former_ && !legacy_.is_established()) {
    legacy_ = std::move(former_->first);
    legacy_lists_ = std::move(former_->second);
    former_.reset();
  }
  jsonrpc::flatten(text);
  write_host(std::move(text));
}

/// A backend that shuts down ends its subscriptions before it closes the link, with a result or
/// with a cancellation (MCP 2026-07-28, Subscriptions). They go on at the next link, and a host
/// does not subscribe again by itself, so it hears of the end only if the link outlives it. Takes
/// `text` and returns true if that is to be seen.
bool Session::hold_end(Request& request, std::string& text) {
  if (!request.is_subscription() || !request.acknowledged || !supervisor_.ready()) return false;
  if (!request.last_word.empty()) return true;  // one is enough
  if (text.size() > last_word_bytes_max) return false;
  log(LogLevel::debug, "the backend ended a subscription; is it going away?");
  jsonrpc::flatten(text);
  pending_.hold(request, std::move(text), now_ + farewell_time);
  return true;
}

void Session::pass_on_ends() {
  while (const Request* const ended = pending_.ended(now_))
    write_host(pending_.remove(ended->id).last_word);
}

/// A backend takes back a request of its own, or ends a subscription of the host's.
void Session::backend_cancelled(std::string text, const Message& message) {
  if (const auto open = backend_requests_.cancel(message.request_id)) {
    jsonrpc::splice_in_place(text, message.request_id, open->host_id);
  } else {
    Request* const request = pending_.find(message.request_id);
    if (request == nullptr || !request->is_subscription() || request->sent_in != epoch()) {
      drop(Drop::unknown_cancel);
      return;
    }
    if (hold_end(*request, text)) return;
    pending_.remove(message.request_id);
  }
  jsonrpc::flatten(text);
  write_host(std::move(text));
}

/// What a successful answer tells about the session, for the links to come and for the cache.
void Session::learn(Request& request, const Message& answer) {
  if (const auto kind = list_kind(request.method)) {
    show_list(request, *kind, answer.result, epoch());
    if (!request.has_cursor && is_complete_list(answer.result)) {
      remember(cache_version(request), list_method(*kind), answer.result);
    }
    return;
  }
  switch (request.method) {
    case mcp::Method::initialize: {
      auto facts = InitializeFacts::read(answer.result);
      if (!facts) {
        warn(no_version_log_, "the backend's initialize result names no protocol version (" +
                                  std::to_string(answer.result.size()) + " bytes)");
        return;
      }
      former_.reset();
      legacy_.established(std::move(request.kept_text), std::move(*facts));
      request_heartbeats();
      // A host that has sent another one meanwhile may have asked for another version in it.
      if (request.id == initialize_id_)
        remember(legacy_.requested_version(), "initialize", answer.result);
      return;
    }
    case mcp::Method::discover:
      learn_discovered(answer.result);
      remember(request.version, "server/discover", answer.result);
      return;
    case mcp::Method::set_level:
      if (heartbeats_asked_in_ != epoch()) liveness_.forget_heartbeats();
      learn_setting(request);
      return;
    case mcp::Method::resources_subscribe:
    case mcp::Method::resources_unsubscribe: learn_setting(request); return;
    default: return;
  }
}

/// What the host knows of a backend of the modern era.
void Session::learn_discovered(std::string_view result) {
  const std::string_view capabilities = raw_json::member(result, "capabilities");
  modern_has_logging_ = !raw_json::member(capabilities, "logging").empty();
}

/// Notes what the host has set, so that the next link can be told. The parameters are those of the
/// request itself; if its text was not kept, since too much is, it is not restored.
void Session::learn_setting(const Request& request) {
  jsonrpc::Reader reader;
  Message asked;
  if (request.modern()) return;
  if (reader.read(request.kept_text, asked) != jsonrpc::Read::message) {
    warn(subscriptions_log_,
         "too much is in flight: what the host has just set will not survive a "
         "restart of the backend");
    return;
  }
  const std::string uri = jsonrpc::unquote(asked.uri);
  if (request.method == mcp::Method::set_level) {
    legacy_.level_set(asked.params);
  } else if (request.method == mcp::Method::resources_unsubscribe) {
    legacy_.unsubscribed(uri);
  } else if (!legacy_.subscribed(uri, asked.params)) {
    warn(subscriptions_log_, "too many subscriptions: this one will not survive a restart");
  }
}

void Session::backend_request(std::string text, const Message& message) {
  // The modern era knows no requests of the server (MCP 2026-07-28).
  if (is_mcp() && modern_era_ && !legacy_era_) {
    drop(Drop::unexpected_request, "modern era");
    return;
  }
  const auto host_id = backend_requests_.open(message.id, epoch());
  if (!host_id) {
    drop(Drop::unexpected_request, "too many open");
    // A backend that goes on asking and does not read goes without an answer.
    if (link_unwritten_ < link_window_bytes) {
      write_link(jsonrpc::error_answer(message.id, jsonrpc::internal_error,
                                       "too many requests to the host are open, or this id is"));
    }
    return;
  }
  jsonrpc::splice_in_place(text, message.id, *host_id);
  jsonrpc::flatten(text);
  write_host(std::move(text));
}

void Session::backend_progress(std::string text, const Message& message) {
  ProgressTokens& tokens = pending_.tokens();
  if (!tokens.contains(message.progress_token)) {
    drop(Drop::unknown_progress);
    return;
  }
  const std::string value = tokens.reported(message.progress_token, message.progress, now_);
  if (!value.empty()) jsonrpc::splice_in_place(text, message.progress, value);
  jsonrpc::flatten(text);
  write_host(std::move(text));
}

/// Heartbeats are for us (contract 7), and so are log messages that only came because we asked for
/// heartbeats.
bool Session::is_for_the_shim(const Message& log_message) {
  if (jsonrpc::unquote(log_message.logger) == "heartbeat") {
    ++counters_.heartbeats;
    liveness_.heartbeat(now_);
    return !settings_.forward_heartbeats;
  }
  if (heartbeats_asked_in_ != epoch()) return false;
  const int severity = mcp::log_severity(jsonrpc::unquote(log_message.level));
  const bool wanted = severity < 0 || severity >= mcp::log_severity(legacy_.log_level()) ||
                      (modern_era_ && pending_.oldest([severity](const Request& request) {
                        return request.log_severity <= severity;
                      }) != nullptr);
  if (!wanted) ++counters_.filtered_logs;
  return !wanted;
}

void Session::backend_notification(std::string text, const Message& message) {
  const mcp::Method method = reads_mcp() ? mcp::method(message.method) : mcp::Method::other;
  if (method == mcp::Method::log_message && is_for_the_shim(message)) return;
  // Who has sent a progress token speaks MCP, whatever came before.
  const bool is_asked_progress =
      method == mcp::Method::progress && pending_.tokens().contains(message.progress_token);
  if (is_mcp() || is_asked_progress) {
    switch (method) {
      case mcp::Method::progress: backend_progress(std::move(text), message); return;
      case mcp::Method::cancelled: backend_cancelled(std::move(text), message); return;
      case mcp::Method::subscription_acknowledged:
        if (is_repeated_acknowledgement(message)) return;
        break;
      default: note_announcement(message); break;
    }
  }
  jsonrpc::flatten(text);
  write_host(std::move(text));
}

/// The backend announces a change itself: what we find out later is no news.
void Session::note_announcement(const Message& message) {
  for (const ListKind kind : list_kinds) {
    const std::string_view method = list_changed_method(kind);
    if (message.method == method) announced_.emplace(method, !message.meta_subscription_id.empty());
  }
}

/// Contract 5.2: the host has seen the first acknowledgement of a subscription; those of later
/// links stay here.
bool Session::is_repeated_acknowledgement(const Message& message) {
  Request* const request = pending_.find(message.meta_subscription_id);
  if (request == nullptr || !request->is_subscription()) return false;
  const bool is_repeated = std::exchange(request->acknowledged, true);
  compare_subscribed_lists(*request);
  return is_repeated;
}

}  // namespace shim
