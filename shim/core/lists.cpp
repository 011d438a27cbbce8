#include "shim/core/lists.hpp"

#include "common/jsonrpc.hpp"
#include "common/raw_json.hpp"

namespace shim {
namespace {

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

/// A hash of the items of a list result, in whatever order they are.
std::uint64_t fingerprint_of_items(ListKind kind, std::string_view result) {
  const std::string_view list = raw_json::member(result, names_of(kind).member);
  std::uint64_t sum = 0;
  if (!list.starts_with('[')) return sum;
  for (raw_json::Parts items(list); items.next();) sum += raw_json::fingerprint(items.value());
  return sum;
}

bool may_repeat(std::string_view tool) {
  const std::string_view annotations = raw_json::member(tool, "annotations");
  return raw_json::member(annotations, "readOnlyHint") == "true" ||
         raw_json::member(annotations, "idempotentHint") == "true";
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
  return "{\"" + std::string(names_of(kind).member) + "\":[]}";
}

bool is_complete_list(std::string_view result) {
  return result.starts_with('{') && !raw_json::member(result, "nextCursor").starts_with('"');
}

void Lists::shown(ListKind kind, std::string_view result, bool first_page, Epoch epoch) {
  Entry& shown = entry(kind);
  shown = Entry();
  shown.is_shown = true;
  shown.paged = !first_page || !is_complete_list(result);
  shown.epoch = epoch;
  if (shown.paged) return;
  shown.items = fingerprint_of_items(kind, result);
  if (result.size() > list_bytes_max) return;
  shown.result = result;
  jsonrpc::flatten(shown.result);  // it may become part of an answer of ours
}

Lists::Comparison Lists::compare(ListKind kind, std::string_view result) const {
  const Entry& shown = entry(kind);
  if (!shown.is_shown) return Comparison::never_shown;
  const bool same =
      !shown.paged && is_complete_list(result) && fingerprint_of_items(kind, result) == shown.items;
  return same ? Comparison::same : Comparison::different;
}

const std::string* Lists::last(ListKind kind) const {
  const Entry& shown = entry(kind);
  return shown.result.empty() ? nullptr : &shown.result;
}

void Lists::learn_tools(std::string_view result, bool first_page) {
  constexpr std::size_t overhead_bytes = 64;
  if (first_page) {
    repeatable_.clear();
    repeatable_bytes_ = 0;
  }
  const std::string_view tools = raw_json::member(result, "tools");
  if (!tools.starts_with('[')) return;
  for (raw_json::Parts items(tools); items.next();) {
    const std::string_view raw = raw_json::member(items.value(), "name");
    if (!raw.starts_with('"') || raw.size() > repeatable_bytes_max) continue;
    const std::string name = jsonrpc::unquote(raw);
    const std::size_t bytes = name.size() + overhead_bytes;
    // A later page, or a second entry, may take back what an earlier one said.
    if (!shim::may_repeat(items.value())) {
      repeatable_bytes_ -= repeatable_.erase(name) * bytes;
    } else if (repeatable_bytes_ + bytes <= repeatable_bytes_max &&
               repeatable_.insert(name).second) {
      repeatable_bytes_ += bytes;
    }
  }
}

}  // namespace shim
