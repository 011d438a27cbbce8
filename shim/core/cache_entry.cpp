#include "shim/core/cache_entry.hpp"

#include <nlohmann/json.hpp>

#include "common/json_value.hpp"
#include "common/jsonrpc.hpp"

namespace shim {
namespace {

using Json = nlohmann::ordered_json;

constexpr int format = 1;

/// A file of ours holds results one level deeper than they stood in the backend's messages.
constexpr std::size_t file_depth_max = jsonrpc::depth_max + 1;

/// Whether a text nests deeper than a file of ours can. What handles a parsed value calls itself
/// once per level; a corrupt file must not exhaust the stack.
bool is_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string && c == '\\') {
      ++at;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '{' || c == '[')) {
      if (++depth > file_depth_max) return true;
    } else if (!in_string && (c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

const std::string* CacheEntry::find(std::string_view method) const {
  const auto found = results_.find(method);
  return found == results_.end() ? nullptr : &found->second;
}

bool CacheEntry::put(std::string_view method, std::string_view result) {
  // What could not be read back must not spoil the file for the rest.
  if (result.size() > result_bytes_max || json_value<Json>(result).is_discarded()) return false;
  std::string text(result);
  jsonrpc::flatten(text);
  const auto [position, inserted] = results_.try_emplace(std::string(method));
  if (!inserted && position->second == text) return false;
  position->second = std::move(text);
  return true;
}

std::optional<std::string> CacheEntry::serialise(std::string_view url,
                                                 std::string_view version) const {
  std::string out = R"({"format":)" + std::to_string(format);
  out.append(R"(,"url":)").append(jsonrpc::quote(url));
  out.append(R"(,"version":)").append(jsonrpc::quote(version)).append(R"(,"results":{)");
  bool first = true;
  for (const auto& [method, result] : results_) {
    if (!first) out += ",\n";
    first = false;
    out.append(jsonrpc::quote(method)).append(":").append(result);
  }
  out += "}}\n";
  if (out.size() > file_bytes_max) return std::nullopt;
  return out;
}

std::optional<CacheEntry> CacheEntry::parse(std::string_view text, std::string_view url,
                                            std::string_view version) {
  if (text.size() > file_bytes_max || is_too_deep(text)) return std::nullopt;
  const Json file = json_value<Json>(text);
  if (!file.is_object() || file.value("format", Json()) != Json(format) ||
      file.value("url", Json()) != Json(url) || file.value("version", Json()) != Json(version))
    return std::nullopt;
  const auto results = file.find("results");
  if (results == file.end() || !results->is_object()) return std::nullopt;
  CacheEntry entry;
  for (const auto& [method, result] : results->items()) {
    if (!result.is_object()) return std::nullopt;
    entry.results_[method] = result.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return entry;
}

std::string minimal_initialize_result(std::string_view version, std::string_view shim_version) {
  const Json list_changed = {{"listChanged", true}};
  const Json capabilities = {{"tools", list_changed},
                             {"prompts", list_changed},
                             {"resources", list_changed},
                             {"logging", Json::object()}};
  const Json server = {{"name", "mcp-ws-shim"}, {"version", shim_version}};
  std::string out = R"({"protocolVersion":)";
  out.append(version).append(R"(,"capabilities":)").append(capabilities.dump());
  out.append(R"(,"serverInfo":)").append(server.dump());
  out.append(R"(,"instructions":)");
  out.append(jsonrpc::quote(
      "The MCP backend behind this server is not reachable yet. Its tools, prompts and resources "
      "will be announced as soon as it is."));
  return out.append("}");
}

}  // namespace shim
