#include "limits.hpp"

#include <algorithm>
#include <cstdlib>

namespace e2e {

bool shim_is_sanitized() {
#ifdef E2E_SANITIZER_PRESET
  return true;
#else
  return std::getenv("E2E_SANITIZED") != nullptr;
#endif
}

double time_factor() {
  static const double factor = [] {
    const char* const given = std::getenv("E2E_TIME_FACTOR");
    const double value = given == nullptr ? 0 : std::strtod(given, nullptr);
    if (value >= 1) return value;
    return sanitized ? 5.0 : 1.0;
  }();
  return factor;
}

Millis scaled(Millis span) {
  return Millis(static_cast<Millis::rep>(static_cast<double>(span.count()) * time_factor()));
}

std::string flag(Millis span) { return std::to_string(scaled(span).count()) + "ms"; }

Millis allowed(Millis span) { return 2 * scaled(span); }

int Deadline::left_ms() const {
  const auto left = std::chrono::ceil<Millis>(at_ - Clock::now());
  return static_cast<int>(std::max<Millis::rep>(left.count(), 0));
}

}  // namespace e2e
