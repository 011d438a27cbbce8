#include "tests/sim/swarm.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace {

std::string traces(std::uint64_t first, std::uint64_t last, unsigned jobs) {
  std::string all;
  sim::Swarm swarm(first, last, jobs, true);
  while (const auto result = swarm.next()) {
    CHECK(result->outcome.trace.size() > 1000);
    all += std::to_string(result->seed) + " " + result->outcome.plan + "\n" + result->outcome.trace;
  }
  return all;
}

}  // namespace

TEST_CASE("swarm: no seed breaks what the contract promises") {
  sim::Swarm swarm(1, 300, 2, false);
  while (const auto result = swarm.next()) {
    INFO("again: sim_tests --seed=", result->seed, " --trace");
    INFO(result->outcome.plan);
    CHECK_MESSAGE(result->outcome.failure.empty(), result->outcome.failure);
  }
}

TEST_CASE("swarm: a seed decides everything, however many threads run how many others") {
  const std::string alone = traces(7, 36, 1);
  CHECK((alone == traces(7, 36, 1)));  // in parentheses: a failure need not print both
  CHECK((alone == traces(7, 36, 3)));
}
