#include "tests/sim/shrink.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <utility>

#include "common/check.hpp"
#include "tests/sim/plan_fields.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;

bool is_unit(std::string_view word) {
  static constexpr std::array<std::string_view, 8> units{"ms",  "s",   "min", "h",
                                                         "KiB", "MiB", "GiB", "B"};
  return std::ranges::find(units, word) != units.end();
}

bool has_digit(std::string_view word) {
  return std::ranges::any_of(word, [](unsigned char c) { return std::isdigit(c) != 0; });
}

class Shrinker {
 public:
  Shrinker(const Scenario& start, const Runner& runner, shim::Duration most)
      : runner_(runner), stop_(std::chrono::steady_clock::now() + most) {
    best_.scenario = start;
    best_.before = best_.after = runner_(start);
    SHIM_CHECK(!best_.before.failure.empty());
    class_ = failure_class(best_.before.failure);
  }

  Shrunk shrink() {
    // Without what the run never came to; everything else is a part by itself now.
    Scenario all = best_.scenario;
    all.only.emplace(best_.after.parts.begin(), best_.after.parts.end());
    if (!try_out(all)) return std::move(best_);
    bool smaller = true;
    while (smaller && !is_over()) {
      smaller = shorten();
      smaller = take_out() || smaller;
    }
    best_.complete = !is_over();
    return std::move(best_);
  }

 private:
  [[nodiscard]] bool is_over() const { return std::chrono::steady_clock::now() >= stop_; }

  /// Goes on from `scenario` if it fails in the same way.
  bool try_out(Scenario scenario) {
    ++best_.runs;
    Outcome outcome = runner_(scenario);
    if (failure_class(outcome.failure) != class_) return false;
    scenario.only->clear();
    scenario.only->insert(outcome.parts.begin(), outcome.parts.end());
    best_.scenario = std::move(scenario);
    best_.after = std::move(outcome);
    return true;
  }

  /// Halves the time of the faults as often as it can be.
  bool shorten() {
    bool shorter = false;
    while (!is_over()) {
      Scenario candidate = best_.scenario;
      const shim::Duration span = std::min(best_.after.faults_for, best_.after.lived);
      const auto half = std::chrono::duration_cast<std::chrono::milliseconds>(span / 2);
      if (half == 0ms) break;
      candidate.faults_for = half;
      if (!try_out(std::move(candidate))) break;
      shorter = true;
    }
    return shorter;
  }

  /// Takes out whole stretches of parts, the last ones first, then ever shorter ones.
  bool take_out() {
    bool smaller = false;
    for (std::size_t length = (best_.after.parts.size() + 1) / 2; length > 0; length /= 2) {
      std::size_t end = best_.after.parts.size();
      while (end > 0 && !is_over()) {
        const std::size_t begin = end - std::min(end, length);
        Scenario candidate = best_.scenario;
        for (std::size_t i = begin; i < end; ++i) candidate.only->erase(best_.after.parts[i]);
        smaller = try_out(std::move(candidate)) || smaller;
        end = std::min(begin, best_.after.parts.size());
      }
    }
    return smaller;
  }

  const Runner& runner_;
  std::chrono::steady_clock::time_point stop_;
  std::string class_;
  Shrunk best_;
};

}  // namespace

std::string failure_class(std::string_view failure) {
  if (failure.starts_with("a check failed")) return std::string(failure);
  failure = failure.substr(0, failure.find(':'));
  std::string words;
  while (!failure.empty()) {
    const std::size_t end = std::min(failure.find_first_of(" ,"), failure.size());
    const std::string_view word = failure.substr(0, end);
    const bool counts = !word.empty() && !has_digit(word) && !is_unit(word);
    if (counts) words.append(words.empty() ? "" : " ").append(word);
    failure.remove_prefix(std::min(end + 1, failure.size()));
  }
  return words;
}

Shrunk shrink(const Scenario& start, const Runner& runner, shim::Duration most) {
  return Shrinker(start, runner, most).shrink();
}

std::string command_line(const Scenario& scenario) {
  std::string line = "--seed=" + std::to_string(scenario.seed);
  if (scenario.faults_for) line += " --faults-ms=" + std::to_string(*scenario.faults_for / 1ms);
  if (!scenario.only) return line;
  line += " --only=";
  for (const Part part : *scenario.only) {
    if (!line.ends_with('=')) line += ",";
    line += part_name(part);
  }
  return line;
}

}  // namespace sim
