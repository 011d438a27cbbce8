#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/mcp.hpp"
#include "shim/core/event.hpp"

namespace shim {

/// The lists of MCP whose change a host is told about.
enum class ListKind : std::uint8_t { tools, prompts, resources, templates };
inline constexpr std::array<ListKind, 4> list_kinds{ListKind::tools, ListKind::prompts,
                                                    ListKind::resources, ListKind::templates};

/// The list that a request asks for, if it asks for one.
[[nodiscard]] std::optional<ListKind> list_kind(mcp::Method method);

/// `tools/list` and so on.
[[nodiscard]] std::string_view list_method(ListKind kind);

/// `notifications/tools/list_changed` and so on; templates are part of the resources.
[[nodiscard]] std::string_view list_changed_method(ListKind kind);

/// The capability that announces the list: `tools`, `prompts` or `resources`.
[[nodiscard]] std::string_view list_capability(ListKind kind);

/// The member of a `subscriptions/listen` filter that asks for it: `toolsListChanged` and so on.
[[nodiscard]] std::string_view list_filter(ListKind kind);

/// A result that holds no item.
[[nodiscard]] std::string empty_list(ListKind kind);

/// Whether the result holds the whole list, and not one page of it.
[[nodiscard]] bool is_complete_list(std::string_view result);

/// What the host was last shown of each list, so that it is told of a change only when there is
/// one: a needless `list_changed` costs it a refetch and every model its prompt cache
/// (contract 5.1).
class Lists {
 public:
  /// A larger list is not kept, only compared.
  static constexpr std::size_t list_bytes_max = std::size_t{4} << 20U;
  /// Of the tools that may be called twice, so many bytes of names are remembered, each reckoned 64
  /// longer than it is; further ones may not.
  static constexpr std::size_t repeatable_bytes_max = std::size_t{2} << 20U;

  /// The host was shown this result (raw JSON) of a list request, which came over this link (0:
  /// from the cache). `first_page`: the request had no cursor.
  void shown(ListKind kind, std::string_view result, bool first_page, Epoch epoch);

  /// What a fresh first page tells. Order does not matter, nor does anything beside the items;
  /// numbers are the same if they are spelled the same.
  enum class Comparison : std::uint8_t {
    same,
    different,  ///< or not to be known, since what the host saw came in pages
    never_shown,
  };
  [[nodiscard]] Comparison compare(ListKind kind, std::string_view result) const;

  [[nodiscard]] bool was_shown(ListKind kind) const { return entry(kind).is_shown; }
  /// Whether the host was last shown one page of it, so that nothing can be compared.
  [[nodiscard]] bool is_paged(ListKind kind) const { return entry(kind).paged; }

  /// Whether what the host was shown came over another link than this one, so that it may be stale.
  [[nodiscard]] bool may_be_stale(ListKind kind, Epoch epoch) const {
    return entry(kind).is_shown && entry(kind).epoch != epoch;
  }

  /// The complete result that the host was last shown; nullptr if there is none or it was too
  /// large.
  [[nodiscard]] const std::string* last(ListKind kind) const;

  /// Learns the annotations of the tools in a `tools/list` result.
  void learn_tools(std::string_view result, bool first_page);

  /// Whether the tool was last listed with `readOnlyHint` or `idempotentHint` true, so that a call
  /// of it may be sent again (contract 5.3).
  [[nodiscard]] bool may_repeat(const std::string& tool) const {
    return repeatable_.contains(tool);
  }

 private:
  struct Entry {
    bool is_shown = false;
    bool paged = false;
    Epoch epoch = 0;
    std::uint64_t items = 0;  ///< their fingerprint
    std::string result;       ///< empty if too large to be kept
  };
  [[nodiscard]] Entry& entry(ListKind kind) { return entries_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const Entry& entry(ListKind kind) const {
    return entries_[static_cast<std::size_t>(kind)];
  }

  std::array<Entry, list_kinds.size()> entries_;
  std::set<std::string> repeatable_;  ///< names of tools
  std::size_t repeatable_bytes_ = 0;
};

}  // namespace shim
