#pragma once

#include <chrono>
#include <string>

/// How long things may take. Tests name the span of the contract; this turns it into what is asked
/// of a shared and perhaps instrumented machine.
namespace e2e {

using Clock = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;
using namespace std::chrono_literals;

/// 1 in a plain build, more under a sanitizer; the environment's E2E_TIME_FACTOR overrides it.
[[nodiscard]] double time_factor();

/// What the shim is told, so that an instrumented one has time to do its work.
[[nodiscard]] Millis scaled(Millis span);

/// `span`, scaled, as the value of a flag.
[[nodiscard]] std::string flag(Millis span);

/// The upper bound that a test asserts for `span`: twice that, scaled, for machines are shared.
[[nodiscard]] Millis allowed(Millis span);

/// A point in time by which something must have happened.
class Deadline {
 public:
  /// `allowed(span)` from now.
  explicit Deadline(Millis span) : at_(Clock::now() + allowed(span)) {}

  [[nodiscard]] bool passed() const { return Clock::now() >= at_; }
  /// Milliseconds left, rounded up, never negative.
  [[nodiscard]] int left_ms() const;

 private:
  Clock::time_point at_;
};

[[nodiscard]] inline Millis since(Clock::time_point start) {
  return std::chrono::duration_cast<Millis>(Clock::now() - start);
}

/// Limit of a wait whose length is not what the test is about.
inline constexpr Millis patience = 10s;

/// Whether the shim under test carries a sanitizer: one of the presets for that, or the environment
/// says so by E2E_SANITIZED.
[[nodiscard]] bool shim_is_sanitized();
inline const bool sanitized = shim_is_sanitized();

/// The end of the shim when nothing is pending (contract 3). LeakSanitizer looks for leaks then.
inline const Millis end_at_once = sanitized ? 500ms : 100ms;

}  // namespace e2e
