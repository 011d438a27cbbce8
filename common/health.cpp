#include "common/health.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/json_value.hpp"

namespace shim {
namespace {

double since_1970(WallTime at) { return seconds(at.time_since_epoch()); }

}  // namespace

std::optional<HealthReport> HealthReport::parse(std::string_view text) {
  if (text.size() > bytes_max) return std::nullopt;
  const auto json = json_value(text);
  if (!json.is_object()) return std::nullopt;
  HealthReport report;
  if (const auto t = json.find("t"); t != json.end()) {
    if (!t->is_number()) return std::nullopt;
    report.t = t->get<double>();
  }
  for (const char* const name : {"pid", "started_at"}) {
    const auto member = json.find(name);
    if (member == json.end()) continue;
    if (!member->is_number() && !member->is_string()) return std::nullopt;
    report.process += std::string(name) + " " +
                      member->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + " ";
  }
  if (const auto busy = json.find("busy"); busy != json.end()) {
    if (!busy->is_boolean()) return std::nullopt;
    report.busy = busy->get<bool>();
  }
  return report;
}

Health::News Health::look(TimePoint now, const HealthLook& look) {
  News news;
  const bool was_fresh = is_fresh(now);
  found_ = look.found;
  const auto report =
      found_ == HealthLook::Found::file ? HealthReport::parse(look.text) : std::nullopt;
  valid_ = report.has_value();
  if (!valid_) return news;
  report_ = *report;

  const double stamp = report_.t.value_or(since_1970(look.modified));
  if (!stamp_) {
    // A report from the future says nothing, except that some clock is wrong.
    const double age = since_1970(look.looked_at) - stamp;
    const double most = seconds(max_age_);
    if (age <= most && age >= -most)
      changed_at_ = now - std::chrono::duration_cast<Duration>(
                              std::chrono::duration<double>(std::max(age, 0.0)));
  } else if (*stamp_ != stamp) {
    changed_at_ = now;
    news.sign_of_life = true;
  }
  stamp_ = stamp;

  news.turned_fresh = !was_fresh && is_fresh(now);
  // Who wrote a file that was left over does not matter.
  if (is_fresh(now) && !report_.process.empty()) {
    news.other_process = !process_.empty() && process_ != report_.process;
    if (news.other_process) replaced_at_ = now;
    process_ = report_.process;
  }
  return news;
}

HealthState Health::state(TimePoint now) const {
  if (!watched_) return HealthState::none;
  if (found_ == HealthLook::Found::missing) return HealthState::missing;
  if (!valid_) return HealthState::invalid;
  return changed_at_ && now - *changed_at_ <= max_age_ ? HealthState::fresh : HealthState::stale;
}

std::optional<TimePoint> Health::stale_at(TimePoint now) const {
  if (!is_fresh(now)) return std::nullopt;
  return *changed_at_ + max_age_ + Duration(1);
}

}  // namespace shim
