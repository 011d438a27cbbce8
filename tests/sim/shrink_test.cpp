#include "tests/sim/shrink.hpp"

#include <doctest/doctest.h>

#include <string>
#include <variant>
#include <vector>

#include "tests/sim/options.hpp"

using namespace sim;
using namespace std::chrono_literals;

namespace {

constexpr auto long_enough = 1h;  // it ends by itself, however slow the machine

/// A core that forgets to tell the host what has become of requests whose link was lost.
bool loses_outcomes(const shim::Action& action) {
  const auto* const told = std::get_if<shim::action::WriteHost>(&action);
  return told != nullptr && told->line.find("outcome-unknown") != std::string::npos;
}

Outcome run_broken(const Scenario& scenario) { return run(scenario, false, loses_outcomes); }

/// The first seed from `seed` on that notices; no long life, for the time it would take.
Scenario failing_from(std::uint64_t seed) {
  for (;; ++seed) {
    const Outcome outcome = run_broken({.seed = seed});
    if (!outcome.failure.empty() && !outcome.long_life) return {.seed = seed};
  }
}

/// As a user passes on what was printed.
Scenario read_back(const std::string& line) {
  std::vector<std::string> words{"sim_tests"};
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  const auto options = read_options(static_cast<int>(arguments.size()), arguments.data());
  REQUIRE(options);
  return options->scenario;
}

}  // namespace

TEST_CASE("shrink: what is left breaks the same promise and is much smaller") {
  std::uint64_t seed = 1;
  for (int i = 0; i < 3; ++i) {
    const Scenario start = failing_from(seed);
    CAPTURE(start.seed);
    const Shrunk shrunk = shrink(start, run_broken, long_enough);
    CHECK(shrunk.complete);
    CHECK(failure_class(shrunk.after.failure) == failure_class(shrunk.before.failure));
    CHECK(shrunk.after.parts.size() <= 20);
    CHECK(shrunk.after.parts.size() * 4 <= shrunk.before.parts.size());
    CHECK(shrunk.after.turns <= shrunk.before.turns);
    CHECK(run(shrunk.scenario, false).failure.empty());  // a core that works passes it
    seed = start.seed + 1;
  }
}

TEST_CASE("shrink: comes to the same every time, and its command line repeats that to the byte") {
  const Scenario start = failing_from(50);
  const Shrunk shrunk = shrink(start, run_broken, long_enough);
  const std::string line = command_line(shrunk.scenario);
  CHECK(line == command_line(shrink(start, run_broken, long_enough).scenario));
  const Outcome first = run(shrunk.scenario, true, loses_outcomes);
  const Outcome again = run(read_back(line), true, loses_outcomes);
  CHECK(first.trace == again.trace);
  CHECK(first.failure == again.failure);
  CHECK(first.failure == shrunk.after.failure);
}

TEST_CASE("shrink: what a run has without anything taken out is all that it needs") {
  for (const std::uint64_t seed : {3U, 4U}) {
    CAPTURE(seed);
    const Scenario start = failing_from(seed * 100);
    const Outcome whole = run(start, true, loses_outcomes);
    Scenario all = start;
    all.only.emplace(whole.parts.begin(), whole.parts.end());
    CHECK((run(all, true, loses_outcomes).trace == whole.trace));
  }
}

TEST_CASE("shrink: stops when the time is over, with what it has") {
  const Scenario start = failing_from(1);
  const Shrunk shrunk = shrink(start, run_broken, 0s);
  CHECK_FALSE(shrunk.complete);
  CHECK(shrunk.runs == 1);
  CHECK(shrunk.after.failure == shrunk.before.failure);
}

TEST_CASE("shrink: a failure is known by its words") {
  CHECK(failure_class(R"(executed 2 times: {"id":7})") == failure_class("executed 31 times: x"));
  CHECK(failure_class("not ready 4.2 s after everything was well again") ==
        failure_class("not ready 3 min 20 s after everything was well again"));
  CHECK(failure_class("64KiB wait for the host, more than 1000") == "wait for the host more than");
  CHECK(failure_class("says nothing: {}") != failure_class("too early: {}"));
  CHECK(failure_class("a check failed: a.cpp:7: x") != failure_class("a check failed: a.cpp:8: y"));
}
