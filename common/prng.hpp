#pragma once

#include <cstdint>

#include "common/time.hpp"

namespace shim {

/// A small seeded generator (splitmix64, Steele, Lea and Flood 2014). Ours, because the results of
/// the standard library's distributions differ between libraries and a seed must replay anywhere.
/// Not for secrets.
class Prng {
 public:
  explicit Prng(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] std::uint64_t next();

  /// Uniform in [0, 1).
  [[nodiscard]] double unit();

  /// Uniform in [low, high]; `low` when the range is empty.
  [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high);
  [[nodiscard]] Duration between(Duration low, Duration high);

  /// True with this probability (0…1).
  [[nodiscard]] bool chance(double probability);

 private:
  std::uint64_t state_;
};

}  // namespace shim
