#include "tests/sim/run.hpp"

#include <algorithm>

#include "common/units.hpp"
#include "tests/sim/plan_fields.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;

/// The longest that a healthy backend may stay unused: an attempt that began before it was healthy
/// runs into its timeouts, and then the longest delay follows.
Duration ready_bound(const Plan& plan) {
  const shim::Settings& s = plan.settings;
  const double ratio =
      s.backoff.jitter.kind == shim::Jitter::Kind::ratio ? s.backoff.jitter.ratio : 0;
  const auto cap = std::chrono::duration<double>(s.backoff.cap) * (1 + std::max(ratio, 0.1));
  const Duration longest =
      std::max(std::chrono::duration_cast<Duration>(cap),
               plan.link.unavailable > 0 ? plan.link.retry_after_max : Duration(0));
  return s.connect_timeout + s.validate_timeout + s.resume_timeout + longest + 1s;
}

/// The longest that a dead path may go unnoticed.
Duration silence_bound(const shim::Settings& s) {
  return s.ping_interval + s.pong_timeout + std::max(s.stall_timeout, s.busy_timeout) + 1s;
}

/// A slow call that began before the calm, on its slow way back.
Duration settle_bound(const Plan& plan) {
  return plan.backend.service_max + (plan.backend.late > 0 ? 30s : 0s) + 10s;
}

void quiet_period(World& world) {
  world.calm_down();
  const TimePoint calm_since = world.now();
  world.run_for(4s);  // until the last fault has been noticed
  // Whoever reads slowly has to catch up first: until then the link may have to wait.
  world.run_until_done([&world] { return world.host().is_caught_up(); }, 60s);
  // A dead path is found out at last.
  const auto is_alive = [&world] { return !world.link().is_half_open(); };
  if (!world.run_until_done(is_alive, silence_bound(world.plan().settings)) && !world.is_over())
    world.model().fail("does not notice that the path is dead");
  const Duration bound = ready_bound(world.plan());
  const auto is_ready = [&world] { return world.phase() == shim::Phase::ready; };
  if (!world.run_until_done(is_ready, bound) && !world.is_over()) {
    world.model().fail("not ready " + shim::describe_duration(bound) +
                       " after everything was well again");
  }
  const auto is_settled = [&world] { return world.model().open_asks() == 0; };
  if (!world.run_until_done(is_settled, settle_bound(world.plan())) && !world.is_over()) {
    world.model().fail("still unanswered: " + world.model().open_list());
  }
  if (!world.is_over() && !is_ready()) world.model().fail("lost a healthy link");
  world.run_for(1s);
  if (world.link().last_attempt() > calm_since) world.model().judge_told(world.backend().tools());
  if (!world.host().is_settled()) world.host().greet();
  world.run_for(1s);
  // A host that asks now is served.
  const std::uint64_t seq = world.host().request("custom/last");
  world.run_for(5s);
  const Ask* const last = world.model().ask(seq);
  if (!world.is_over() && (last == nullptr || last->answer.find("\"to\"") == std::string::npos)) {
    world.model().fail("a healthy backend's answer did not come: " +
                       (last == nullptr ? "never read" : last->answer));
  }
}

void end(World& world) {
  Duration most = 0s;
  switch (world.plan().end) {
    case End::eof:
      world.cut_what_nobody_notices();  // else the host may never be read to its end
      world.host().close();
      // Until everything written before the end of input has been read.
      most = world.plan().settings.drain_timeout + world.plan().timer_lag_max;
      break;
    case End::stop: world.tell(shim::event::StopRequested{"SIGTERM"}); break;
    case End::gone: world.tell(shim::event::HostGone{"stdout is closed"}); break;
  }
  if (world.plan().end == End::eof) {
    world.run_until_done([&world] { return world.host().is_closed(); }, 2h);
    if (!world.host().is_closed() && !world.is_over())
      world.model().fail("does not read the end of its input");
  }
  world.run_until_done([&world] { return world.is_finished(); }, most);
  if (!world.is_finished()) world.model().fail("did not finish within the drain timeout");
  if (world.model().open_asks() > 0) world.model().fail("finished with requests unanswered");
}

}  // namespace

Outcome run(const Scenario& scenario, bool trace, const Sabotage& sabotage) {
  shim::Prng random(scenario.seed);
  Plan plan = random_plan(random);
  if (scenario.only) keep_fields(plan, *scenario.only);
  if (scenario.faults_for) plan.chaos = *scenario.faults_for;
  World world(plan, random.next(), trace);
  if (scenario.only) world.keep_only(*scenario.only);
  world.sabotage(sabotage);
  const TimePoint born = world.now();
  world.begin_chaos();
  world.run_for(plan.chaos);
  if (plan.quiet_period && !world.is_over()) quiet_period(world);
  if (!world.is_over()) end(world);
  Outcome outcome{.failure = world.model().failure(),
                  .trace = world.trace(),
                  .faults_for = plan.chaos,
                  .lived = world.now() - born,
                  .long_life = plan.long_life,
                  .turns = world.turns(),
                  .links_ready = world.session().counters().links_ready,
                  .asks = world.model().asked_count()};
  const bool failed = !outcome.failure.empty();
  if (failed || trace) outcome.plan = describe(plan);
  if (failed) {
    outcome.parts = parts_of(plan);
    outcome.parts.insert(outcome.parts.end(), world.incidents().begin(), world.incidents().end());
  }
  return outcome;
}

}  // namespace sim
