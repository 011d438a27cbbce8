#include "tests/sim/commands.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <limits>
#include <string>

#include "common/text.hpp"
#include "tests/sim/shrink.hpp"
#include "tests/sim/swarm.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

double in_seconds(Clock::duration span) { return std::chrono::duration<double>(span).count(); }

void report(const Scenario& scenario, const Outcome& outcome) {
  std::printf("seed %llu failed at %.6f s: %s\n  %s\n  again: sim_tests %s --trace\n",
              static_cast<unsigned long long>(scenario.seed), shim::seconds(outcome.lived),
              shim::printable(outcome.failure, 2000).c_str(), outcome.plan.c_str(),
              command_line(scenario).c_str());
  if (!scenario.only) {
    std::printf("  smaller: sim_tests --shrink=%llu\n",
                static_cast<unsigned long long>(scenario.seed));
  }
}

/// What has been run so far.
struct Tally {
  std::uint64_t seeds = 0, failed = 0, asks = 0, links = 0, turns = 0;
  std::uint64_t long_lives = 0;
  Duration lived{}, lived_long{};
  Clock::time_point since = Clock::now();

  void add(const Swarm::Result& result) {
    ++seeds;
    failed += result.outcome.failure.empty() ? 0 : 1;
    asks += result.outcome.asks;
    links += result.outcome.links_ready;
    turns += result.outcome.turns;
    lived += result.outcome.lived;
    if (result.outcome.long_life) {
      ++long_lives;
      lived_long += result.outcome.lived;
    }
    if (!result.outcome.failure.empty()) report({.seed = result.seed}, result.outcome);
  }

  void print() const {
    const double hours = shim::seconds(lived) / 3600;
    const double real = in_seconds(Clock::now() - since);
    std::printf("%llu seeds, %llu failed; %.1f h simulated in %.1f s: %.0f h a minute\n",
                static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(failed),
                hours, real, hours / real * 60);
    std::printf("  %llu long lives, %.1f h; %llu requests, %llu links ready, %llu turns\n",
                static_cast<unsigned long long>(long_lives), shim::seconds(lived_long) / 3600,
                static_cast<unsigned long long>(asks), static_cast<unsigned long long>(links),
                static_cast<unsigned long long>(turns));
    std::fflush(stdout);
  }
};

int run_range(const Options& options) {
  Tally tally;
  Swarm swarm(options.first, options.last, options.jobs, options.trace);
  while (const auto result = swarm.next()) {
    if (options.trace) std::fputs(result->outcome.trace.c_str(), stdout);
    tally.add(*result);
  }
  tally.print();
  return tally.failed == 0 ? 0 : 1;
}

int run_one(const Options& options) {
  const Outcome outcome = run(options.scenario, options.trace);
  std::fputs(outcome.trace.c_str(), stdout);
  if (!outcome.failure.empty()) report(options.scenario, outcome);
  if (outcome.failure.empty()) std::puts("nothing failed");
  return outcome.failure.empty() ? 0 : 1;
}

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "it is set by a signal handler");

int soak(const Options& options) {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { interrupted = true; });
  std::printf("seeds from %llu on, %u threads\n", static_cast<unsigned long long>(options.first),
              options.jobs);
  Tally tally;
  Swarm swarm(options.first, std::numeric_limits<std::uint64_t>::max(), options.jobs, false);
  Clock::time_point printed = tally.since;
  while (!interrupted && tally.failed == 0) {
    if (const auto result = swarm.next()) tally.add(*result);
    if (Clock::now() < printed + 10s) continue;
    printed = Clock::now();
    tally.print();
  }
  std::printf("seeds %llu to %llu: ", static_cast<unsigned long long>(options.first),
              static_cast<unsigned long long>(options.first + tally.seeds - 1));
  tally.print();
  return tally.failed == 0 ? 0 : 1;
}

void print_size(const Outcome& outcome) {
  std::printf("%zu parts, %llu requests, %llu turns in %.3f s", outcome.parts.size(),
              static_cast<unsigned long long>(outcome.asks),
              static_cast<unsigned long long>(outcome.turns), shim::seconds(outcome.lived));
}

int shrink_one(const Options& options) {
  const auto quietly = [](const Scenario& scenario) { return run(scenario, false); };
  if (quietly(options.scenario).failure.empty()) {
    std::puts("nothing failed");
    return 0;
  }
  const Clock::time_point since = Clock::now();
  const Shrunk shrunk = shrink(options.scenario, quietly, options.shrink_time);
  const Outcome outcome = run(shrunk.scenario, true);
  std::fputs(outcome.trace.c_str(), stdout);
  report(shrunk.scenario, outcome);
  std::printf("  before: ");
  print_size(shrunk.before);
  std::printf("\n  left:   ");
  print_size(shrunk.after);
  std::printf("\n  %llu runs in %.1f s; %s\n", static_cast<unsigned long long>(shrunk.runs),
              in_seconds(Clock::now() - since),
              shrunk.complete ? "nothing more can be taken out" : "the time was over");
  return 1;
}

}  // namespace

int do_command(const Options& options) {
  switch (options.what) {
    case Options::What::one: return run_one(options);
    case Options::What::range: return run_range(options);
    case Options::What::soak: return soak(options);
    case Options::What::shrink: return shrink_one(options);
    case Options::What::tests: break;
  }
  return 2;
}

}  // namespace sim
