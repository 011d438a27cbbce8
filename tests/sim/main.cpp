// sim_tests: the scenarios and the swarm under doctest, or chosen seeds of the swarm.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "common/check.hpp"
#include "tests/sim/commands.hpp"
#include "tests/sim/options.hpp"

int main(int argc, char** argv) {
  shim::throw_on_failed_check();
  const auto options = sim::read_options(argc, argv);
  if (!options) {
    std::fputs(sim::usage, stderr);
    return 2;
  }
  if (options->what != sim::Options::What::tests) return sim::do_command(*options);
  return doctest::Context(argc, argv).run();
}
