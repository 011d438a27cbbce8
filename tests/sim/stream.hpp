#pragma once

#include <cstdint>

#include "common/prng.hpp"

namespace sim {

/// Something that can be taken out of a run: an incident (a fault that strikes, something the host
/// does by itself), or a field of the plan that differs from that of a calm one.
using Part = std::uint32_t;

/// Where a happening takes its random numbers from. Its name follows from what led to the
/// happening and from nothing else: take a part out of a run, and whatever that had not caused is
/// drawn as before. One stream for all would give everything after it another meaning.
class Stream {
 public:
  explicit Stream(std::uint64_t name) : name_(name), random_(name) {}

  [[nodiscard]] shim::Prng& random() { return random_; }
  /// The name of the next happening that this one leads to.
  [[nodiscard]] std::uint64_t next_child() { return mix(++children_); }
  /// The next thing that this happening leaves to chance.
  [[nodiscard]] Part next_part() { return static_cast<Part>(mix(--parts_)); }

 private:
  [[nodiscard]] std::uint64_t mix(std::uint64_t number) const {
    return shim::Prng(name_ ^ (number * 0xd6e8feb86659fd93U)).next();
  }

  std::uint64_t name_;
  shim::Prng random_;
  std::uint64_t children_ = 0;
  std::uint64_t parts_ = 0;  ///< counts down, so that no part shares its number with a child
};

}  // namespace sim
