#pragma once

#include <optional>
#include <string>

#include "common/health.hpp"
#include "common/time.hpp"

namespace sim {

using shim::Duration;
using shim::TimePoint;

/// What can be concluded from what was seen of the health file (contract 7), by rules of its own.
class HealthBook {
 public:
  HealthBook(bool watched, Duration max_age) : watched_(watched), max_age_(max_age) {}

  void look(TimePoint now, const shim::HealthLook& look);

  [[nodiscard]] bool is_fresh(TimePoint now) const {
    return watched_ && valid_ && changed_ && now - *changed_ <= max_age_;
  }
  /// Since when it is fresh, or not.
  [[nodiscard]] TimePoint so_since(TimePoint now) const {
    const bool aged = valid_ && changed_ && !is_fresh(now);
    return aged ? std::max(looked_differently_, *changed_ + max_age_) : looked_differently_;
  }
  /// Who wrote the last fresh report; empty if it did not say.
  [[nodiscard]] const std::string& process() const { return process_; }
  /// When that has changed.
  [[nodiscard]] std::optional<TimePoint> replaced() const { return replaced_; }
  /// Whether the report has changed with the last look.
  [[nodiscard]] bool is_news() const { return news_; }

 private:
  bool watched_;
  Duration max_age_;
  bool valid_ = false;
  bool news_ = false;
  std::string stamp_;
  std::optional<TimePoint> changed_;
  TimePoint looked_differently_;
  std::string process_;
  std::optional<TimePoint> replaced_;
};

}  // namespace sim
