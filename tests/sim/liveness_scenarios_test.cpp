// Whether a backend is alive, busy or gone (contract 7), in virtual time.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/scenario.hpp"

using namespace sim;
using namespace std::chrono_literals;
using shim::Phase;

namespace {

/// A backend with a health file, which a thread of its own writes.
Plan plan_with_health_file() {
  Plan plan = calm_plan();
  plan.settings.has_health_file = true;
  plan.health.by_loop = false;
  return plan;
}

bool loses_link_within(World& world, Duration most) {
  return world.run_until_done([&] { return world.phase() != Phase::ready; }, most);
}

/// Calls that run, and calls that wait to be read, while the backend does nothing for so long.
void lose_nothing_while_blocked(World& world, Duration span) {
  settle_in(world);
  world.run_for(1s);
  world.backend().set_call_time(10s);
  std::vector<std::uint64_t> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(world.host().call());
  calls.push_back(world.host().call_with_token("\"t\""));
  world.run_for(1s);
  world.backend().block(span);
  for (int i = 0; i < 10; ++i) calls.push_back(world.host().call());
  world.run_for(span - 1ms);
  CHECK(world.phase() == Phase::ready);
  world.run_for(15s);
  for (const std::uint64_t seq : calls) CHECK(is_served(world, seq));
  for (std::uint64_t call = 1; call <= calls.size(); ++call) {
    CHECK(world.model().executions(call) == 1);
  }
  CHECK(world.link().attempts() == 1);
  check_peace(world);
}

}  // namespace

TEST_CASE("scenario: section 7: a backend blocked for 100 s with calls in flight loses nothing") {
  World world(calm_plan(), 1);
  lose_nothing_while_blocked(world, 100s);
}

TEST_CASE(
    "scenario: section 7: with a fresh health file a backend blocked for 300 s loses nothing") {
  World world(plan_with_health_file(), 2);
  lose_nothing_while_blocked(world, 300s);
}

TEST_CASE("scenario: section 7: clock steps of an hour neither fake a sign of life nor hide one") {
  SUBCASE("a file that is written by a stepping clock stays fresh") {
    World world(plan_with_health_file(), 3);
    for (int i = 1; i < 6; ++i) {
      world.after(i * 50s, [&world, i] {
        world.health().step_backend_clock(i % 2 == 0 ? 1h : -1h);
        world.health().step_own_clock(i % 3 == 0 ? 1h : -1h);
      });
    }
    lose_nothing_while_blocked(world, 300s);
  }
  SUBCASE("a file that nobody writes any more stays stale") {
    Plan plan = plan_with_health_file();
    plan.health.leftover_age = 1h;
    World world(plan, 4);
    world.health().silence(true);
    settle_in(world);
    world.link().half_open(false);
    world.host().call();
    world.run_for(1s);
    world.health().step_own_clock(-1h);  // now it looks as if it were written this minute
    CHECK_FALSE(loses_link_within(world, 118s));
    CHECK(loses_link_within(world, 2s));  // --stall-timeout, not --busy-timeout
    check_peace(world);
  }
}

TEST_CASE("scenario: section 7: an idle link whose path is dead is dropped by a ping") {
  World world(calm_plan(), 5);
  settle_in(world);
  world.run_for(40s);
  world.link().half_open(false);
  CHECK(loses_link_within(world, 25s));
  CHECK(world.run_until_ready(2s));
  check_peace(world);
}

TEST_CASE("scenario: section 7: a dead path under a call is found out by whatever tells first") {
  struct Row {
    std::string name;
    bool kernel;
    bool health_file;
    bool replaced_at_60s;
    Duration not_before;
    Duration at_last;
  };
  for (const Row& row : {Row{"the kernel", true, false, false, 24s, 26s},
                         Row{"another process", false, true, true, 59s, 61s},
                         Row{"--stall-timeout", false, false, false, 119s, 121s},
                         Row{"--busy-timeout", false, true, false, 599s, 601s}}) {
    CAPTURE(row.name);
    World world(row.health_file ? plan_with_health_file() : calm_plan(), 6);
    settle_in(world);
    const std::uint64_t before = world.host().call();
    world.run_for(10ms);
    CHECK(is_served(world, before));
    world.link().half_open(row.kernel);
    const std::uint64_t call = world.host().call();
    if (row.replaced_at_60s) {
      world.after(60s, [&world] {
        world.health().silence(true);
        world.health().write(R"({"pid":99,"t":1})");
      });
    }
    CHECK_FALSE(loses_link_within(world, row.not_before));
    CHECK(answer(world, call).empty());
    CHECK(loses_link_within(world, row.at_last - row.not_before));
    CHECK(reason(world, call) == "outcome-unknown");
    CHECK(world.run_until_ready(2s));
    check_peace(world);
  }
}

TEST_CASE("scenario: section 7: a backend without heartbeats that answers pings is wedged") {
  Plan plan = calm_plan();
  plan.backend_habits.heartbeats = BackendHabits::Heartbeats::always;
  World world(plan, 7);
  settle_in(world);
  world.run_for(20s);
  const std::uint64_t call = world.host().call();
  world.backend().wedge(600s);
  CHECK_FALSE(loses_link_within(world, 25s));
  CHECK(loses_link_within(world, 25s));  // heartbeat timeout, five seconds and a ping interval
  CHECK(reason(world, call) == "outcome-unknown");
  CHECK(world.session().counters().heartbeats >= 8);
  world.run_for(60s);
  CHECK(world.phase() != Phase::ready);  // it does not answer initialize either
  world.backend().end_moods();
  CHECK(world.run_until_ready(16s));
  check_peace(world);
}

TEST_CASE("scenario: section 7: a backend with heartbeats that answers no ping is merely busy") {
  Plan plan = calm_plan();
  plan.backend_habits.heartbeats = BackendHabits::Heartbeats::always;
  World world(plan, 8);
  lose_nothing_while_blocked(world, 100s);
}

TEST_CASE("scenario: section 7: a heartbeat that comes late, or never, is no reason for anything") {
  for (const Duration first : {Duration(300s), Duration(24h)}) {
    Plan plan = calm_plan();
    plan.backend_habits.heartbeats = BackendHabits::Heartbeats::always;
    plan.backend_habits.first_heartbeat = first;
    World world(plan, 9);
    settle_in(world);
    world.run_for(600s);
    CHECK(world.link().attempts() == 1);
    CHECK(world.phase() == Phase::ready);
    check_peace(world);
  }
}

TEST_CASE(
    "scenario: section 7: heartbeats stay here, and asking for them is not seen by the host") {
  Plan plan = calm_plan();
  plan.backend_habits.heartbeats = BackendHabits::Heartbeats::at_level_debug;
  plan.settings.request_heartbeats = true;
  World world(plan, 10);
  settle_in(world);
  world.host().request("logging/setLevel", R"("level":"error",)");
  world.run_for(10s);
  CHECK(world.backend().level() == "debug");
  CHECK(world.session().counters().heartbeats >= 4);
  const std::uint64_t before = world.host().lines_heard();
  const std::string head = R"({"jsonrpc":"2.0","method":"notifications/message","params":)";
  for (const char* level : {"debug", "info", "warning", "error"}) {
    world.backend().say(head + R"({"level":")" + level + R"(","data":1}})");
  }
  world.run_for(10s);
  CHECK(world.host().lines_heard() == before + 1);
  world.backend().kill();
  world.run_for(1s);
  world.backend().start();
  REQUIRE(world.run_until_ready(16s));
  world.run_for(10ms);
  CHECK(world.backend().level() == "debug");
  check_peace(world);
}

TEST_CASE("scenario: section 7: after a suspend the link is tried at once") {
  SUBCASE("one that died meanwhile is dropped after the pong timeout") {
    World world(calm_plan(), 11);
    settle_in(world);
    world.link().half_open(false);
    world.tell(shim::event::MachineResumed{3600s});
    CHECK_FALSE(loses_link_within(world, 9900ms));
    CHECK(loses_link_within(world, 200ms));
    CHECK(world.run_until_ready(2s));
    check_peace(world);
  }
  SUBCASE("one that lives is kept, with what is in flight") {
    World world(calm_plan(), 12);
    settle_in(world);
    world.backend().set_call_time(30s);
    const std::uint64_t call = world.host().call();
    world.run_for(1s);
    world.tell(shim::event::MachineResumed{3600s});
    world.run_for(30s);
    CHECK(is_served(world, call));
    CHECK(world.link().attempts() == 1);
    check_peace(world);
  }
  SUBCASE("and so is a backend that was away") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(seed);
      World world(calm_plan(), seed);
      settle_in(world);
      world.backend().kill();
      world.run_for(200s);
      REQUIRE(world.run_until_done([&] { return world.phase() == Phase::waiting; }, 1s));
      world.backend().start();
      world.tell(shim::event::MachineResumed{3600s});
      CHECK(world.run_until_ready(1100ms));
      check_peace(world);
    }
  }
}

TEST_CASE(
    "scenario: section 7: a stale file of an earlier container keeps nobody from the backend") {
  for (const Duration age : {Duration(1h), Duration(-1h)}) {
    Plan plan = plan_with_health_file();
    plan.health.leftover_age = age;
    World world(plan, 14);
    world.health().silence(true);
    settle_in(world);
    CHECK(world.now() - TimePoint() - 1000s < 100ms);
    world.run_for(600s);
    const std::uint64_t call = world.host().call();
    world.run_for(100ms);
    CHECK(is_served(world, call));
    CHECK(world.link().attempts() == 1);
    check_peace(world);
  }
}

TEST_CASE(
    "scenario: section 4.2: a health file that turns fresh makes the next attempt come at once") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    World world(plan_with_health_file(), seed);
    settle_in(world);
    world.backend().kill();
    world.run_for(300s);  // the file is stale now, and the delays are long
    REQUIRE(world.run_until_done([&] { return world.phase() == Phase::waiting; }, 1s));
    world.backend().start();  // writes when it listens
    CHECK(world.run_until_ready(100ms));
    check_peace(world);
  }
}

TEST_CASE("scenario: section 7: bytes of a long message are life, long before it is complete") {
  World world(calm_plan(), 15);
  settle_in(world);
  world.link().trickle_next(300s);
  const std::uint64_t call = world.host().call();
  world.run_for(1s);
  world.host().cancel(call);  // nothing in flight: only the bytes speak for the backend
  world.run_for(310s);
  CHECK(world.link().attempts() == 1);
  check_peace(world);
}
