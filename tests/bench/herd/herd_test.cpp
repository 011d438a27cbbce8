// The simulation of a fleet (README.md here), and that the defaults of the backoff are the ones to
// have.

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/bench/herd/simulation.hpp"

namespace herd {
namespace {

using namespace std::chrono_literals;
using Kind = shim::Jitter::Kind;

constexpr shim::Jitter full{Kind::full, 0};
constexpr shim::Jitter equal{Kind::equal, 0};
constexpr shim::Jitter tenth{Kind::ratio, 0.1};
constexpr shim::Jitter none{Kind::ratio, 0};

Scenario fleet(std::size_t clients, shim::Duration outage, shim::Jitter jitter) {
  Scenario scenario;
  scenario.clients = clients;
  scenario.outage = outage;
  scenario.backoff.jitter = jitter;
  return scenario;
}

shim::Duration all_ready(const Scenario& scenario) {
  return ready_by(simulate(scenario), scenario.clients, 1);
}

TEST_CASE("herd 4.2: everybody gets a link again, and no attempt is unaccounted for") {
  for (const shim::Jitter jitter : {full, equal, tenth, none}) {
    for (const shim::Duration outage : {0s, 2s, 20s}) {
      Scenario scenario = fleet(700, outage, jitter);
      scenario.asking = 0.2;
      const Outcome outcome = simulate(scenario);
      CHECK(outcome.ready_after.size() == scenario.clients);
      CHECK(outcome.attempts == scenario.clients + outcome.refused + outcome.timed_out);
      std::uint64_t in_slots = 0;
      for (const auto attempts : outcome.attempts_by_slot) in_slots += attempts;
      CHECK(in_slots == outcome.attempts);
    }
  }
}

TEST_CASE("herd 4.2: nobody is served sooner than the backend can") {
  const Outcome outcome = simulate(fleet(700, 2s, full));
  CHECK(std::ranges::is_sorted(outcome.ready_after));
  for (std::size_t i = 0; i < outcome.ready_after.size(); ++i) {
    CHECK(outcome.ready_after[i] >= 5ms * (i + 1));
  }
}

TEST_CASE("herd 4.2: a seed gives the same outcome each time, another one another") {
  Scenario scenario = fleet(500, 2s, full);
  const Outcome first = simulate(scenario);
  const Outcome second = simulate(scenario);
  CHECK(first.ready_after == second.ready_after);
  CHECK(first.attempts_by_slot == second.attempts_by_slot);
  scenario.seed = 2;
  CHECK(simulate(scenario).attempts_by_slot != first.attempts_by_slot);
}

TEST_CASE("herd 4.2: without jitter all come at once, with the default they are spread") {
  CHECK(peak(simulate(fleet(1000, 20s, none)), 20s) == 1000);
  CHECK(peak(simulate(fleet(1000, 20s, full)), 20s) < 50);
}

TEST_CASE("herd 4.2: the default jitter serves a fleet twice as soon as a tenth or none does") {
  for (const shim::Duration outage : {2s, 20s}) {
    const shim::Duration with_full = all_ready(fleet(4000, outage, full));
    CHECK(with_full < 20s + 15s);  // 200 a second, and the wait of the last one
    CHECK(2 * with_full < all_ready(fleet(4000, outage, tenth)));
    CHECK(2 * with_full < all_ready(fleet(4000, outage, none)));
  }
}

TEST_CASE("herd 4.1: a queue that takes longer than a client waits is worked off in vain") {
  Scenario scenario = fleet(3000, 2s, full);
  scenario.backlog = 3000;  // 15 s
  CHECK(simulate(scenario).served_in_vain > 0);
  scenario.backlog = 500;
  CHECK(simulate(scenario).served_in_vain == 0);
}

}  // namespace
}  // namespace herd
