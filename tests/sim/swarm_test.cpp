#include <doctest/doctest.h>

#include <cstdint>

#include "tests/sim/world.hpp"

TEST_CASE("swarm: no seed breaks what the contract promises") {
  constexpr std::uint64_t seeds = 300;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const sim::Outcome outcome = sim::run_seed(seed, false);
    INFO("again: sim_tests --seed=", seed, " --trace");
    INFO(outcome.plan);
    CHECK_MESSAGE(outcome.failure.empty(), outcome.failure);
  }
}

TEST_CASE("swarm: a seed decides everything, so two runs are the same to the byte") {
  for (const std::uint64_t seed : {7U, 21U, 90U, 144U}) {
    CAPTURE(seed);
    const sim::Outcome first = sim::run_seed(seed, true);
    const sim::Outcome second = sim::run_seed(seed, true);
    CHECK(first.trace.size() > 1000);
    CHECK((first.trace == second.trace));  // in parentheses: a failure need not print both
  }
}
