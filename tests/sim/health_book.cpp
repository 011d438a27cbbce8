#include "tests/sim/health_book.hpp"

#include <cmath>

#include "tests/sim/json_text.hpp"

namespace sim {

void HealthBook::look(TimePoint now, const shim::HealthLook& look) {
  const bool was_fresh = is_fresh(now);
  news_ = false;
  const Json report = look.found == shim::HealthLook::Found::file && look.text.size() <= 4096
                          ? parse(look.text)
                          : Json();
  const auto is_one_of = [&report](const char* name, auto fits) {
    return !report.contains(name) || fits(report[name]);
  };
  const auto is_name = [](const Json& value) {
    return value.is_number() || value.is_string() || value.is_null();
  };
  const bool was_valid = valid_ || !looked_;
  valid_ =
      report.is_object() && is_one_of("pid", is_name) && is_one_of("started_at", is_name) &&
      is_one_of("t", [](const Json& value) { return value.is_number(); }) &&
      is_one_of("busy", [](const Json& value) { return value.is_boolean() || value.is_null(); });
  if (was_valid && !valid_) torn_ = now;
  const bool is_first = !looked_;
  looked_ = true;
  if (valid_) {
    const double stamp = report.contains("t") ? report["t"].get<double>()
                                              : shim::seconds(look.modified.time_since_epoch());
    const std::string text = std::to_string(stamp);
    news_ = is_first || stamp_ != text;
    if (is_first) {
      // Only the first look has nothing but the wall clock to go by.
      const double age = shim::seconds(look.looked_at.time_since_epoch()) - stamp;
      if (std::abs(age) <= shim::seconds(max_age_)) {
        const auto ago = std::chrono::duration<double>(std::max(age, 0.0));
        changed_ = now - std::chrono::duration_cast<Duration>(ago);
      }
    } else if (news_) {
      changed_ = now;
    }
    stamp_ = text;
  }
  if (is_fresh(now) != was_fresh) looked_differently_ = now;
  if (!valid_ || !is_fresh(now)) return;
  const auto raw = [&report](const char* name) {
    return report.contains(name) && !report[name].is_null() ? report[name].dump() : "";
  };
  const Writer writer{raw("pid"), raw("started_at")};
  if (writer == Writer()) return;
  if (is_other(writer_, writer)) replaced_ = now;
  writer_ = writer;
}

bool HealthBook::is_other(const Writer& one, const Writer& another) {
  const auto differ = [](const std::string& a, const std::string& b) {
    return !a.empty() && !b.empty() && a != b;
  };
  return differ(one.first, another.first) || differ(one.second, another.second);
}

}  // namespace sim
