#pragma once

#include <optional>
#include <string>
#include <utility>

#include "common/health.hpp"
#include "common/time.hpp"

namespace sim {

using shim::Duration;
using shim::TimePoint;

using namespace std::chrono_literals;

/// What can be concluded from what was seen of the health file (contract 7), by rules of its own.
class HealthBook {
 public:
  HealthBook(bool watched, Duration max_age) : watched_(watched), max_age_(max_age) {}

  void look(TimePoint now, const shim::HealthLook& look);

  [[nodiscard]] bool is_fresh(TimePoint now) const {
    return watched_ && changed_ && now - *changed_ <= max_age_ && (valid_ || now <= torn_ + 5s);
  }
  /// Since when it is fresh, or not.
  [[nodiscard]] TimePoint so_since(TimePoint now) const {
    if (!changed_ || is_fresh(now)) return looked_differently_;
    const TimePoint aged = *changed_ + max_age_;
    return std::max(looked_differently_, valid_ ? aged : std::min(aged, torn_ + 5s));
  }
  /// `pid` and `started_at`, raw; empty if missing or null.
  using Writer = std::pair<std::string, std::string>;
  [[nodiscard]] static bool is_other(const Writer& one, const Writer& another);

  /// Who wrote the last fresh report that said so.
  [[nodiscard]] const Writer& writer() const { return writer_; }
  /// When that has changed.
  [[nodiscard]] std::optional<TimePoint> replaced() const { return replaced_; }
  /// Whether the report has changed, or is seen for the first time, with the last look.
  [[nodiscard]] bool is_news() const { return news_; }

 private:
  bool watched_;
  Duration max_age_;
  bool valid_ = false;
  bool looked_ = false;
  TimePoint torn_;  ///< when it was last found missing or invalid after it had been neither
  bool news_ = false;
  std::string stamp_;
  std::optional<TimePoint> changed_;
  TimePoint looked_differently_;
  Writer writer_;
  std::optional<TimePoint> replaced_;
};

}  // namespace sim
