#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.hpp"

/// A backend's health file (contract 7): what it says, and whether it still says it.
namespace shim {

/// Who writes a health file, as far as it says so: raw JSON, empty for what is missing or null.
struct HealthWriter {
  std::string pid;
  std::string started_at;

  [[nodiscard]] bool is_known() const { return !pid.empty() || !started_at.empty(); }
  /// Whether the two are certainly not the same: what only one of them says tells nothing.
  [[nodiscard]] bool differs_from(const HealthWriter& other) const;
};

/// What one health file holds: a JSON object. Members it does not have are absent here; so is a
/// `busy` of null.
struct HealthReport {
  static constexpr std::size_t bytes_max = 4096;

  std::optional<double> t;  ///< when it was written, in seconds since 1970, by the backend's clock
  HealthWriter writer;
  bool busy = false;

  /// nullopt if `text` is no such object: longer than bytes_max, not JSON, a member of another
  /// type.
  [[nodiscard]] static std::optional<HealthReport> parse(std::string_view text);
};

/// One look at the file, as the adapter took it. Plain data.
struct HealthLook {
  enum class Found : std::uint8_t { missing, unusable, file };
  Found found = Found::missing;  ///< unusable: a device, a directory, too large, not readable
  std::string text{};            ///< for Found::file
  WallTime modified{};           ///< likewise
  WallTime looked_at{};
};

enum class HealthState : std::uint8_t {
  none,     ///< no file is configured
  missing,  ///< there is no file
  invalid,  ///< there is something, but no health report
  stale,    ///< a report that has not changed for too long
  fresh,
};
inline constexpr std::size_t health_states = 5;

[[nodiscard]] constexpr std::string_view name(HealthState state) {
  switch (state) {
    case HealthState::none: return "none";
    case HealthState::missing: return "missing";
    case HealthState::invalid: return "invalid";
    case HealthState::stale: return "stale";
    case HealthState::fresh: return "fresh";
  }
  return "?";
}

/// Judges a health file by what is seen of it over time. The wall clock counts for the first look
/// only; from then on a report is as old as its last change on the monotonic clock, so that a clock
/// that is wrong or set, here or in the container, neither fakes nor hides a sign of life. To be
/// there when it was not before is a change, too.
class Health {
 public:
  /// So long a fresh file may be missing or torn: not every backend puts a new one in its place at
  /// one stroke.
  static constexpr Duration rewriting_time = std::chrono::seconds(5);

  /// Not `watched`: the state is `none` for ever.
  Health(bool watched, Duration max_age) : watched_(watched), max_age_(max_age) {}

  /// What one look has brought to light.
  struct News {
    bool sign_of_life = false;  ///< the report has changed since the look before, or has come
    bool turned_fresh = false;  ///< it is, and was not until now
    bool other_writer = false;  ///< another process writes it
  };
  News look(TimePoint now, const HealthLook& look);

  [[nodiscard]] HealthState state(TimePoint now) const;
  [[nodiscard]] bool is_fresh(TimePoint now) const;
  /// Whether a fresh report says that the backend is busy.
  [[nodiscard]] bool is_busy(TimePoint now) const { return is_fresh(now) && report_.busy; }
  /// Who wrote the last fresh report that said so; nobody if none has.
  [[nodiscard]] const HealthWriter& writer() const { return writer_; }
  /// When a fresh report turns stale if it does not change; nullopt if it is not fresh at `now`.
  [[nodiscard]] std::optional<TimePoint> stale_at(TimePoint now) const;

 private:
  /// nullopt: it has not been fresh yet.
  [[nodiscard]] std::optional<TimePoint> fresh_until() const;

  bool watched_;
  Duration max_age_;
  bool looked_ = false;
  HealthLook::Found found_ = HealthLook::Found::missing;
  std::optional<TimePoint> unreadable_since_;  ///< missing or invalid
  HealthReport report_;
  std::optional<double> stamp_;          ///< `t` or time of modification of the last valid report
  std::optional<TimePoint> changed_at_;  ///< absent: it was old when first seen
  HealthWriter writer_;                  ///< of the last fresh report
};

}  // namespace shim
