// Messages from the backend (contract 5.0, 5.1 and 11), and the resuming of a session on a new
// link.

#include <utility>

#include "common/mcp.hpp"
#include "common/text.hpp"
#include "shim/core/session.hpp"

namespace shim {

void Session::backend_message(std::string text) {
  Message message;
  switch (reader_.read(text, message)) {
    case jsonrpc::Read::invalid:
    case jsonrpc::Read::refused: backend_invalid(text); return;
    case jsonrpc::Read::batch: {
      const std::vector<std::string> elements(reader_.elements().begin(), reader_.elements().end());
      for (const std::string& element : elements) {
        if (element.starts_with('[')) {
          drop(Drop::bad_backend_message, "a batch inside a batch");
        } else if (!finished() && supervisor_.link_open()) {
          backend_message(element);
        }
      }
      return;
    }
    case jsonrpc::Read::message: break;
  }
  switch (message.kind) {
    case jsonrpc::Kind::request: backend_request(std::move(text), message); return;
    case jsonrpc::Kind::notification: backend_notification(std::move(text), message); return;
    case jsonrpc::Kind::response: backend_response(std::move(text), message); return;
    case jsonrpc::Kind::other: backend_invalid(text); return;
  }
}

void Session::backend_invalid(std::string_view text) {
  drop(Drop::bad_backend_message, std::to_string(text.size()) + " bytes");
  IdScanner scanner;
  scanner.feed(text);
  if (!scanner.has_method()) settle_bad_answer(scanner.ids());
}

/// A message that cannot be passed on held these ids: whoever waits for one of them is told.
void Session::settle_bad_answer(const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    const Request* const request = pending_.find(id);
    if (request == nullptr || request->sent_in != epoch()) continue;
    settle(pending_.remove(id), Reason::bad_backend_message,
           "The MCP backend's answer to this was not a valid message and cannot be shown. It has "
           "probably been carried out.");
    return;
  }
  for (const std::string& id : ids) {
    const auto own = own_requests_.find(id);
    if (own == own_requests_.end()) continue;
    if (own->second == Own::restore) {
      own_requests_.erase(own);
      log(LogLevel::warn,
          "the backend's answer to restoring a subscription or the log level was not valid");
      return;
    }
    lose_link({.cause = Cause::resume_refused, .detail = "the answer to initialize was not valid"});
    return;
  }
}

void Session::backend_response(std::string text, const Message& message) {
  if (const auto own = own_requests_.find(message.id); own != own_requests_.end()) {
    const Own purpose = own->second;
    own_requests_.erase(own);
    if (purpose == Own::initialize) {
      resume_answered(message);
    } else if (!message.error.empty()) {
      log(LogLevel::warn, "the backend refused to restore a subscription or the log level: " +
                              printable(message.error));
    }
    return;
  }
  const Request* const request = pending_.find(message.id);
  if (request == nullptr || request->sent_in != epoch()) {
    drop(Drop::unknown_answer, "id " + printable(message.id, 64));
    return;
  }
  if (!message.result.empty()) learn(*request, message, text);
  pending_.remove(message.id);
  jsonrpc::flatten(text);
  write_host(std::move(text));
}

/// What a successful answer tells about the session, for the links to come.
void Session::learn(const Request& request, const Message& answer, const std::string& text) {
  // The parameters of the request itself: kept_text is there for every method looked at here,
  // unless too much is kept or replay is off, in which case the setting is just not restored.
  const auto params_of = [&request](Message& message, jsonrpc::Reader& reader) {
    return reader.read(request.kept_text, message) == jsonrpc::Read::message;
  };
  switch (request.method) {
    case mcp::Method::initialize: {
      if (answer.result_protocol_version.starts_with('"')) {
        legacy_.established(answer.result_protocol_version);
      } else {
        log(LogLevel::warn,
            "the backend's initialize result names no protocol version: " + printable(text));
      }
      return;
    }
    case mcp::Method::set_level:
    case mcp::Method::resources_subscribe:
    case mcp::Method::resources_unsubscribe: {
      jsonrpc::Reader reader;
      Message asked;
      if (!params_of(asked, reader)) return;
      const std::string uri = jsonrpc::unquote(asked.uri);
      if (request.method == mcp::Method::set_level) {
        legacy_.level_set(asked.params);
      } else if (request.method == mcp::Method::resources_unsubscribe) {
        legacy_.unsubscribed(uri);
      } else if (!legacy_.subscribed(uri, asked.params)) {
        log(LogLevel::warn, "too many subscriptions: this one will not survive a restart");
      }
      return;
    }
    default: return;
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
    write_link(jsonrpc::error_answer(message.id, jsonrpc::internal_error,
                                     "too many requests to the host are open, or this id is"));
    return;
  }
  text = jsonrpc::splice(text, message.id, *host_id);
  jsonrpc::flatten(text);
  write_host(std::move(text));
}

void Session::backend_notification(std::string text, const Message& message) {
  if (is_mcp()) {
    switch (mcp::method(message.method)) {
      case mcp::Method::progress:
        if (!pending_.expects_progress(message.progress_token)) {
          drop(Drop::unknown_progress);
          return;
        }
        break;
      case mcp::Method::cancelled: {
        const auto open = backend_requests_.cancel(message.request_id);
        if (!open) {
          drop(Drop::unknown_cancel);
          return;
        }
        text = jsonrpc::splice(text, message.request_id, open->host_id);
        break;
      }
      default: break;
    }
  }
  jsonrpc::flatten(text);
  write_host(std::move(text));
}

/// Contract 5.1: before any other traffic a new link is told what the session is.
void Session::start_resume() {
  if (!legacy_.is_established()) {
    complete_resume();
    return;
  }
  const std::string id = own_id();
  own_requests_.emplace(id, Own::initialize);
  write_link(legacy_.resume_initialize(id));
}

void Session::resume_answered(const Message& answer) {
  if (!legacy_.is_established()) {  // the host has begun a new session meanwhile
    complete_resume();
    return;
  }
  if (!answer.error.empty()) {
    lose_link({.cause = Cause::resume_refused,
               .detail = "the backend refused to initialize again: " + printable(answer.error)});
    return;
  }
  const std::string_view version = answer.result_protocol_version;
  if (jsonrpc::token_key(version) != jsonrpc::token_key(legacy_.protocol_version())) {
    lose_link({.cause = Cause::incompatible,
               .detail = "the session uses protocol version " + legacy_.protocol_version() +
                         ", the backend now answers " +
                         (version.empty() ? "none" : printable(version, 64))});
    return;
  }
  if (legacy_.is_initialized()) write_link(jsonrpc::notification("notifications/initialized"));
  for (const LegacySession::Step& step : legacy_.steps()) {
    const std::string id = own_id();
    own_requests_.emplace(id, Own::restore);
    write_link(jsonrpc::request(id, step.method, step.params));
  }
  complete_resume();
}

void Session::complete_resume() {
  ++counters_.links_ready;
  supervisor_.resumed(now_, *out_);
  flush();
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
