#include "tests/fuzz/session_books.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/strict_json.hpp"

namespace fuzz {

namespace jsonrpc = shim::jsonrpc;

SessionBooks::Id& SessionBooks::owe(std::string_view id, const shim::PendingTable& pending) {
  Id& entry = ids_[jsonrpc::token_key(id)];
  if (pending.find(id) == nullptr) entry.writes_now = 0;
  return entry;
}

void SessionBooks::owe_request(const jsonrpc::Message& request, const shim::PendingTable& pending) {
  ++nameless_;  // what cannot be answered under its id may be answered under none
  Id& entry = owe(request.id, pending);
  ++entry.requests;
  if (goes_out_once(request.method)) ++entry.once_requests;
}

void SessionBooks::owe_other(std::string_view id, const shim::PendingTable& pending) {
  ++nameless_;
  if (!id.empty()) ++owe(id, pending).others;
}

void SessionBooks::host_says(std::string_view text, const shim::PendingTable& pending) {
  largest_ = std::max(largest_, text.size());
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  switch (reader.read(text, message)) {
    case jsonrpc::Read::invalid: {
      shim::IdScanner scanner;
      scanner.feed(text);
      host_says_too_much(scanner, pending);
      return;
    }
    case jsonrpc::Read::refused: {
      owe_other(message.usable_id(), pending);
      if (!message.usable_id().empty()) return;
      shim::IdScanner scanner;
      scanner.feed(text);
      host_says_too_much(scanner, pending);
      return;
    }
    case jsonrpc::Read::batch: {
      const auto elements = reader.elements();
      if (elements.empty()) owe_other({}, pending);
      for (const std::string_view element : elements) {
        if (element.starts_with('[')) {
          owe_other({}, pending);
        } else {
          host_says(element, pending);
        }
      }
      return;
    }
    case jsonrpc::Read::message: break;
  }
  if (message.kind == jsonrpc::Kind::request) owe_request(message, pending);
  if (message.kind == jsonrpc::Kind::other) owe_other(message.usable_id(), pending);
  if (message.method == "notifications/cancelled" && !message.request_id.empty())
    ids_[jsonrpc::token_key(message.request_id)].cancelled = true;
}

void SessionBooks::host_says_too_much(const shim::IdScanner& found,
                                      const shim::PendingTable& pending) {
  owe_other({}, pending);
  for (const shim::IdScanner::Found& message : found.messages())
    if (!message.ids.empty()) owe_other(message.ids.back(), pending);
}

void SessionBooks::host_hears(std::string_view line, bool forged) {
  SHIM_CHECK(line.find_first_of("\r\n") == std::string_view::npos);
  SHIM_CHECK(StrictJson::accepts(line, jsonrpc::depth_max + 4));
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  SHIM_CHECK(reader.read(line, message) == jsonrpc::Read::message);
  SHIM_CHECK(message.kind != jsonrpc::Kind::other);
  if (message.kind == jsonrpc::Kind::request) {
    SHIM_CHECK(message.id.starts_with("\"mcp-ws-shim:"));
    SHIM_CHECK(asked_of_host_.emplace(message.id).second);
  }
  if (message.kind != jsonrpc::Kind::response) return;
  if (message.id == "null") {
    SHIM_CHECK(++nameless_answers_ <= nameless_);
    return;
  }
  const auto entry = ids_.find(jsonrpc::token_key(message.id));
  SHIM_CHECK(entry != ids_.end());
  Id& id = entry->second;
  SHIM_CHECK(++id.answers <= id.requests + id.others);
  if (!forged) check_own_answer(line, id);
}

/// `delivered: false` is a promise that nothing has reached the backend.
void SessionBooks::check_own_answer(std::string_view line, const Id& id) const {
  if (line.find(R"("delivered":false)") == std::string_view::npos) return;
  SHIM_CHECK(id.writes_now == 0);
}

/// What must not be carried out twice (contract 5.3).
bool SessionBooks::goes_out_once(std::string_view method) const {
  if (settings_.replay == shim::Replay::always) return false;
  return method == "x/other" || method == "sampling/createMessage" ||
         (method == "tools/call" && settings_.replay == shim::Replay::never);
}

void SessionBooks::backend_hears(std::string_view text) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  SHIM_CHECK(reader.read(text, message) == jsonrpc::Read::message);
  SHIM_CHECK(message.kind != jsonrpc::Kind::other);
  if (message.kind != jsonrpc::Kind::request) return;
  const auto entry = ids_.find(jsonrpc::token_key(message.id));
  if (entry == ids_.end()) return;  // the shim's own
  Id& id = entry->second;
  ++id.writes_now;
  if (goes_out_once(message.method)) SHIM_CHECK(++id.once_writes <= id.once_requests);
}

void SessionBooks::close() const {
  for (const auto& [key, id] : ids_) {
    if (!id.cancelled) SHIM_CHECK(id.answers >= id.requests);
  }
}

}  // namespace fuzz
