// What users meet, in order: no backend, a lost backend, a strange backend.

#include <cstdint>
#include <vector>

#include "tests/sim/scenario.hpp"

using namespace sim;
using namespace std::chrono_literals;
using shim::Phase;

TEST_CASE(
    "scenario: with the backend absent at the start, initialize waits and is answered by it") {
  Plan plan = calm_plan();
  plan.settings.offline = shim::Offline::wait;
  World world(plan, 1);
  world.backend().kill();
  const std::uint64_t greeting = world.host().greet();
  world.run_for(90s);  // longer than any queue timeout
  CHECK(answer(world, greeting).empty());
  CHECK(world.phase() != Phase::ready);
  world.backend().start();
  CHECK(world.run_until_ready(16s));
  world.run_for(1s);
  CHECK(is_served(world, greeting));
  CHECK(world.backend().received("notifications/initialized") == 1);
  check_peace(world);
}

TEST_CASE("scenario: a backend killed under calls comes back; none is lost and none runs twice") {
  for (const Duration away : {Duration(1s), Duration(20s)}) {
    CAPTURE(shim::seconds(away));
    World world(calm_plan(), 2);
    settle_in(world);
    world.backend().set_call_time(10s);
    std::vector<std::uint64_t> in_flight;
    for (int i = 0; i < 20; ++i) in_flight.push_back(world.host().call());
    world.run_for(100ms);
    world.backend().kill();
    world.run_for(100ms);
    for (const std::uint64_t seq : in_flight) CHECK(reason(world, seq) == "outcome-unknown");

    world.backend().set_call_time(5ms);
    std::vector<std::uint64_t> queued;
    for (int i = 0; i < 20; ++i) queued.push_back(world.host().call());
    world.run_for(away - 200ms);
    for (const std::uint64_t seq : queued) CHECK(answer(world, seq).empty());
    world.backend().start();
    CHECK(world.run_until_ready(16s));
    world.run_for(1s);
    for (const std::uint64_t seq : queued) CHECK(is_served(world, seq));
    for (std::uint64_t call = 1; call <= 40; ++call) CHECK(world.model().executions(call) == 1);
    check_peace(world);
  }
}

TEST_CASE("scenario: a call that cannot be sent is given up after the queue timeout, undelivered") {
  Plan plan = calm_plan();
  plan.settings.queue_timeout = 5s;
  World world(plan, 3);
  settle_in(world);
  world.backend().kill();
  world.run_for(10ms);
  const std::uint64_t seq = world.host().call();
  world.run_for(4900ms);
  CHECK(answer(world, seq).empty());
  world.run_for(200ms);
  CHECK(reason(world, seq) == "backend-unavailable");
  world.backend().start();
  CHECK(world.run_until_ready(16s));
  world.run_for(10s);
  CHECK(world.model().executions(1) == 0);
  check_peace(world);
}

TEST_CASE("scenario: a backend that closes right after ready is not hammered") {
  World world(calm_plan(), 4);
  settle_in(world);
  for (int i = 0; i < 30; ++i) {
    REQUIRE(world.run_until_ready(20s));
    world.link().cut(shim::Cause::closed);
    world.run_for(1ms);
  }
  // Never five seconds in ready, so the delay has grown to the cap: thirty links took minutes.
  CHECK(world.now() - TimePoint() - 1000s > 60s);
  REQUIRE(world.run_until_ready(20s));
  world.run_for(6s);
  world.link().cut(shim::Cause::closed);
  world.run_for(1ms);
  // It has proved itself: at most base times two now.
  CHECK(world.run_until_ready(1100ms));
  check_peace(world);
}

TEST_CASE("scenario: a flapping backend never costs more than what was in flight") {
  World world(calm_plan(), 5);
  settle_in(world);
  std::vector<std::uint64_t> calls;
  for (int i = 0; i < 50; ++i) {
    calls.push_back(world.host().call());
    world.run_for(world.random().between(Duration(0), Duration(1s)));
    world.backend().kill();
    world.run_for(world.random().between(Duration(0), Duration(3s)));
    world.backend().start();
  }
  world.run_for(60s);
  for (const std::uint64_t seq : calls) {
    CAPTURE(answer(world, seq));
    CHECK((is_served(world, seq) || reason(world, seq) == "outcome-unknown"));
  }
  check_peace(world);
}

TEST_CASE("scenario: attempts that end in no way at all are ended by their timeouts") {
  struct Row {
    std::string name;
    Fate fate;
    Duration until;  ///< so long it must be given
  };
  for (const Row& row :
       {Row{"silent upgrade", Fate::silent_upgrade, 9900ms},
        Row{"black hole", Fate::black_hole, 9900ms}, Row{"no pong", Fate::no_pong, 4900ms}}) {
    CAPTURE(row.name);
    Plan plan = calm_plan();
    plan.settings.offline = shim::Offline::wait;
    World world(plan, 6);
    world.link().force(row.fate);
    const std::uint64_t greeting = world.host().greet();
    world.run_for(row.until);
    CHECK(world.link().attempts() == 1);
    CHECK(world.run_until_done([&] { return world.link().attempts() == 2; }, 1200ms));
    CHECK(world.session().counters().links_ready == 0);
    world.link().force(std::nullopt);
    CHECK(world.run_until_ready(30s));
    world.run_for(100ms);
    CHECK(is_served(world, greeting));
    check_peace(world);
  }
}

TEST_CASE("scenario: a backend of another protocol version is refused until it is mended") {
  World world(calm_plan(), 7);
  settle_in(world);
  world.backend().kill();
  world.run_for(10ms);
  const std::uint64_t queued = world.host().call();
  world.backend().set_version("2024-11-05");
  world.backend().start();
  world.run_for(20s);
  CHECK(world.phase() != Phase::ready);
  CHECK(reason(world, queued) == "session-incompatible");
  const std::uint64_t attempts = world.link().attempts();
  world.run_for(160s);
  CHECK(world.link().attempts() - attempts <= 11);  // at the cap: it takes a person
  world.backend().kill();
  world.backend().set_version("2025-06-18");
  world.backend().start();
  CHECK(world.run_until_ready(17s));
  const std::uint64_t seq = world.host().call();
  world.run_for(100ms);
  CHECK(is_served(world, seq));
  CHECK(world.model().executions(1) == 0);
  check_peace(world);
}

TEST_CASE("scenario: of three answers to a call the host sees one") {
  World world(calm_plan(), 8);
  settle_in(world);
  world.backend().set_copies(3);
  const std::uint64_t seq = world.host().call();
  const std::uint64_t before = world.host().lines_heard();
  world.run_for(1s);
  CHECK(is_served(world, seq));
  CHECK(world.host().lines_heard() == before + 1);
  CHECK(world.session().counters().of(shim::Drop::unknown_answer) == 2);
  check_peace(world);
}

TEST_CASE("scenario: ten thousand messages to a slow host arrive, each once, in bounded memory") {
  Plan plan = calm_plan();
  plan.settings.queue_bytes = 64 << 10U;
  plan.settings.queue_max = 20000;
  World world(plan, 9);
  settle_in(world);
  world.host().set_read_gap(1ms);
  std::size_t most = 0;
  std::vector<std::uint64_t> calls;
  for (int i = 0; i < 10000; ++i) calls.push_back(world.host().call());
  world.run_until_done(
      [&] {
        most = std::max(most, world.host().unread_bytes());
        return is_served(world, calls.back());
      },
      60s);
  world.run_for(1s);
  std::uint64_t served = 0;
  for (const std::uint64_t seq : calls) served += is_served(world, seq) ? 1 : 0;
  CHECK(served == calls.size());
  CHECK(most < plan.settings.queue_bytes + 4096);
  check_peace(world);
}

TEST_CASE("scenario: a host that keeps asking is served 1.2 s after the backend is back") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    World world(calm_plan(), seed);
    settle_in(world);
    world.backend().kill();
    for (int i = 0; i < 300; ++i) {  // long enough for the longest delays
      world.host().call();
      world.run_for(100ms);
    }
    world.backend().start();
    const TimePoint back = world.now();
    std::uint64_t asked = 0;
    while (!is_served(world, asked) && world.now() - back < 5s) {
      asked = asked == 0 ? world.host().call() : asked;
      world.host().call();
      world.run_for(50ms);
    }
    CHECK(world.now() - back <= 1200ms);
    check_peace(world);
  }
}

TEST_CASE("scenario: with an idle host the link is ready within the cap") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    World world(calm_plan(), seed);
    settle_in(world);
    world.backend().kill();
    world.run_for(200s);
    world.backend().start();
    CHECK(world.run_until_ready(world.plan().settings.backoff.cap + 100ms));
    check_peace(world);
  }
}
