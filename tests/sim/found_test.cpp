// What the swarm has found, each as small as it could be made.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/scenario.hpp"

using namespace sim;
using namespace std::chrono_literals;
using shim::Phase;

TEST_CASE("found: an id that is no valid JSON is not repeated in the answer to a broken line") {
  for (const std::string& id :
       std::vector<std::string>{"01", "1-2", "-", "\"\\q\"", "\"\xff\"", "\"a\tb\""}) {
    CAPTURE(id);
    World world(calm_plan(), 1);
    settle_in(world);
    world.host().say(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/list"})");
    world.run_for(1s);
    check_peace(world);
  }
}

TEST_CASE("found: neither is that of a line that is too long") {
  Plan plan = calm_plan();
  plan.settings.max_message = 4096;
  for (const std::string& id : std::vector<std::string>{"01", "\"\xff\""}) {
    CAPTURE(id);
    World world(plan, 1);
    world.host().say(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"x","params":")" +
                     std::string(5000, 'x') + "\"}");
    world.run_for(1s);
    check_peace(world);
  }
}

TEST_CASE("found: a call too long to be sent, without an id to answer it under, gets no result") {
  Plan plan = calm_plan();
  plan.settings.max_message = 4096;
  World world(plan, 2);
  std::string line = R"({"jsonrpc":"2.0","method":"tools/call","params":")";
  line.append(5000, 'x').append("\"}");
  world.host().say(line);
  world.run_for(1s);
  check_peace(world);
}

TEST_CASE("found: an answer of the host that cannot be passed on is not answered under its id") {
  Plan plan = calm_plan();
  plan.settings.max_message = 4096;
  const std::string head = R"({"jsonrpc":"2.0","id":"mcp-ws-shim:1","result":)";
  for (const std::string& text : {head + "nothing}", head + R"({},"result":{}})",
                                  head + "\"" + std::string(5000, 'x') + "\"}"}) {
    CAPTURE(text.substr(0, 80));
    World world(plan, 3);
    settle_in(world);
    world.host().answer_requests(false);
    world.backend().ask_host();
    world.run_for(1s);
    world.host().say(text);
    world.run_for(1s);
    check_peace(world);
  }
}

TEST_CASE("found: what was sent once is never called undelivered, even if its replay is not sent") {
  Plan plan = calm_plan();
  plan.settings.replay = shim::Replay::always;
  plan.settings.queue_timeout = 5s;
  World world(plan, 4);
  settle_in(world);
  world.backend().hold("tools/call");
  const std::uint64_t call = world.host().call();
  world.run_for(1s);
  CHECK(world.model().executions(1) == 1);
  world.backend().kill();
  SUBCASE("the queue timeout passes") {
    world.run_for(6s);
    CHECK(reason(world, call) == "outcome-unknown");
  }
  SUBCASE("the shim is stopped") {
    world.run_for(1s);
    world.tell(shim::event::StopRequested{"SIGTERM"});
    CHECK(reason(world, call) == "outcome-unknown");
  }
  SUBCASE("the backend comes back with another version") {
    world.backend().set_version("2024-11-05");
    world.backend().start();
    world.run_for(4s);
    CHECK(reason(world, call) == "outcome-unknown");
  }
  check_peace(world);
}

TEST_CASE("found: an initialize that was sent is not called undelivered at the end") {
  World world(calm_plan(), 5);
  world.backend().hold("initialize");
  const std::uint64_t greeting = world.host().greet();
  world.run_for(1s);
  world.backend().kill();
  world.run_for(1s);
  world.tell(shim::event::StopRequested{"SIGTERM"});
  CHECK(reason(world, greeting) == "outcome-unknown");
  check_peace(world);
}

TEST_CASE("found: a level whose request was replayed is restored after the next restart too") {
  World world(calm_plan(), 6);
  settle_in(world);
  world.backend().hold("logging/setLevel");
  world.host().request("logging/setLevel", R"("level":"error",)");
  world.run_for(1s);
  for (int i = 0; i < 2; ++i) {
    world.backend().kill();
    world.run_for(1s);
    world.backend().start();
    REQUIRE(world.run_until_ready(20s));
    world.run_for(10ms);
    world.backend().release();
    world.run_for(1s);
    CHECK(world.backend().level() == "error");
  }
  check_peace(world);
}

TEST_CASE("found: level and subscriptions are restored whatever --replay says") {
  Plan plan = calm_plan();
  plan.settings.replay = shim::Replay::never;
  World world(plan, 7);
  settle_in(world);
  world.host().request("logging/setLevel", R"("level":"error",)");
  world.host().request("resources/subscribe", R"("uri":"file:///a",)");
  world.run_for(1s);
  world.backend().kill();
  world.run_for(1s);
  world.backend().start();
  REQUIRE(world.run_until_ready(20s));
  world.run_for(1s);
  CHECK(world.backend().level() == "error");
  CHECK(world.backend().received("resources/subscribe") == 2);
  check_peace(world);
}

TEST_CASE("found: an invalid answer to a restored setting does not cost a ready link") {
  World world(calm_plan(), 8);
  settle_in(world);
  world.host().request("logging/setLevel", R"("level":"error",)");
  world.run_for(1s);
  world.backend().kill();
  world.run_for(1s);
  world.backend().set_raw("logging/setLevel", R"({"id":ID,"result":{}})");  // no "jsonrpc"
  world.backend().start();
  REQUIRE(world.run_until_ready(20s));
  const std::uint64_t attempts = world.link().attempts();
  world.run_for(20s);
  CHECK(world.phase() == Phase::ready);
  CHECK(world.link().attempts() == attempts);
  check_peace(world);
}

TEST_CASE(
    "found: a full queue does not refuse initialize, but it does not grow without end either") {
  Plan plan = calm_plan();
  plan.settings.queue_max = 4;
  plan.settings.offline = shim::Offline::wait;
  World world(plan, 9);
  world.backend().kill();
  for (int i = 0; i < 100; ++i) world.host().greet();
  world.run_for(1s);
  CHECK(world.session().outbox().count() <= plan.settings.queue_max + 1);
  check_peace(world);
}

TEST_CASE("found: a notification that finds no room does not take a request's place with it") {
  Plan plan = calm_plan();
  plan.settings.queue_max = 1;
  World world(plan, 15);
  settle_in(world);
  world.backend().kill();
  world.run_for(10ms);
  const std::uint64_t first = world.host().call();
  world.host().notify("notifications/roots/list_changed");  // dropped: the queue is full
  world.run_for(10ms);
  world.host().cancel(first);
  const std::uint64_t second = world.host().call();
  world.run_for(10ms);
  world.host().notify("notifications/roots/list_changed");
  world.run_for(10ms);
  world.backend().start();
  REQUIRE(world.run_until_ready(20s));
  world.run_for(1s);
  CHECK(is_served(world, second));
  check_peace(world);
}

TEST_CASE("found: a core that starts afresh knows what the host has not read yet") {
  Plan plan = calm_plan();
  plan.settings.queue_bytes = 4096;
  World world(plan, 16);
  settle_in(world);
  world.host().set_read_gap(10s);
  for (int i = 0; i < 200; ++i) world.host().call();
  world.run_for(1s);
  REQUIRE(world.host().unread_bytes() > plan.settings.queue_bytes);
  world.replace_core();
  const std::size_t before = world.host().unread_bytes();
  for (int i = 0; i < 200; ++i) world.host().call();
  world.run_for(5s);
  CHECK(world.host().unread_bytes() < before + 2048);
  check_peace(world);
}

TEST_CASE("found: half an emoji in what a backend says of itself does not change its lists") {
  World world(calm_plan(), 17);
  const std::string result = R"({"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"2025-06-18",)"
                             R"("capabilities":{"tools":{"listChanged":true}},)"
                             R"("instructions":"\ud83d","to":1}})";
  settle_in(world);
  world.backend().set_raw("initialize", result);
  world.host().request("tools/list");
  world.run_for(1s);
  for (int i = 0; i < 3; ++i) {
    world.backend().kill();
    world.run_for(1s);
    world.backend().start();
    REQUIRE(world.run_until_ready(20s));
    world.run_for(1s);
  }
  check_peace(world);  // no list_changed without a change
}

TEST_CASE("found: an initialize that comes while the old session is resumed begins a new one") {
  World world(calm_plan(), 10);
  settle_in(world);
  world.backend().kill();
  world.backend().hold("initialize");
  world.backend().start();
  REQUIRE(world.run_until_done([&] { return world.phase() == Phase::resuming; }, 20s));
  world.run_for(10ms);
  const std::uint64_t again = world.host().greet();
  world.run_for(10ms);
  world.backend().release();
  world.run_for(1s);
  CHECK(is_served(world, again));
  CHECK(world.phase() == Phase::ready);
  check_peace(world);
}

TEST_CASE("found: a core that starts afresh knows that the host has closed its end") {
  World world(calm_plan(), 11);
  settle_in(world);
  world.backend().set_call_time(60s);
  world.host().call();
  world.run_for(10ms);
  world.host().close();
  world.run_for(100ms);
  REQUIRE_FALSE(world.is_finished());
  world.replace_core();
  CHECK(world.run_until_done([&] { return world.is_finished(); }, 2100ms));
  check_peace(world);
}

TEST_CASE("found: a core that starts afresh reads a host that the one before had paused") {
  Plan plan = calm_plan();
  plan.settings.queue_bytes = 4096;
  plan.link.kernel_bytes = 512;
  World world(plan, 12);
  settle_in(world);
  world.link().stall(10s);
  for (int i = 0; i < 100; ++i) world.host().call();
  world.run_for(1s);
  world.replace_core();
  world.run_for(20s);
  const std::uint64_t seq = world.host().call();
  world.run_for(5s);
  CHECK(is_served(world, seq));
  check_peace(world);
}

TEST_CASE("found: a lone surrogate in the initialize result does not cost the session") {
  // What a JavaScript backend sends that cuts a text in the middle of an emoji.
  World world(calm_plan(), 13);
  world.backend().set_raw("initialize", R"({"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":)"
                                        R"("2025-06-18","capabilities":{},"instructions":"\ud83d",)"
                                        R"("to":1}})");
  world.host().greet();
  world.run_for(1s);
  world.backend().kill();
  world.run_for(1s);
  world.backend().start();
  REQUIRE(world.run_until_ready(20s));
  world.run_for(1s);
  CHECK(world.backend().received("initialize") == 2);
  check_peace(world);
}

TEST_CASE("found: a link is not given up while it is the host's slowness that keeps it unread") {
  Plan plan = calm_plan();
  plan.settings.queue_bytes = 4096;
  World world(plan, 14);
  settle_in(world);
  for (int i = 0; i < 200; ++i) world.host().call();
  world.host().set_read_gap(10s);
  world.run_for(1s);
  REQUIRE(world.host().unread_bytes() > plan.settings.queue_bytes);
  world.link().cut(shim::Cause::reset);
  world.run_for(20s);
  CHECK(world.link().attempts() == 2);
  world.host().set_read_gap(1us);
  CHECK(world.run_until_ready(11s));  // once the host has read on
  CHECK(world.link().attempts() == 2);
  check_peace(world);
}
