// sim_tests: the scenarios and the swarm under doctest, or chosen seeds of the swarm.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "common/check.hpp"
#include "common/text.hpp"
#include "tests/sim/world.hpp"

namespace {

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `A:B`, both included.
std::optional<Range> range(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto first = number(text.substr(0, colon));
  const auto last = number(text.substr(colon + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return Range{*first, *last};
}

void report(std::uint64_t seed, const sim::Outcome& outcome) {
  const double at = shim::seconds(outcome.ended - shim::TimePoint()) - 1000;
  std::printf("seed %llu failed at %.6f s: %s\n  %s\n  again: sim_tests --seed=%llu --trace\n",
              static_cast<unsigned long long>(seed), at,
              shim::printable(outcome.failure, 2000).c_str(), outcome.plan.c_str(),
              static_cast<unsigned long long>(seed));
}

int run_seeds(const Range& seeds, bool trace) {
  std::uint64_t failed = 0;
  std::uint64_t asks = 0;
  std::uint64_t links = 0;
  for (std::uint64_t seed = seeds.first;; ++seed) {
    const sim::Outcome outcome = sim::run_seed(seed, trace);
    asks += outcome.asks;
    links += outcome.links_ready;
    if (trace) std::fputs(outcome.trace.c_str(), stdout);
    if (!outcome.failure.empty()) {
      ++failed;
      report(seed, outcome);
    }
    if (seed == seeds.last) break;
  }
  std::printf("%llu seeds, %llu failed; %llu requests, %llu links ready\n",
              static_cast<unsigned long long>(seeds.last - seeds.first + 1),
              static_cast<unsigned long long>(failed), static_cast<unsigned long long>(asks),
              static_cast<unsigned long long>(links));
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  shim::throw_on_failed_check();
  bool trace = false;
  std::optional<Range> seeds;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--trace") {
      trace = true;
    } else if (argument.starts_with("--seed=")) {
      if (const auto seed = number(argument.substr(7))) seeds = Range{*seed, *seed};
    } else if (argument.starts_with("--seeds=")) {
      seeds = range(argument.substr(8));
    } else {
      continue;
    }
    if (!trace && !seeds) {
      std::fprintf(stderr,
                   "usage: sim_tests [--seed=N | --seeds=A:B] [--trace] [doctest options]\n");
      return 2;
    }
  }
  if (seeds) return run_seeds(*seeds, trace);
  return doctest::Context(argc, argv).run();
}
