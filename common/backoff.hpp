#pragma once

#include "common/prng.hpp"
#include "common/time.hpp"

namespace shim {

/// How the delay is spread below (or above) its ceiling.
struct Jitter {
  enum class Kind { full, equal, ratio };
  Kind kind = Kind::full;
  double ratio = 0;  ///< 0…1, only for Kind::ratio

  friend bool operator==(const Jitter&, const Jitter&) = default;
};

struct BackoffPolicy {
  Duration base = std::chrono::milliseconds(500);  ///< > 0
  Duration cap = std::chrono::seconds(15);         ///< >= base
  Jitter jitter;
};

/// Capped exponential backoff with jitter (contract 4.2; the `full` and `equal` shapes are those of
/// Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015, with a floor under
/// `full`). Beyond the contract `full` waits no longer than it has been failing already, or
/// 2 · base: refusals that come at once would drive the ceiling up within a second, and a backend
/// that was away for 2 s would be found after 14 s (tests/bench/herd/README.md).
///
/// A value: copying it copies its position. It never reads a clock and takes time and randomness as
/// arguments. When to call succeeded() is the caller's decision: on proof of service, not on
/// connect.
class Backoff {
 public:
  explicit Backoff(const BackoffPolicy& policy) : policy_(policy) {}

  /// Counts one more failure, which happened now, and returns how long to wait after it.
  [[nodiscard]] Duration failed(TimePoint now, Prng& random);

  /// Counts a failure whose cause only a person can mend: waits the cap, plus up to a tenth so that
  /// a fleet does not ask in step.
  [[nodiscard]] Duration failed_for_good(TimePoint now, Prng& random);

  /// The service has proved itself: the next failure counts as the first.
  void succeeded() { failures_ = 0; }

  [[nodiscard]] unsigned failures() const { return failures_; }

 private:
  void count(TimePoint now);

  BackoffPolicy policy_;
  unsigned failures_ = 0;
  TimePoint first_failure_{};  ///< of those that are counted
};

}  // namespace shim
