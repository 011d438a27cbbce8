// What becomes of a session, its requests and its end.

#include <cstdint>

#include "tests/sim/scenario.hpp"

using namespace sim;
using namespace std::chrono_literals;
using shim::Phase;

namespace {

void restart(World& world, Duration away = 1s) {
  world.backend().kill();
  world.run_for(away);
  world.backend().start();
  REQUIRE(world.run_until_ready(20s));
}

}  // namespace

TEST_CASE("scenario: a restarted backend is told the whole session before anything else") {
  World world(calm_plan(), 1);
  settle_in(world);
  world.host().request("logging/setLevel", R"("level":"warning",)");
  for (const char* uri : {"file:///a", "file:///b", "file:///c"}) {
    world.host().request("resources/subscribe", R"("uri":")" + std::string(uri) + R"(",)");
  }
  world.run_for(1s);
  world.host().request("resources/unsubscribe", R"("uri":"file:///b",)");
  world.run_for(1s);
  world.backend().kill();
  world.run_for(10ms);
  const std::uint64_t queued = world.host().call();
  world.run_for(1s);
  world.backend().start();
  REQUIRE(world.run_until_ready(20s));
  world.run_for(1s);
  CHECK(is_served(world, queued));
  CHECK(world.backend().level() == "warning");
  CHECK(world.backend().received("resources/subscribe") == 5);
  check_peace(world);  // the judge knows the sequence
}

TEST_CASE("scenario: a link lost before initialize was answered gives its question to the next") {
  World world(calm_plan(), 2);
  world.backend().hold("initialize");
  const std::uint64_t greeting = world.host().greet();
  world.run_for(3s);
  restart(world);
  world.run_for(10ms);
  CHECK(answer(world, greeting).empty());
  world.backend().release();
  world.run_for(1s);
  CHECK(is_served(world, greeting));
  check_peace(world);
}

TEST_CASE("scenario: a read-only request is replayed once, and no more") {
  World world(calm_plan(), 3);
  settle_in(world);
  world.backend().hold("tools/list");
  const std::uint64_t list = world.host().request("tools/list");
  const std::uint64_t call = world.host().call("look");
  world.run_for(1s);
  CHECK(is_served(world, call));
  restart(world);
  world.run_for(1s);
  CHECK(answer(world, list).empty());
  world.backend().kill();
  world.run_for(10ms);
  CHECK(reason(world, list) == "outcome-unknown");
  CHECK(world.backend().received("tools/list") == 2);
  check_peace(world);
}

TEST_CASE("scenario: requests of the backend keep their ids apart over restarts") {
  World world(calm_plan(), 4);
  settle_in(world);
  world.host().answer_requests(false);
  world.backend().ask_host();  // id 0
  world.run_for(1s);
  CHECK(world.host().requests_heard() == 1);
  const std::uint64_t before = world.host().lines_heard();
  world.backend().kill();
  world.run_for(10ms);
  CHECK(world.host().lines_heard() == before + 1);  // its cancellation
  world.backend().start();
  REQUIRE(world.run_until_ready(20s));
  world.run_for(10ms);
  world.host().answer_requests(true);
  world.backend().ask_host();  // id 0 again
  world.run_for(1s);
  CHECK(world.backend().answers_from_host() == 1);
  // The host's answer to the first, which is gone.
  world.host().say(R"({"jsonrpc":"2.0","id":"mcp-ws-shim:1","result":{"tag":1}})");
  world.run_for(1s);
  CHECK(world.backend().answers_from_host() == 1);
  check_peace(world);
}

TEST_CASE("scenario: ping is answered whatever the backend does") {
  World world(calm_plan(), 5);
  world.backend().kill();
  world.run_for(1s);
  world.host().request("ping");  // the judge wants the answer in the same turn
  world.run_for(10ms);
  CHECK(world.host().lines_heard() == 1);
  world.backend().start();
  settle_in(world);
  const std::uint64_t before = world.host().lines_heard();
  world.host().request("ping");
  world.run_for(10ms);
  CHECK(world.host().lines_heard() == before + 1);
  CHECK(world.backend().received("ping") == 0);
  check_peace(world);
}

TEST_CASE("scenario: cancelling removes what waits and is passed on for what runs") {
  World world(calm_plan(), 6);
  settle_in(world);
  world.backend().set_call_time(5s);
  const std::uint64_t running = world.host().call();
  world.run_for(100ms);
  world.host().cancel(running);
  world.run_for(10s);
  CHECK(world.backend().received("notifications/cancelled") == 1);
  CHECK(answer(world, running).empty());
  world.backend().kill();
  world.run_for(10ms);
  const std::uint64_t waiting = world.host().call();
  world.run_for(10ms);
  world.host().cancel(waiting);
  world.run_for(1s);
  world.backend().start();
  REQUIRE(world.run_until_ready(20s));
  world.run_for(1s);
  CHECK(answer(world, waiting).empty());
  CHECK(world.model().executions(2) == 0);
  CHECK(world.backend().received("notifications/cancelled") == 1);
  check_peace(world);
}

TEST_CASE("scenario: the end of input waits for answers, but not for long") {
  Plan plan = calm_plan();
  plan.settings.drain_timeout = 2s;
  struct Row {
    std::string name;
    bool backend_up;
    Duration call_time;
    Duration finished_within;
    const char* reason;
  };
  for (const Row& row : {Row{"answered in time", true, 1s, 1100ms, ""},
                         Row{"too slow", true, 60s, 2100ms, "outcome-unknown"},
                         Row{"no backend", false, 1s, 2100ms, "backend-unavailable"}}) {
    CAPTURE(row.name);
    World world(plan, 7);
    settle_in(world);
    if (!row.backend_up) world.backend().kill();
    world.run_for(10ms);
    world.backend().set_call_time(row.call_time);
    const std::uint64_t seq = world.host().call();
    world.run_for(10ms);
    world.host().close();
    CHECK(world.run_until_done([&] { return world.is_finished(); }, row.finished_within));
    CHECK(reason(world, seq) == row.reason);
    check_peace(world);
  }
}

TEST_CASE("scenario: with nothing pending the end of input is the end") {
  for (const bool up : {true, false}) {
    CAPTURE(up);
    World world(calm_plan(), 8);
    settle_in(world);
    if (!up) world.backend().kill();
    world.run_for(1s);
    world.host().close();
    CHECK(world.run_until_done([&] { return world.is_finished(); }, 100ms));
    check_peace(world);
  }
}

TEST_CASE("scenario: a full queue refuses the newest and keeps the rest") {
  Plan plan = calm_plan();
  plan.settings.queue_max = 10;
  World world(plan, 9);
  settle_in(world);
  world.backend().kill();
  world.run_for(10ms);
  std::vector<std::uint64_t> calls;
  for (int i = 0; i < 12; ++i) calls.push_back(world.host().call());
  world.run_for(10ms);
  CHECK(reason(world, calls[9]).empty());
  CHECK(reason(world, calls[10]) == "queue-full");
  CHECK(reason(world, calls[11]) == "queue-full");
  world.backend().start();
  REQUIRE(world.run_until_ready(20s));
  world.run_for(1s);
  for (int i = 0; i < 10; ++i) CHECK(is_served(world, calls[static_cast<std::size_t>(i)]));
  check_peace(world);
}

TEST_CASE("scenario: a wish to reconnect is granted at once, though not sooner than a second") {
  World world(calm_plan(), 10);
  settle_in(world);
  world.backend().kill();
  world.run_for(200s);
  world.backend().start();
  world.run_for(1ms);
  if (world.phase() != Phase::ready) {
    world.tell(shim::event::ReconnectRequested{});
    CHECK(world.run_until_ready(1100ms));
  }
  check_peace(world);
}

TEST_CASE("scenario: a subscription outlives restarts, and the host notices nothing") {
  World world(calm_plan(), 11);
  settle_in(world);
  const std::uint64_t tools = world.host().request_modern_tools();
  const std::uint64_t subscription = world.host().subscribe();
  world.run_for(1s);
  CHECK(is_served(world, tools));
  CHECK(world.model().ask(subscription)->acknowledged);
  const std::uint64_t before = world.host().lines_heard();
  for (std::uint64_t links = 2; links <= 4; ++links) {
    world.backend().end_subscriptions();  // as one does that is told to stop
    world.run_for(5s);
    restart(world);
    world.run_for(1s);
    CHECK(world.backend().received("subscriptions/listen") == links);
  }
  world.run_for(1min);
  CHECK(world.host().lines_heard() == before);
  world.backend().change_tools();
  restart(world);
  world.run_for(1s);
  CHECK(world.host().lines_heard() == before + 1);  // that they have changed
  check_peace(world);
}

TEST_CASE("scenario: a subscription that the backend ends and stays has ended") {
  World world(calm_plan(), 12);
  settle_in(world);
  const std::uint64_t subscription = world.host().subscribe();
  world.run_for(1s);
  world.backend().end_subscriptions();
  world.run_for(9900ms);
  CHECK(world.model().open_list().find("subscriptions/listen") == 0);
  world.run_for(200ms);
  CHECK(world.model().open_list().empty());
  CHECK(world.model().ask(subscription)->closed_in_turn.has_value());
  check_peace(world);
}
