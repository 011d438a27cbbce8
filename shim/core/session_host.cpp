// Messages from the host, and answers to it (contract 3 and 5.0).

#include <optional>
#include <utility>

#include "common/check.hpp"
#include "common/mcp.hpp"
#include "common/text.hpp"
#include "common/units.hpp"
#include "shim/core/session.hpp"

namespace shim {

namespace {

/// Whether learn() needs the parameters of such a request once it is answered.
bool changes_the_session(mcp::Method method) {
  return method == mcp::Method::set_level || method == mcp::Method::resources_subscribe ||
         method == mcp::Method::resources_unsubscribe;
}

}  // namespace

void Session::host_message(std::string text) {
  Message message;
  switch (reader_.read(text, message)) {
    case jsonrpc::Read::invalid:
      refuse_line(text, {}, jsonrpc::parse_error, "this line is not valid UTF-8 JSON");
      return;
    case jsonrpc::Read::refused:
      refuse_line(text, message, jsonrpc::invalid_request,
                  "the message was not passed on: " + std::string(reader_.refusal()));
      return;
    case jsonrpc::Read::batch: {
      std::vector<std::string> elements = jsonrpc::take_apart(std::move(text), reader_.elements());
      if (elements.empty()) refuse("null", jsonrpc::invalid_request, "the batch is empty");
      for (std::string& element : elements) {
        if (element.starts_with('[')) {
          refuse("null", jsonrpc::invalid_request, "a batch inside a batch");
        } else {
          host_message(std::move(element));
        }
      }
      return;
    }
    case jsonrpc::Read::message: break;
  }
  trace("host", message, text.size());
  switch (message.kind) {
    case jsonrpc::Kind::request: host_request(std::move(text), message); return;
    case jsonrpc::Kind::notification: host_notification(std::move(text), message); return;
    case jsonrpc::Kind::response: host_response(std::move(text), message); return;
    case jsonrpc::Kind::other: break;
  }
  refuse_line(text, message, jsonrpc::invalid_request, "this is JSON, but no JSON-RPC 2.0 message");
}

/// A line that cannot be passed on. `message`: what has been found in it, as far as it could be
/// read.
void Session::refuse_line(std::string_view text, const Message& message, int code,
                          std::string_view said) {
  std::vector<IdScanner::Found> found;
  if (!message.usable_id().empty()) {
    found.push_back({.ids = {std::string(message.id)},
                     .has_method = !message.method.empty(),
                     .has_outcome = !message.result.empty() || !message.error.empty()});
  } else {
    IdScanner scanner;
    scanner.feed(text);
    found = scanner.messages();
  }
  refuse_unread(found, said,
                [&](std::string_view id, std::string_view) { refuse(id, code, said); });
}

/// What cannot be passed on held these messages: whoever waits for one of them is told, the host
/// by `tell`, under no id if it waits for none of them.
void Session::refuse_unread(
    const std::vector<IdScanner::Found>& found, std::string_view said,
    const std::function<void(std::string_view id, std::string_view method)>& tell) {
  bool told = false;
  for (const IdScanner::Found& message : found) {
    if (message.ids.empty()) continue;
    const std::string& id = message.ids.back();
    if (BackendRequests::is_ours(id)) {
      // An answer: then it is the backend that waits. An error under this id would be an answer of
      // ours to ourselves.
      drop(Drop::bad_host_answer);
      told = true;
      const auto open = message.is_answer() ? backend_requests_.close(id) : std::nullopt;
      if (open && open->epoch == epoch() && supervisor_.link_open())
        write_link(
            jsonrpc::error_answer(open->backend_id, jsonrpc::internal_error,
                                  "the host's answer cannot be passed on: " + std::string(said)));
    } else if (pending_.find(id) == nullptr) {  // else it gets its own answer
      tell(id, message.method);
      told = true;
    }
  }
  if (!told) tell("null", {});
}

void Session::handle(event::HostLineTooLong& event) {
  const std::string limit = format_size(settings_.max_message);
  warn(long_line_log_, "a line from the host was skipped: longer than " + limit);
  const std::string said =
      "the message is longer than " + limit + " (--max-message); it was not sent";
  refuse_unread(event.found.messages(), said, [&](std::string_view id, std::string_view method) {
    Request request;
    request.id = id;
    if (reads_mcp()) request.method = mcp::method(method);
    // What its `_meta` says is not known; but a host that has not sent initialize is of the modern
    // era.
    if (!legacy_era_) request.version = "unknown";
    settle(request, Reason::message_too_large, said);
  });
}

void Session::host_request(std::string text, const Message& message) {
  const mcp::Method method = reads_mcp() ? mcp::method(message.method) : mcp::Method::other;
  const Request* const same = pending_.find(message.id);
  if (same != nullptr || (own_requests_.contains(message.id) && method != mcp::Method::ping)) {
    const bool delivered = same != nullptr && (same->in_flight() || same->sent_before);
    refuse(message.id, jsonrpc::invalid_request, "a request with this id is still pending",
           delivered);
    return;
  }
  if (method == mcp::Method::ping) {
    // Always ours to answer: a host pings to learn whether this process is well.
    write_host(jsonrpc::result_answer(message.id, "{}"));
    return;
  }
  Request request = request_of(message, method);
  // A host that is refused initialize marks the server as failed.
  const bool is_first_initialize =
      method == mcp::Method::initialize && pending_.find(initialize_id_) == nullptr;
  if (!is_first_initialize && !has_room(text.size(), request.is_subscription())) {
    supervisor_.wanted(now_);
    settle(request, Reason::queue_full,
           "Too much is waiting for the MCP backend already. This was not carried out; it can be "
           "tried again later.");
    return;
  }
  if (method == mcp::Method::initialize) {
    begin_session(message);
  } else if (request.modern()) {
    modern_era_ = true;
  }
  const std::string id = request.id;
  const std::uint64_t order = request.order;
  if (!supervisor_.ready()) offer_offline(request);
  const bool added = pending_.add(std::move(request)) == PendingTable::Added::ok;
  SHIM_CHECK(added);
  enqueue(std::move(text), id, order, 0);
  expect_keepalive();
  supervisor_.wanted(now_);
}

/// What is to be known of a request for as long as it is pending.
Request Session::request_of(const Message& message, mcp::Method method) {
  Request request;
  request.id = message.id;
  request.method = method;
  request.has_cursor = !message.cursor.empty() && message.cursor != "null";
  request.accepted = now_;
  request.order = ++last_order_;
  if (!reads_mcp()) return request;
  request.version = jsonrpc::unquote(message.meta_protocol_version);
  if (jsonrpc::is_string_or_number(message.meta_progress_token))
    request.progress_token = message.meta_progress_token;
  if (request.modern()) {
    const int severity = mcp::log_severity(jsonrpc::unquote(message.meta_log_level));
    if (severity >= 0) request.log_severity = severity;
  }
  request.replayable = may_replay(request, message);
  if (request.replayable && settings_.replay == Replay::safe && method == mcp::Method::tools_call)
    request.tool = jsonrpc::unquote(message.name);
  return request;
}

/// The host's `initialize` replaces what was known of an earlier session.
void Session::begin_session(const Message& initialize) {
  legacy_era_ = true;
  initialize_id_ = initialize.id;
  minimal_given_ = owes_changes_ = false;
  initialized_order_ = 0;
  // A backend may refuse to begin a second session and go on with the first.
  if (legacy_.is_established()) former_.emplace(std::move(legacy_), std::move(legacy_lists_));
  legacy_lists_ = Lists();
  heartbeats_asked_in_ = 0;  // the backend may begin its session anew, with a level of its own
  liveness_.forget_heartbeats();
  legacy_.begin(jsonrpc::unquote(initialize.protocol_version));
}

void Session::host_notification(std::string text, const Message& message) {
  const mcp::Method method = reads_mcp() ? mcp::method(message.method) : mcp::Method::other;
  switch (method) {
    case mcp::Method::cancelled: host_cancelled(std::move(text), message); return;
    case mcp::Method::initialized:
      legacy_.host_initialized();
      if (legacy_.is_established()) {
        // On any other link the resuming of the session sends it.
        if (!supervisor_.ready()) return;
        enqueue(std::move(text), {}, ++last_order_, epoch());
        request_heartbeats();
        return;
      }
      break;
    case mcp::Method::roots_list_changed:
      // One that waits says as much as two.
      if (supervisor_.ready()) break;
      if (queued_roots_change_) outbox_.remove(*std::exchange(queued_roots_change_, std::nullopt));
      break;
    case mcp::Method::progress:
      // About a request of the backend; without its link there is no such request any more.
      if (!supervisor_.ready()) {
        drop(Drop::unsendable_notification);
        return;
      }
      break;
    default: break;
  }
  if (!has_room(text.size(), false)) {
    drop(Drop::unsendable_notification);
    return;
  }
  ++last_order_;
  // Sent ahead of the answer to initialize, it has to be sent again whenever that is.
  if (method == mcp::Method::initialized) initialized_order_ = last_order_;
  if (method == mcp::Method::roots_list_changed && !supervisor_.ready())
    queued_roots_change_ = last_order_;
  enqueue(std::move(text), {}, last_order_, 0);
}

void Session::host_cancelled(std::string text, const Message& message) {
  const Request* const request = pending_.find(message.request_id);
  // MCP forbids to cancel initialize; its answer is what the whole session hangs on.
  if (request == nullptr || request->method == mcp::Method::initialize) {
    drop(Drop::unknown_cancel);
    return;
  }
  const bool forward = request->in_flight();
  outbox_.remove(request->order);
  pending_.remove(message.request_id);
  if (forward) enqueue(std::move(text), {}, ++last_order_, epoch());
}

void Session::host_response(std::string text, const Message& message) {
  const auto open = backend_requests_.close(message.id);
  if (!open || open->epoch != epoch() || !supervisor_.link_open()) {
    drop(Drop::stale_host_answer);
    return;
  }
  jsonrpc::splice_in_place(text, message.id, open->backend_id);
  if (supervisor_.ready()) {
    enqueue(std::move(text), {}, ++last_order_, epoch());
  } else {
    write_link(std::move(text));  // the backend may need it before it answers our initialize
  }
}

void Session::refuse(std::string_view id, int code, std::string_view said, bool delivered) {
  log(LogLevel::debug, "refused a line of the host: " + std::string(said));
  write_host(refusal(id, code, said, delivered));
}

/// Whether one more message can be taken. Text of any size fits where nothing is yet.
bool Session::has_room(std::size_t bytes, bool is_subscription) const {
  const auto fits = [&](std::size_t used) {
    return used == 0 || used + bytes <= settings_.queue_bytes;
  };
  // It is kept for as long as it lives, whether or not the backend is there.
  if (is_subscription && !fits(pending_.subscription_bytes())) return false;
  if (supervisor_.ready()) return true;
  return outbox_.count() < settings_.queue_max &&
         fits(outbox_.cost_bytes() + (outbox_.empty() ? 0 : pending_.name_bytes()));
}

/// Whether what is enqueued under this order number, and as a request if it has an id, is never
/// given up: `initialize`, what follows it, and live subscriptions.
bool Session::waits_for_ever(std::uint64_t order, std::string_view request_id) const {
  if (request_id.empty()) return order == initialized_order_;
  return pending_.find(request_id)->waits_for_ever();
}

/// Whether the request may be sent again after a loss (contract 5.3).
bool Session::may_replay(const Request& request, const Message& message) const {
  switch (settings_.replay) {
    case Replay::never: return false;
    case Replay::always: return true;
    case Replay::safe: break;
  }
  if (request.method == mcp::Method::tools_call)
    return lists(request.modern()).may_repeat(jsonrpc::unquote(message.name));
  return mcp::is_repeatable(request.method);
}

void Session::enqueue(std::string text, std::string_view request_id, std::uint64_t order,
                      Epoch only_for) {
  Outbox::Item item{
      .text = std::move(text), .request_id = std::string(request_id), .only_for = only_for};
  if (supervisor_.ready() && outbox_.empty() && link_unwritten_ < link_window_bytes) {
    send(std::move(item));
    return;
  }
  const bool is_limited = settings_.queue_timeout > Duration::zero() && !supervisor_.ready() &&
                          !waits_for_ever(order, request_id);
  if (is_limited) item.deadline = now_ + settings_.queue_timeout;
  outbox_.push(order, std::move(item));
}

void Session::flush() {
  while (supervisor_.ready() && !outbox_.empty() && link_unwritten_ < link_window_bytes) {
    send(outbox_.pop());
  }
}

void Session::send(Outbox::Item item) {
  if (!item.request_id.empty()) {
    Request* const request = pending_.find(item.request_id);
    SHIM_CHECK(request != nullptr);
    const bool keep =
        request->waits_for_ever() ||
        ((changes_the_session(request->method) || (request->replayable && !request->replayed)) &&
         (pending_.kept_bytes() == 0 ||
          pending_.kept_bytes() + item.text.size() <= settings_.queue_bytes));
    pending_.sent(*request, epoch(), keep ? item.text : std::string(), now_);
    if (request->method == mcp::Method::set_level)
      item.text = with_heartbeats(std::move(item.text));
  }
  write_link(std::move(item.text));
}

/// What the host asks of the log is ours to keep; heartbeats come at level debug.
std::string Session::with_heartbeats(std::string set_level) {
  Message message;
  if (!settings_.request_heartbeats || heartbeats_asked_in_ != epoch() ||
      reader_.read(set_level, message) != jsonrpc::Read::message || message.level.empty())
    return set_level;
  jsonrpc::splice_in_place(set_level, message.level, R"("debug")");
  return set_level;
}

void Session::write_host(std::string line) {
  host_told_at_ = now_;
  host_unwritten_ += line.size() + 1;
  out_->emplace_back(action::WriteHost{std::move(line)});
}

void Session::settle(const Request& request, Reason reason, std::string_view said) {
  if (request.sent_before && reason != Reason::bad_backend_message &&
      reason != Reason::request_timeout) {
    // Whatever keeps it from being sent again: it may have been carried out the first time.
    reason = Reason::outcome_unknown;
    said = lost_while_running;
  }
  ++counters_.settled[static_cast<std::size_t>(reason)];
  write_host(failure(request, reason, said,
                     {.attempt = supervisor_.failed_attempts(),
                      .down = supervisor_.down_for(now_),
                      .last_error = supervisor_.ready() ? std::string() : supervisor_.last_error()},
                     settings_.tool_errors));
}

}  // namespace shim
