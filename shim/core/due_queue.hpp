#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "common/time.hpp"

namespace shim {

/// Keys, each with the time it is due at.
class DueQueue {
 public:
  /// Adds the key, or moves it to another time.
  void set(const std::string& key, TimePoint at) {
    const auto [known, added] = times_.try_emplace(key, at);
    if (!added) order_.erase({std::exchange(known->second, at), key});
    order_.emplace(at, key);
  }

  /// Moves the key to a later time, if it is there and due before. Returns whether it was.
  bool postpone(const std::string& key, TimePoint at) {
    const auto known = times_.find(key);
    if (known == times_.end() || known->second >= at) return false;
    set(key, at);
    return true;
  }

  /// Harmless if the key is not there.
  void remove(const std::string& key) {
    const auto known = times_.find(key);
    if (known == times_.end()) return;
    order_.erase({known->second, key});
    times_.erase(known);
  }

  [[nodiscard]] std::optional<TimePoint> next() const {
    return order_.empty() ? std::nullopt : std::optional(order_.begin()->first);
  }

  /// Removes and returns one key that is due.
  [[nodiscard]] std::optional<std::string> take_due(TimePoint now) {
    if (order_.empty() || order_.begin()->first > now) return std::nullopt;
    std::string key = order_.begin()->second;
    remove(key);
    return key;
  }

 private:
  std::unordered_map<std::string, TimePoint> times_;
  std::set<std::pair<TimePoint, std::string>> order_;
};

}  // namespace shim
