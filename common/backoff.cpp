#include "common/backoff.hpp"

#include <algorithm>

namespace shim {
namespace {

/// min(cap, base · 2^doublings) without overflow.
Duration ceiling(const BackoffPolicy& policy, unsigned doublings) {
  Duration value = policy.base;
  for (unsigned i = 0; i < doublings && value < policy.cap; ++i) value *= 2;
  return std::min(value, policy.cap);
}

}  // namespace

void Backoff::count(TimePoint now) {
  if (failures_++ == 0) first_failure_ = now;
}

Duration Backoff::failed(TimePoint now, Prng& random) {
  count(now);
  switch (policy_.jitter.kind) {
    case Jitter::Kind::full: {
      const Duration c = ceiling(policy_, failures_);
      const Duration least = std::min<Duration>(c, std::chrono::seconds(1)) / 10;
      const Duration patience = std::max(2 * policy_.base, now - first_failure_);
      return random.between(least, std::clamp(patience, least, c));
    }
    case Jitter::Kind::equal: {
      const Duration c = ceiling(policy_, failures_);
      return random.between(c / 2, c);
    }
    case Jitter::Kind::ratio: break;
  }
  const Duration d = ceiling(policy_, failures_ - 1);
  const auto spread = std::chrono::duration<double, Duration::period>(d) * policy_.jitter.ratio;
  return d + random.between(Duration::zero(), std::chrono::duration_cast<Duration>(spread));
}

Duration Backoff::failed_for_good(TimePoint now, Prng& random) {
  count(now);
  return policy_.cap + random.between(Duration::zero(), policy_.cap / 10);
}

}  // namespace shim
