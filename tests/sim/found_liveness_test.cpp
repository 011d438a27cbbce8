// What the swarm has found about liveness and keepalives, each as small as it could be made.

#include <cstdint>

#include "tests/sim/scenario.hpp"

using namespace sim;
using namespace std::chrono_literals;
using shim::Phase;

TEST_CASE("found: a shim that is stopped while its backend is silent just ends") {
  World world(calm_plan(), 1);
  settle_in(world);
  world.host().call();
  world.backend().block(60s);
  world.run_for(30s);
  world.tell(shim::event::StopRequested{"SIGTERM"});
  CHECK(world.is_finished());
  check_peace(world);
}

TEST_CASE("found: no verdict of silence without a look at the link") {
  // An answer has begun to come since the last look, and then patience runs out early.
  Plan plan = calm_plan();
  plan.settings.has_health_file = true;
  plan.settings.stall_timeout = 20s;
  plan.health.by_loop = false;
  World world(plan, 2);
  settle_in(world);
  const std::uint64_t call = world.host().call();
  world.run_for(1ms);
  world.link().trickle_next(20s);
  world.backend().block(30s);
  world.run_for(35s);
  SUBCASE("the health file becomes useless") { world.health().write("rubbish"); }
  SUBCASE("the host cancels what is in flight") { world.host().cancel(call); }
  SUBCASE("the health file names another process") { world.health().write(R"({"pid":5,"t":1})"); }
  world.run_for(100ms);
  CHECK(world.phase() == Phase::ready);
  CHECK(world.link().attempts() == 1);
  check_peace(world);
}

TEST_CASE("found: with --ping-interval 0 one reason to ping leads to one ping") {
  Plan plan = calm_plan();
  plan.settings.ping_interval = 0s;
  World world(plan, 3);
  settle_in(world);
  world.tell(shim::event::MachineResumed{3600s});
  world.run_for(60s);
  check_peace(world);  // the judge wants a reason for each
}

TEST_CASE("found: a backend that reports the largest of all numbers does not end the keepalives") {
  World world(calm_plan(), 4);
  settle_in(world);
  world.backend().set_call_time(100s);
  world.host().call_with_token("7");
  world.run_for(1s);
  world.backend().report("7", "1.7976931348623157e308");
  world.run_for(15s);
  world.backend().report("7", "33");
  world.run_for(30s);
  CHECK(world.session().counters().keepalives >= 2);
  check_peace(world);
}

TEST_CASE("found: the request timeout does not run while it is the shim that does not read") {
  Plan plan = calm_plan();
  plan.settings.queue_bytes = 4096;
  plan.settings.request_timeout = 5s;
  World world(plan, 5);
  settle_in(world);
  world.backend().set_call_time(1s);
  for (int i = 0; i < 200; ++i) world.host().call();
  world.host().set_read_gap(500ms);
  world.run_for(900ms);
  const std::uint64_t last = world.host().call();
  world.run_for(200s);
  CHECK(is_served(world, last));
  check_peace(world);
}

TEST_CASE("found: keepalives for a slow host do not keep the answers away, however little room") {
  Plan plan = calm_plan();
  plan.settings.queue_bytes = 1024;
  plan.settings.keepalive_interval = 200ms;
  World world(plan, 6);
  settle_in(world);
  world.backend().hold("tools/call");
  std::uint64_t call = 0;
  for (int i = 1; i <= 12; ++i) call = world.host().call_with_token(std::to_string(i));
  world.host().set_read_gap(50ms);  // slower than 12 keepalives every 200 ms
  world.run_for(60s);
  world.backend().release();
  world.run_for(60s);
  CHECK(is_served(world, call));
  check_peace(world);
}
