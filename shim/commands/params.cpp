#include "shim/commands/params.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/json_value.hpp"
#include "common/jsonrpc.hpp"
#include "common/mcp.hpp"

namespace shim {
namespace {

/// A message that has nothing but these params, for the Reader.
constexpr std::string_view before = R"({"params":)";

std::string bare_message(std::string_view params) {
  return std::string(before).append(params).append("}");
}

/// `object`, raw JSON, with `members` (name and value, commas between) at its start.
std::string with_members(std::string_view object, std::string_view members) {
  const std::size_t first = object.find_first_not_of(" \t\r\n", 1);
  std::string out = "{";
  out.append(members);
  if (object[first] != '}') out += ",";
  return out.append(object.substr(1));
}

}  // namespace

bool are_params(std::string_view text) {
  // In brackets, because `{}, "id": 1` must not become a part of the message.
  const std::string element = "[" + std::string(text) + "]";
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  if (reader.read(element, message) != jsonrpc::Read::batch || reader.elements().size() != 1)
    return false;
  const char first = reader.elements().front().front();
  return first == '{' || first == '[';
}

std::string with_meta(std::string_view params, const MetaMembers& members) {
  const std::string text = bare_message(params.empty() ? "{}" : params);
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  if (reader.read(text, message) != jsonrpc::Read::message || message.params.front() != '{' ||
      (!message.meta.empty() && message.meta.front() != '{'))
    return std::string(params);
  const auto known = json_value(message.meta.empty() ? "{}" : message.meta);
  std::string added;
  for (const auto& [name, value] : members) {
    if (known.is_object() && known.contains(name)) continue;
    if (!added.empty()) added += ",";
    added += jsonrpc::quote(name) + ":" + value;
  }
  if (added.empty()) return std::string(params);
  if (message.meta.empty()) return with_members(message.params, R"("_meta":{)" + added + "}");
  const std::string spliced =
      jsonrpc::splice(text, message.meta, with_members(message.meta, added));
  return spliced.substr(before.size(), spliced.size() - before.size() - 1);
}

bool names_a_modern_version(std::string_view params) {
  if (params.empty()) return false;
  const std::string text = bare_message(params);
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  if (reader.read(text, message) != jsonrpc::Read::message) return false;
  // Versions are dates.
  const std::string version = jsonrpc::unquote(message.meta_protocol_version);
  return version.size() == mcp::modern_version.size() && version >= mcp::modern_version;
}

}  // namespace shim
