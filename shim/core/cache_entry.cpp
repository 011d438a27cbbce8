#include "shim/core/cache_entry.hpp"

#include <nlohmann/json.hpp>

#include "common/jsonrpc.hpp"
#include "common/raw_json.hpp"

namespace shim {
namespace {

using Json = nlohmann::ordered_json;

constexpr int format = 1;

/// Whether a result read from a file is an object as deep as one in a message may be.
bool is_result(std::string_view raw) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  return raw.starts_with('{') &&
         reader.read(jsonrpc::result_answer("0", raw), message) == jsonrpc::Read::message;
}

/// What stands in a file beside the results.
struct Frame {
  bool is_valid = false;  ///< the file is an object, its results too
  std::string format{};   ///< raw, as the next two
  std::string url{};
  std::string version{};
  std::string_view results{};
};

/// The results are judged one by one; what surrounds them has to be valid without them.
Frame frame_of(std::string_view text) {
  Frame frame;
  frame.results = raw_json::member(text, "results");
  if (!frame.results.starts_with('{')) return frame;
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  const std::string rest = jsonrpc::splice(text, frame.results, "{}");
  frame.is_valid = reader.read(rest, message) == jsonrpc::Read::message;
  frame.format = raw_json::member(rest, "format");
  frame.url = raw_json::member(rest, "url");
  frame.version = raw_json::member(rest, "version");
  return frame;
}

}  // namespace

const std::string* CacheEntry::find(std::string_view method) const {
  const auto found = results_.find(method);
  return found == results_.end() ? nullptr : &found->second;
}

bool CacheEntry::put(std::string_view method, std::string_view result) {
  if (result.size() > result_bytes_max) return false;
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
  if (text.size() > file_bytes_max) return std::nullopt;
  const Frame frame = frame_of(text);
  if (!frame.is_valid || frame.format != std::to_string(format) ||
      jsonrpc::token_key(frame.url) != jsonrpc::token_key(jsonrpc::quote(url)) ||
      jsonrpc::token_key(frame.version) != jsonrpc::token_key(jsonrpc::quote(version)))
    return std::nullopt;
  CacheEntry entry;
  raw_json::Parts parts(frame.results);
  while (parts.next()) {
    if (!is_result(parts.value())) return std::nullopt;
    std::string& result = entry.results_[jsonrpc::unquote(parts.key())];
    result = parts.value();
    jsonrpc::flatten(result);
  }
  if (!parts.complete()) return std::nullopt;
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
