// What the host is told of requests that take long (contract 8), and when it hears no more (5.0).

#include <cstdint>
#include <string>

#include "tests/sim/scenario.hpp"

using namespace sim;
using namespace std::chrono_literals;
using shim::Phase;

TEST_CASE("scenario: section 8: lookup, connect and write all hang, and keepalives come on time") {
  struct Row {
    std::string name;
    std::optional<Fate> fate;
  };
  for (const Row& row :
       {Row{"lookup or connect hangs", Fate::black_hole},
        Row{"the upgrade hangs", Fate::silent_upgrade},
        Row{"the first pong does not come", Fate::no_pong}, Row{"writing hangs", std::nullopt}}) {
    CAPTURE(row.name);
    Plan plan = calm_plan();
    plan.settings.connect_timeout = plan.settings.validate_timeout = 600s;
    plan.settings.queue_timeout = 65s;
    plan.link.kernel_bytes = 512;
    World world(plan, 1);
    settle_in(world);
    if (row.fate) {
      world.link().force(row.fate);
      world.link().cut(shim::Cause::reset);
    } else {
      world.backend().stop_reading(600s);
      world.host().call();  // fills what room there is
      for (int i = 0; i < 10; ++i) world.host().request("custom/filler");
    }
    world.run_for(10s);
    const std::uint64_t call = world.host().call_with_token("\"t\"");
    world.run_for(1ms);
    for (std::uint64_t i = 0; i < 6; ++i) {
      CHECK(world.session().counters().keepalives == i);
      world.run_for(9990ms);
      CHECK(world.session().counters().keepalives == i);
      world.run_for(10ms);
    }
    CHECK(answer(world, call).empty());
    world.run_for(5s);
    CHECK(reason(world, call) == (row.fate ? "backend-unavailable" : ""));  // none the later
    check_peace(world);
  }
}

TEST_CASE("scenario: section 8: a backend's own progress follows the shim's, with as few changes") {
  World world(calm_plan(), 2);
  settle_in(world);
  world.backend().set_call_time(200s);
  world.host().call_with_token("7");
  world.run_for(25s);
  CHECK(world.session().counters().keepalives == 2);
  const auto as_it_is = [](const std::string& value) {
    return R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,)"
           R"("progress":)" +
           value + "}}";
  };
  world.backend().report("7", "0");  // below what the host has seen
  world.backend().report("7", "1");
  world.run_for(1s);
  CHECK(world.host().times_heard(as_it_is("0")) == 0);
  CHECK(world.host().times_heard(as_it_is("1")) == 1);
  world.backend().report("7", "0.5");  // its own mistake
  world.run_for(15s);
  CHECK(world.host().times_heard(as_it_is("0.5")) == 1);
  CHECK(world.session().counters().keepalives == 3);
  check_peace(world);  // the judge watches the values
}

TEST_CASE("scenario: section 8: a request that is done again may report less than before") {
  World world(calm_plan(), 3);
  settle_in(world);
  world.backend().hold("prompts/get");
  world.host().request("prompts/get", R"("_meta":{"progressToken":"p"},)");
  world.run_for(1s);
  world.backend().report("\"p\"", "10");
  world.run_for(1s);
  world.backend().kill();
  world.run_for(1s);
  world.backend().start();
  REQUIRE(world.run_until_ready(16s));
  world.run_for(1s);
  for (const char* value : {"1", "5", "11"}) world.backend().report("\"p\"", value);
  world.run_for(1s);
  check_peace(world);
  CHECK(world.host().lines_heard() == 5);  // the greeting's answer and four reports
}

TEST_CASE("scenario: section 8: initialize gets no keepalives, whatever its token") {
  Plan plan = calm_plan();
  plan.settings.offline = shim::Offline::wait;
  World world(plan, 4);
  world.backend().kill();
  world.host().request("initialize",
                       R"("_meta":{"progressToken":1},"protocolVersion":"2025-06-18",)"
                       R"("capabilities":{},)");
  world.run_for(100s);
  CHECK(world.session().counters().keepalives == 0);
  check_peace(world);
}

TEST_CASE(
    "scenario: section 8: keepalives in the log need a session that takes them, spaces nothing") {
  Plan plan = calm_plan();
  plan.settings.keepalive = {.progress = false, .log = true, .whitespace = true};
  World world(plan, 5);
  settle_in(world);
  world.backend().set_call_time(200s);
  world.host().call();
  world.run_for(45s);
  CHECK(world.session().counters().keepalives >= 4);
  world.host().request("logging/setLevel", R"("level":"error",)");
  const std::uint64_t lines = world.host().lines_heard();
  const std::uint64_t before = world.session().counters().keepalives;
  world.run_for(45s);
  CHECK(world.host().lines_heard() == lines + 1);  // only the answer
  CHECK(world.session().counters().keepalives >= before + 3);
  check_peace(world);
}

TEST_CASE(
    "scenario: section 5.0: the request timeout counts silence, and only the backend breaks it") {
  Plan plan = calm_plan();
  plan.settings.request_timeout = 30s;
  World world(plan, 6);
  settle_in(world);
  world.backend().set_call_time(100s);
  const std::uint64_t silent = world.host().call_with_token("1");
  const std::uint64_t lively = world.host().call_with_token("2");
  world.run_for(20s);
  world.backend().report("2", "1");
  world.run_for(9s);
  CHECK(answer(world, silent).empty());
  world.run_for(2s);
  CHECK(reason(world, silent) == "request-timeout");  // two keepalives notwithstanding
  CHECK(world.backend().received("notifications/cancelled") == 1);
  world.run_for(18s);
  CHECK(answer(world, lively).empty());
  world.run_for(2s);
  CHECK(reason(world, lively) == "request-timeout");
  world.run_for(60s);  // both answers come too late
  CHECK(world.session().counters().of(shim::Drop::unknown_answer) == 2);
  check_peace(world);
}
