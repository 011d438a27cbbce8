// Invariant: the reader accepts what a strict reader accepts; a splice changes nothing but its
// part.

#include <array>
#include <nlohmann/json.hpp>

#include "common/json_value.hpp"
#include "common/jsonrpc.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/strict_json.hpp"

namespace {

namespace jsonrpc = shim::jsonrpc;
using jsonrpc::Message;
using jsonrpc::Read;
using nlohmann::json;

struct Part {
  std::string_view Message::*member;
  const char* path;
};
constexpr std::array<Part, 22> parts{{
    {&Message::jsonrpc, "/jsonrpc"},
    {&Message::id, "/id"},
    {&Message::params, "/params"},
    {&Message::result, "/result"},
    {&Message::error, "/error"},
    {&Message::error_code, "/error/code"},
    {&Message::error_message, "/error/message"},
    {&Message::result_protocol_version, "/result/protocolVersion"},
    {&Message::name, "/params/name"},
    {&Message::uri, "/params/uri"},
    {&Message::level, "/params/level"},
    {&Message::logger, "/params/logger"},
    {&Message::cursor, "/params/cursor"},
    {&Message::protocol_version, "/params/protocolVersion"},
    {&Message::request_id, "/params/requestId"},
    {&Message::progress_token, "/params/progressToken"},
    {&Message::progress, "/params/progress"},
    {&Message::meta, "/params/_meta"},
    {&Message::meta_progress_token, "/params/_meta/progressToken"},
    {&Message::meta_protocol_version, "/params/_meta/io.modelcontextprotocol~1protocolVersion"},
    {&Message::meta_log_level, "/params/_meta/io.modelcontextprotocol~1logLevel"},
    {&Message::meta_subscription_id, "/params/_meta/io.modelcontextprotocol~1subscriptionId"},
}};

bool is_inside(std::string_view part, std::string_view text) {
  return part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size();
}

/// The value at this path, where only objects are looked into; nullptr if there is none.
const json* at(const json& value, std::string_view path) {
  const json* found = &value;
  while (!path.empty()) {
    path.remove_prefix(1);
    std::string key(path.substr(0, path.find('/')));
    path.remove_prefix(key.size());
    if (const std::size_t slash = key.find("~1"); slash != std::string::npos)
      key.replace(slash, 2, "/");
    if (!found->is_object() || !found->contains(key)) return nullptr;
    found = &found->at(key);
  }
  return found;
}

/// Each part found is what nlohmann finds in its place.
void check_parts(std::string_view text, const Message& message) {
  const json value = shim::json_value(text);
  if (value.is_discarded()) return;  // numbers that have no C++ value
  for (const Part& part : parts) {
    const std::string_view raw = message.*part.member;
    const json* const expected = at(value, part.path);
    SHIM_CHECK((expected != nullptr) == !raw.empty());
    if (raw.empty()) continue;
    SHIM_CHECK(is_inside(raw, text));
    SHIM_CHECK(shim::json_value(raw) == *expected);
  }
  const json* const method = at(value, "/method");
  if (method != nullptr && method->is_string() && text.find("\\u") == std::string_view::npos)
    SHIM_CHECK(message.method == method->get<std::string>());
}

void check_splice(std::string_view text, const Message& before) {
  const std::string spliced = jsonrpc::splice(text, before.id, R"("mcp-ws-shim:1")");
  jsonrpc::Reader reader;
  Message after;
  SHIM_CHECK(reader.read(spliced, after) == Read::message);
  SHIM_CHECK(after.id == R"("mcp-ws-shim:1")");
  SHIM_CHECK(after.kind == before.kind);
  const auto start = static_cast<std::size_t>(before.id.data() - text.data());
  SHIM_CHECK(std::string_view(spliced).substr(0, start) == text.substr(0, start));
  SHIM_CHECK(std::string_view(spliced).ends_with(text.substr(start + before.id.size())));
  SHIM_CHECK(spliced.size() == text.size() - before.id.size() + after.id.size());
  SHIM_CHECK(jsonrpc::splice(spliced, after.id, before.id) == text);
}

void check_flatten(std::string_view text, const Message& before) {
  std::string flat(text);
  jsonrpc::flatten(flat);
  SHIM_CHECK(flat.size() == text.size() && flat.find_first_of("\r\n") == std::string::npos);
  jsonrpc::Reader reader;
  Message after;
  SHIM_CHECK(reader.read(flat, after) == Read::message);
  SHIM_CHECK(after.kind == before.kind && after.id == before.id && after.method == before.method);
}

/// Same key exactly if same type and spelling, escapes resolved.
void check_keys(std::string_view one, std::string_view other) {
  const bool same = jsonrpc::token_key(one) == jsonrpc::token_key(other);
  const bool strings = one.starts_with('"') && other.starts_with('"');
  if (strings && json::accept(one) && json::accept(other)) {
    SHIM_CHECK(same == (jsonrpc::unquote(one) == jsonrpc::unquote(other)));
  } else if (!one.starts_with('"') || !other.starts_with('"')) {
    SHIM_CHECK(same == (one == other));
  }
}

/// What the shim makes of a text it was told goes out as strict JSON.
void check_quote(std::string_view text) {
  const std::string quoted = jsonrpc::quote(text);
  SHIM_CHECK(fuzz::StrictJson::accepts(quoted, 1));
  const std::string plain = jsonrpc::unquote(quoted);
  if (json::accept('"' + plain + '"') && text.find('\\') == std::string_view::npos)
    SHIM_CHECK(jsonrpc::quote(plain) == quoted);
}

void check_kind(const Message& m) {
  const bool answers = !m.result.empty() || !m.error.empty();
  switch (m.kind) {
    case jsonrpc::Kind::request:
      SHIM_CHECK(!m.method.empty() || !answers);
      SHIM_CHECK(!m.usable_id().empty() && !answers);
      break;
    case jsonrpc::Kind::notification: SHIM_CHECK(m.id.empty() && !answers); break;
    case jsonrpc::Kind::response:
      SHIM_CHECK(!m.id.empty() && m.method.empty() && m.result.empty() != m.error.empty());
      break;
    case jsonrpc::Kind::other: return;
  }
  SHIM_CHECK(m.jsonrpc == R"("2.0")");
}

Read reads(std::string_view text) {
  jsonrpc::Reader reader;
  Message message;
  return reader.read(text, message);
}

}  // namespace

FUZZ_TARGET(message) {
  const fuzz::Exact exact(input);
  const std::string_view text = exact.view();
  check_quote(text);
  jsonrpc::Reader reader;
  Message message;
  const Read outcome = reader.read(text, message);
  // An array adds nothing to the depth of its elements.
  const auto first = text.find_first_not_of(" \t\r\n");
  const bool is_array = first != std::string_view::npos && text[first] == '[';
  const bool strict = fuzz::StrictJson::accepts(text, jsonrpc::depth_max + (is_array ? 1U : 0U));
  if (outcome == Read::invalid) SHIM_CHECK(!strict);
  if (outcome == Read::message) SHIM_CHECK(strict);
  if (outcome == Read::batch) {
    const auto elements = reader.elements();  // copied: reading one forgets them
    SHIM_CHECK(elements.size() <= jsonrpc::batch_max);
    const json value = shim::json_value(text);
    if (!value.is_discarded()) SHIM_CHECK(value.size() == elements.size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      SHIM_CHECK(is_inside(elements[i], text));
      // One that is too deep is refused when its turn comes; a batch inside a batch always is.
      if (!elements[i].starts_with('[') &&
          !fuzz::StrictJson::accepts(elements[i], jsonrpc::depth_max))
        SHIM_CHECK(reads(elements[i]) == Read::refused);
      if (!value.is_discarded()) SHIM_CHECK(shim::json_value(elements[i]) == value[i]);
    }
  }
  if (outcome != Read::message) return;
  check_parts(text, message);
  check_kind(message);
  if (!message.usable_id().empty()) check_splice(text, message);
  check_flatten(text, message);
  check_keys(message.id, message.progress_token);
  check_keys(message.id, message.request_id);
}
