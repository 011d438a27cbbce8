// What a host gets while there is no backend, and what it is told afterwards.

#include <cstdint>

#include "tests/sim/scenario.hpp"

using namespace sim;
using namespace std::chrono_literals;

namespace {

constexpr const char* tools_changed =
    R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})";

}  // namespace

TEST_CASE("scenario: a host that starts before its backend lives on what an earlier one has said") {
  World world(calm_plan(), 1);
  world.disk().store("2025-06-18", old_cache_file("2025-06-18"));
  world.model().knows_file(world.disk().files().at("2025-06-18"));
  world.backend().kill();
  const std::uint64_t greeting = world.host().greet();
  world.run_for(2400ms);
  CHECK(answer(world, greeting).empty());
  world.run_for(200ms);
  CHECK(answer(world, greeting).find(R"("version":"0")") != std::string::npos);
  const std::uint64_t list = world.host().request("tools/list");
  world.run_for(10ms);
  CHECK(answer(world, list).find(R"("name":"old")") != std::string::npos);
  const std::uint64_t call = world.host().call();
  world.run_for(1s);
  CHECK(answer(world, call).empty());

  world.backend().start();
  REQUIRE(world.run_until_ready(16s));
  world.run_for(1s);
  CHECK(is_served(world, call));
  CHECK(world.host().times_heard(tools_changed) == 1);
  check_peace(world);
}

TEST_CASE("scenario: a host whose backend was never seen gets the least that lets it carry on") {
  World world(calm_plan(), 2);
  world.backend().kill();
  const std::uint64_t greeting = world.host().greet();
  world.run_for(14900ms);
  CHECK(answer(world, greeting).empty());
  world.run_for(200ms);
  CHECK(answer(world, greeting).find(R"("name":"mcp-ws-shim")") != std::string::npos);
  const std::uint64_t tools = world.host().request("tools/list");
  const std::uint64_t prompts = world.host().request("prompts/list");
  world.run_for(10ms);
  CHECK(answer(world, tools).find(R"("tools":[])") != std::string::npos);
  CHECK(answer(world, prompts).find(R"("prompts":[])") != std::string::npos);

  world.backend().start();
  REQUIRE(world.run_until_ready(16s));
  world.run_for(1s);
  CHECK(world.host().times_heard(tools_changed) == 1);
  CHECK(world.host().times_heard(
            R"({"jsonrpc":"2.0","method":"notifications/prompts/list_changed"})") == 0);
  check_peace(world);
}

TEST_CASE(
    "scenario: a restart is announced only to whom it concerns and only if it changes a list") {
  struct Row {
    std::string name;
    bool shown;
    bool changes;
    std::uint64_t told;
  };
  for (const Row& row : {Row{"never shown", false, true, 0}, Row{"the same", true, false, 0},
                         Row{"another", true, true, 1}}) {
    CAPTURE(row.name);
    World world(calm_plan(), 3);
    settle_in(world);
    if (row.shown) world.host().request("tools/list");
    world.run_for(1s);
    world.backend().kill();
    if (row.changes) world.backend().change_tools();
    world.run_for(1s);
    world.backend().start();
    REQUIRE(world.run_until_ready(16s));
    world.run_for(1s);
    CHECK(world.host().times_heard(tools_changed) == row.told);
    check_peace(world);
  }
}

TEST_CASE("scenario: a list asked for in an outage is the one that was last seen") {
  World world(calm_plan(), 4);
  settle_in(world);
  const std::uint64_t before = world.host().request("tools/list");
  world.run_for(1s);
  world.backend().kill();
  world.run_for(10ms);
  const std::uint64_t during = world.host().request("tools/list");
  world.run_for(2s);
  CHECK(answer(world, during).empty());
  world.run_for(1s);
  CHECK(parse(answer(world, during))["result"] == parse(answer(world, before))["result"]);
  check_peace(world);
}
