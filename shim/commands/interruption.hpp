#pragma once

#include <array>
#include <csignal>

#include "shim/io/descriptor.hpp"

namespace shim {

/// While it lives, SIGINT, SIGTERM and SIGHUP do not end the process at once, so that something can
/// be said first. A second one of a kind does. What was ignored stays so. At most one object at a
/// time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// Becomes readable when one has come.
  [[nodiscard]] int fd() const { return wake_.get(); }

  /// The one that came last, or 0.
  [[nodiscard]] static int signal();

 private:
  static constexpr std::array<int, 3> taken{SIGINT, SIGTERM, SIGHUP};

  Descriptor wake_;
  std::array<struct sigaction, taken.size()> found_{};
};

}  // namespace shim
