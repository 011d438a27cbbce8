#pragma once

#include <string>
#include <vector>

#include "backend.hpp"

namespace e2e {

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

/// Runs the shim to its end, with nothing on its stdin.
[[nodiscard]] Outcome run(const Arguments& arguments,
                          const std::vector<std::string>& environment = {});

/// One clear line, exit 2, nothing on stdout.
void check_usage_error(const Arguments& arguments,
                       const std::vector<std::string>& environment = {});

}  // namespace e2e
