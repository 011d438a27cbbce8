#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend.hpp"
#include "files.hpp"
#include "run.hpp"

namespace e2e {

/// The shim with a command that ends by itself, running next to the test. What it writes goes to
/// files, so that it never waits for a reader.
class Command {
 public:
  explicit Command(const Arguments& arguments, const std::vector<std::string>& environment = {},
                   std::string_view input = {});

  /// Waits for its end. The status is -1 if that does not come.
  [[nodiscard]] Outcome finish(Millis limit = patience);
  [[nodiscard]] Process& process() { return *process_; }

 private:
  TempDir files_;
  std::unique_ptr<Process> process_;
};

}  // namespace e2e
