#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "shim/core/cache_entry.hpp"
#include "shim/core/lists.hpp"
#include "tests/unit/session_fixture.hpp"

/// MCP messages about lists and subscriptions, and sessions that have got as far as to use them.
namespace shim::test {

/// The protocol version that a host asks for here, as a cache file is named after it.
inline const std::string asked = "2025-11-25";

inline constexpr std::string_view all_lists =
    R"({"tools":{"listChanged":true},"prompts":{"listChanged":true},)"
    R"("resources":{"subscribe":true,"listChanged":true},"logging":{}})";

inline std::string initialize_result(std::string_view capabilities = all_lists,
                                     std::string_view got = version) {
  return R"({"protocolVersion":")" + std::string(got) + R"(","capabilities":)" +
         std::string(capabilities) + R"(,"serverInfo":{"name":"b","version":"1"}})";
}

/// The member of a list result that holds the items.
inline std::string list_member(ListKind kind) {
  switch (kind) {
    case ListKind::tools: return "tools";
    case ListKind::prompts: return "prompts";
    case ListKind::resources: return "resources";
    case ListKind::templates: return "resourceTemplates";
  }
  return {};
}

/// A list result with these items (raw JSON), and a further page if `next` is not empty.
inline std::string list_of(ListKind kind, const std::vector<std::string>& items,
                           std::string_view next = {}) {
  std::string out = R"({")" + list_member(kind) + R"(":[)";
  for (std::size_t i = 0; i < items.size(); ++i) out += (i == 0 ? "" : ",") + items[i];
  out += "]";
  if (!next.empty()) out += R"(,"nextCursor":")" + std::string(next) + R"(")";
  return out + "}";
}

inline std::string item(std::string_view name) {
  return R"({"name":")" + std::string(name) + R"(","x":{"b":1,"a":[1,2]}})";
}

inline std::string tool(std::string_view name, std::string_view annotations = "{}") {
  return R"({"name":")" + std::string(name) + R"(","inputSchema":{},"annotations":)" +
         std::string(annotations) + "}";
}

inline std::string call(std::string_view id, std::string_view tool_name) {
  return request(id, "tools/call", R"({"name":")" + std::string(tool_name) + R"("})");
}

inline std::string error_to(std::string_view id, int code) {
  return jsonrpc::error_answer(id, code, "no");
}

/// The raw result of an answer.
inline std::string result_of(std::string_view text) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  static_cast<void>(reader.read(text, message));
  return std::string(message.result);
}

/// The first of `texts` with this method; empty if there is none.
inline std::string with_method(const std::vector<std::string>& texts, std::string_view method) {
  const auto found = std::ranges::find_if(
      texts, [&](const std::string& text) { return method_of(text) == method; });
  return found == texts.end() ? std::string() : *found;
}

inline std::vector<std::string> methods_in(const std::vector<std::string>& texts) {
  std::vector<std::string> methods;
  for (const std::string& text : texts) methods.push_back(method_of(text));
  return methods;
}

/// A legacy session, established and initialized, whose backend has these capabilities.
inline void establish_with(Driver& d, std::string_view capabilities = all_lists,
                           std::string_view wanted = asked) {
  if (d.session.phase() != Phase::ready) d.go_ready();
  d.host(initialize("0", wanted));
  d.backend(answer("0", initialize_result(capabilities)));
  d.host(notify("notifications/initialized"));
  d.forget();
}

/// The host asks, the backend answers.
inline void ask_and_answer(Driver& d, const std::string& text, std::string_view result) {
  d.host(text);
  d.backend(answer(id_of(text), result));
  d.forget();
}

/// Takes the next link to ready with a session that is resumed. What was written before is
/// forgotten.
inline void resume_with(Driver& d, std::string_view capabilities = all_lists,
                        std::string_view got = version) {
  d.forget();
  d.validate();
  REQUIRE(d.session.phase() == Phase::resuming);
  const std::string own = d.link_log.back().text;
  REQUIRE(method_of(own) == "initialize");
  d.backend(answer(id_of(own), initialize_result(capabilities, got)));
  REQUIRE(d.session.phase() == Phase::ready);
}

// Modern era.

inline constexpr std::string_view modern_meta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"})";

inline std::string discover(std::string_view id) { return modern_request(id, "server/discover"); }

/// A subscription with this filter, the raw members of an object.
inline std::string listen(std::string_view id, std::string_view filter) {
  return request(
      id, "subscriptions/listen",
      R"({"notifications":{)" + std::string(filter) + "}," + std::string(modern_meta) + "}");
}

inline std::string subscription_meta(std::string_view id) {
  return R"("_meta":{"io.modelcontextprotocol/subscriptionId":)" + std::string(id) + "}";
}

inline std::string acknowledge(std::string_view id, std::string_view filter = {}) {
  return notify("notifications/subscriptions/acknowledged",
                R"({"notifications":{)" + std::string(filter) + "}," + subscription_meta(id) + "}");
}

// The cache.

struct CachedResult {
  std::string method;
  std::string result;
};

inline constexpr std::string_view backend_url = "ws://backend:1/";

/// The text of a cache file of the backend of default_settings().
inline std::string cache_file(std::initializer_list<CachedResult> results,
                              std::string_view wanted = asked) {
  CacheEntry entry;
  for (const CachedResult& one : results) static_cast<void>(entry.put(one.method, one.result));
  const auto text = entry.serialise(backend_url, wanted);
  REQUIRE(text.has_value());
  return *text;
}

/// What the files of a driver hold for a version; an entry that knows nothing if that is none.
inline CacheEntry cached_in(const Driver& d, const std::string& wanted = asked) {
  const auto file = d.cache_files.find(wanted);
  if (file == d.cache_files.end()) return {};
  return CacheEntry::parse(file->second, d.settings.endpoints.front(), wanted)
      .value_or(CacheEntry());
}

}  // namespace shim::test
