#pragma once

#include <string>
#include <vector>

#include "backend.hpp"
#include "run.hpp"

namespace e2e {

/// What `doctor --json` says about one backend.
struct Diagnosis {
  int status = -1;
  std::string text;
  Json report;

  /// The step with this name; null if there is none, which has failed the test already.
  [[nodiscard]] Json step(const std::string& name) const;
  [[nodiscard]] std::string detail(const std::string& name) const;
};

/// Reads it and checks what holds for each: every step of the contract once and in order, nothing
/// on stderr, the exit status, a remedy for each failure and, after one, nothing more that worked.
[[nodiscard]] Diagnosis read_diagnosis(const Outcome& outcome);

/// Runs `doctor --json` with these flags.
[[nodiscard]] Diagnosis diagnose(const Arguments& arguments,
                                 const std::vector<std::string>& environment = {});

/// This step has failed, its detail and its remedy hold these words.
void check_failure(const Diagnosis& diagnosis, const std::string& step, const std::string& detail,
                   const std::string& remedy);

}  // namespace e2e
