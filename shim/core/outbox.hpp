#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/time.hpp"
#include "shim/core/event.hpp"

namespace shim {

/// What waits for the backend, in the order the host sent it. A message sent again takes the place
/// it had: order numbers come from the caller, one per message of the host.
class Outbox {
 public:
  struct Item {
    std::string text;
    std::string request_id{};  ///< raw id if it is a request, else empty
    Epoch only_for = 0;        ///< if not 0, worthless on any other link
    /// When it has waited long enough; counts only while nothing can be sent.
    std::optional<TimePoint> deadline{};
  };

  /// What one item is reckoned to cost beyond its text: nodes, strings, its entry in the table.
  static constexpr std::size_t overhead_bytes = 256;

  void push(std::uint64_t order, Item item);

  /// The first item, which must exist; out of the box.
  [[nodiscard]] Item pop();

  /// The item with this order number, which must exist; out of the box.
  [[nodiscard]] Item take(std::uint64_t order);

  /// Removes the item with this order number, if it is there.
  void remove(std::uint64_t order);

  /// The item with this order number, or nullptr. Valid until the box changes.
  [[nodiscard]] const Item* find(std::uint64_t order) const;

  /// Calls `visit` with each item, in order.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [order, item] : items_) visit(item);
  }

  /// Removes what is only for other links than `epoch`.
  void drop_all_but(Epoch epoch);

  /// Gives every item without a deadline this one. Called when sending becomes impossible. `exempt`
  /// says for an order number and its item that it may wait for ever.
  template <typename Exempt>
  void set_missing_deadlines(TimePoint deadline, Exempt exempt) {
    for (auto& [order, item] : items_) {
      if (item.deadline || exempt(order, std::as_const(item))) continue;
      item.deadline = deadline;
      deadlines_.emplace(deadline, order);
    }
  }

  [[nodiscard]] std::optional<TimePoint> next_deadline() const;

  /// Takes out one item whose deadline has passed.
  [[nodiscard]] std::optional<Item> pop_expired(TimePoint now);

  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t count() const { return items_.size(); }
  /// Text and overhead of all items.
  [[nodiscard]] std::size_t cost_bytes() const { return cost_bytes_; }

 private:
  using Items = std::map<std::uint64_t, Item>;
  Item take(Items::iterator position);

  Items items_;
  std::set<std::pair<TimePoint, std::uint64_t>> deadlines_;
  std::size_t cost_bytes_ = 0;
};

}  // namespace shim
