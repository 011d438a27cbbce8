#include "shim/core/outbox.hpp"

#include "common/check.hpp"

namespace shim {

void Outbox::push(std::uint64_t order, Item item) {
  cost_bytes_ += item.text.size() + overhead_bytes;
  if (item.deadline) deadlines_.emplace(*item.deadline, order);
  const bool inserted = items_.emplace(order, std::move(item)).second;
  SHIM_CHECK(inserted);
}

Outbox::Item Outbox::pop() {
  SHIM_CHECK(!items_.empty());
  return take(items_.begin());
}

Outbox::Item Outbox::take(std::uint64_t order) {
  const auto position = items_.find(order);
  SHIM_CHECK(position != items_.end());
  return take(position);
}

void Outbox::remove(std::uint64_t order) {
  const auto position = items_.find(order);
  if (position != items_.end()) take(position);
}

const Outbox::Item* Outbox::find(std::uint64_t order) const {
  const auto position = items_.find(order);
  return position == items_.end() ? nullptr : &position->second;
}

void Outbox::drop_all_but(Epoch epoch) {
  for (auto position = items_.begin(); position != items_.end();) {
    const auto current = position++;
    const Epoch only_for = current->second.only_for;
    if (only_for != 0 && only_for != epoch) take(current);
  }
}

std::optional<TimePoint> Outbox::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

std::optional<Outbox::Item> Outbox::pop_expired(TimePoint now) {
  if (deadlines_.empty() || deadlines_.begin()->first > now) return std::nullopt;
  const auto position = items_.find(deadlines_.begin()->second);
  SHIM_CHECK(position != items_.end());
  return take(position);
}

Outbox::Item Outbox::take(Items::iterator position) {
  Item item = std::move(position->second);
  cost_bytes_ -= item.text.size() + overhead_bytes;
  if (item.deadline) deadlines_.erase({*item.deadline, position->first});
  items_.erase(position);
  return item;
}

}  // namespace shim
