#pragma once

#include <string>
#include <vector>

namespace e2e {

struct Outcome {
  int status = -1;  ///< -1: it did not end in time
  std::string out;
  std::string err;
};

/// Runs the shim with these arguments to its end, with nothing on its stdin.
[[nodiscard]] Outcome run_shim(const std::vector<std::string>& arguments,
                               const std::vector<std::string>& environment = {});

}  // namespace e2e
