#include "common/health.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/json_value.hpp"

namespace shim {
namespace {

double since_1970(WallTime at) { return seconds(at.time_since_epoch()); }

}  // namespace

bool HealthWriter::differs_from(const HealthWriter& other) const {
  const auto differ = [](const std::string& a, const std::string& b) {
    return !a.empty() && !b.empty() && a != b;
  };
  return differ(pid, other.pid) || differ(started_at, other.started_at);
}

std::optional<HealthReport> HealthReport::parse(std::string_view text) {
  if (text.size() > bytes_max) return std::nullopt;
  const auto json = json_value(text);
  if (!json.is_object()) return std::nullopt;
  HealthReport report;
  if (const auto t = json.find("t"); t != json.end()) {
    if (!t->is_number()) return std::nullopt;
    report.t = t->get<double>();
  }
  for (const auto& [name, value] :
       {std::pair("pid", &report.writer.pid), std::pair("started_at", &report.writer.started_at)}) {
    const auto member = json.find(name);
    if (member == json.end() || member->is_null()) continue;
    if (!member->is_number() && !member->is_string()) return std::nullopt;
    *value = member->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  if (const auto busy = json.find("busy"); busy != json.end() && !busy->is_null()) {
    if (!busy->is_boolean()) return std::nullopt;
    report.busy = busy->get<bool>();
  }
  return report;
}

Health::News Health::look(TimePoint now, const HealthLook& look) {
  News news;
  const bool was_fresh = is_fresh(now);
  const bool is_first = !std::exchange(looked_, true);
  found_ = look.found;
  const auto report =
      found_ == HealthLook::Found::file ? HealthReport::parse(look.text) : std::nullopt;
  if (!report) {
    if (!unreadable_since_) unreadable_since_ = now;
    return news;
  }
  unreadable_since_.reset();
  report_ = *report;

  const double stamp = report_.t.value_or(since_1970(look.modified));
  const bool is_change = stamp_ != stamp;  // also if it was not there before
  if (is_first) {
    // A report from the future says nothing, except that some clock is wrong.
    const double age = since_1970(look.looked_at) - stamp;
    const double most = seconds(max_age_);
    if (age <= most && age >= -most)
      changed_at_ = now - std::chrono::duration_cast<Duration>(
                              std::chrono::duration<double>(std::max(age, 0.0)));
  } else if (is_change) {
    changed_at_ = now;
    news.sign_of_life = true;
  }
  stamp_ = stamp;

  news.turned_fresh = !was_fresh && is_fresh(now);
  // Who wrote a file that was left over does not matter.
  if (is_fresh(now) && report_.writer.is_known()) {
    news.other_writer = writer_.differs_from(report_.writer);
    writer_ = report_.writer;
  }
  return news;
}

HealthState Health::state(TimePoint now) const {
  if (!watched_) return HealthState::none;
  if (is_fresh(now)) return HealthState::fresh;
  if (found_ == HealthLook::Found::missing) return HealthState::missing;
  return unreadable_since_ ? HealthState::invalid : HealthState::stale;
}

std::optional<TimePoint> Health::fresh_until() const {
  if (!changed_at_) return std::nullopt;
  const TimePoint end = *changed_at_ + max_age_;
  return unreadable_since_ ? std::min(end, *unreadable_since_ + rewriting_time) : end;
}

bool Health::is_fresh(TimePoint now) const {
  const auto until = fresh_until();
  return watched_ && until && now <= *until;
}

std::optional<TimePoint> Health::stale_at(TimePoint now) const {
  if (!is_fresh(now)) return std::nullopt;
  return *fresh_until() + Duration(1);
}

}  // namespace shim
