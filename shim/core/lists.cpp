#include "shim/core/lists.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/json_value.hpp"
#include "common/jsonrpc.hpp"

namespace shim {
namespace {

using nlohmann::json;

struct Names {
  std::string_view method;
  std::string_view member;
  std::string_view capability;
  std::string_view changed;
  std::string_view filter;
};

constexpr std::array<Names, list_kinds.size()> names{{
    {"tools/list", "tools", "tools", "notifications/tools/list_changed", "toolsListChanged"},
    {"prompts/list", "prompts", "prompts", "notifications/prompts/list_changed",
     "promptsListChanged"},
    {"resources/list", "resources", "resources", "notifications/resources/list_changed",
     "resourcesListChanged"},
    {"resources/templates/list", "resourceTemplates", "resources",
     "notifications/resources/list_changed", "resourcesListChanged"},
}};

const Names& names_of(ListKind kind) { return names[static_cast<std::size_t>(kind)]; }

bool has_next_page(const json& result) {
  const auto cursor = result.find("nextCursor");
  return cursor != result.end() && cursor->is_string();
}

/// The items of a list result as text, each normalised, in an order of their own.
std::vector<std::string> items(ListKind kind, const json& result) {
  std::vector<std::string> out;
  const auto found = result.find(names_of(kind).member);
  if (found == result.end() || !found->is_array()) return out;
  for (const json& item : *found) {
    out.push_back(item.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  std::ranges::sort(out);
  return out;
}

bool hint(const json& tool, const char* name) {
  const auto annotations = tool.find("annotations");
  if (annotations == tool.end() || !annotations->is_object()) return false;
  const auto value = annotations->find(name);
  return value != annotations->end() && value->is_boolean() && value->get<bool>();
}

json parse(std::string_view text) {
  if (text.size() > Lists::list_bytes_max) return json(json::value_t::discarded);
  return json_value(text);
}

}  // namespace

std::optional<ListKind> list_kind(mcp::Method method) {
  switch (method) {
    case mcp::Method::tools_list: return ListKind::tools;
    case mcp::Method::prompts_list: return ListKind::prompts;
    case mcp::Method::resources_list: return ListKind::resources;
    case mcp::Method::resources_templates_list: return ListKind::templates;
    default: return std::nullopt;
  }
}

std::string_view list_method(ListKind kind) { return names_of(kind).method; }
std::string_view list_changed_method(ListKind kind) { return names_of(kind).changed; }
std::string_view list_capability(ListKind kind) { return names_of(kind).capability; }
std::string_view list_filter(ListKind kind) { return names_of(kind).filter; }

std::string empty_list(ListKind kind) {
  return json{{std::string(names_of(kind).member), json::array()}}.dump();
}

bool is_complete_list(std::string_view result) {
  const json parsed = parse(result);
  return parsed.is_object() && !has_next_page(parsed);
}

void Lists::shown(ListKind kind, std::string_view result, bool first_page, Epoch epoch) {
  Entry& shown = entry(kind);
  shown.is_shown = true;
  shown.epoch = epoch;
  shown.paged = !first_page || !is_complete_list(result);
  shown.result = shown.paged ? std::string_view() : result;
  jsonrpc::flatten(shown.result);  // it may become part of an answer of ours
}

Lists::Comparison Lists::compare(ListKind kind, std::string_view result) const {
  const Entry& shown = entry(kind);
  if (!shown.is_shown) return Comparison::never_shown;
  if (shown.paged) return Comparison::different;
  const bool same =
      is_complete_list(result) && items(kind, parse(result)) == items(kind, parse(shown.result));
  return same ? Comparison::same : Comparison::different;
}

const std::string* Lists::last(ListKind kind) const {
  const Entry& shown = entry(kind);
  return shown.is_shown && !shown.paged ? &shown.result : nullptr;
}

void Lists::learn_tools(std::string_view result, bool first_page) {
  if (first_page) repeatable_.clear();
  const json parsed = parse(result);
  if (!parsed.is_object()) return;
  const auto tools = parsed.find("tools");
  if (tools == parsed.end() || !tools->is_array()) return;
  for (const json& tool : *tools) {
    const auto name = tool.is_object() ? tool.find("name") : tool.end();
    if (!tool.is_object() || name == tool.end() || !name->is_string()) continue;
    // A later page, or a second entry, may take back what an earlier one said.
    if (hint(tool, "readOnlyHint") || hint(tool, "idempotentHint")) {
      repeatable_.insert(name->get<std::string>());
    } else {
      repeatable_.erase(name->get<std::string>());
    }
  }
}

}  // namespace shim
