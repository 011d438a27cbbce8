// A backend that dies with requests queued and in flight, and comes back (contract 5.0, 5.1, 5.3
// and 4.2). Its connection reset is what the shim sees of a SIGKILL.

#include <doctest/doctest.h>

#include <set>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

constexpr Millis settled_within = 100ms;   // contract 5.3
constexpr Millis serving_within = 1200ms;  // spacing of attempts, and some work

/// tools/list is never answered by this backend, everything else is.
const Arguments silent_lists{"--fault", "late-answer-ms=600000", "--fault-method", "tools/list"};

/// A session with one request of each kind in flight when the backend is killed.
struct Killed {
  Backend backend;
  Host host;
  int list = 0;
  int sleep = 0;

  explicit Killed(const Arguments& flags) : backend(silent_lists), host(flags + backend.url()) {
    host.initialize();
    list = host.request("tools/list");
    sleep = host.call("sleep", {{"ms", 600'000}});
    host.expect("the backend runs both", [this] {
      return backend.has_received("tools/list")() && backend.has_received("tools/call")();
    });
    const auto killed = Clock::now();
    backend.kill();
    const Json facts = host.expect_tool_failure(sleep, "outcome-unknown");
    CHECK(since(killed) <= allowed(settled_within));
    CHECK(facts["delivered"] == true);
    CHECK(facts["retryable"] == false);
    CHECK_FALSE(host.is_answered(list));
  }
};

}  // namespace

TEST_CASE("outage: after a second, what was asked meanwhile is answered and a list is replayed") {
  Killed world(quick());
  std::vector<int> asked;
  for (int i = 0; i < 5; ++i) asked.push_back(world.host.call("echo", {{"text", std::to_string(i)}}));
  const int prompts = world.host.request("prompts/list");
  world.host.linger(1s);
  for (const int id : asked) CHECK_FALSE(world.host.is_answered(id));

  world.backend.start();
  for (int i = 0; i < 5; ++i) CHECK(world.host.expect_text(asked[static_cast<std::size_t>(i)]) ==
                                    std::to_string(i));
  CHECK(world.host.expect_result(prompts).contains("prompts"));
  CHECK(world.host.expect_result(world.list)["tools"].size() > 5);
  // Nothing ran twice, and what the host asked for came in its order.
  std::vector<Json> order;
  for (const Json& id : world.backend.executed()) order.push_back(id);
  std::vector<Json> expected{world.sleep};
  expected.insert(expected.end(), asked.begin(), asked.end());
  CHECK(order == expected);
}

TEST_CASE("outage: with default timings and a host that asks all the time, 20 s are survived") {
  Killed world(Arguments{});
  std::vector<int> asked;
  const auto killed = Clock::now();
  while (since(killed) < 20s) {
    asked.push_back(world.host.call("echo", {{"text", "during the outage"}}));
    world.host.linger(100ms);
  }
  for (const int id : asked) CHECK_FALSE(world.host.is_answered(id));

  world.backend.start();
  const auto listening = Clock::now();
  // The host goes on asking, but for a shim that slept there would be nothing to see yet.
  world.host.expect(
      "a first answer",
      [&, next = Clock::now()]() mutable {
        if (Clock::now() >= next) {
          asked.push_back(world.host.call("echo", {{"text", "after it"}}));
          next = Clock::now() + 100ms;
        }
        return world.host.is_answered(asked.front());
      },
      serving_within);
  MESSAGE("first answer " << since(listening).count() << " ms after the backend listens");
  CHECK(since(listening) <= scaled(serving_within) + allowed(100ms));
  for (const int id : asked) world.host.expect_text(id);
  world.host.expect_result(world.list);

  const std::vector<Json> executed = world.backend.executed();
  CHECK(executed.size() == asked.size() + 1);
  CHECK(std::set<Json>(executed.begin(), executed.end()).size() == executed.size());
}

TEST_CASE("outage: without anybody asking, the link is back within the cap of the backoff") {
  Backend backend(Arguments{});
  Host host(Arguments{"--backoff-base", "100ms", "--backoff-cap", "1s", "--log-level", "debug"} +
            backend.url());
  host.initialize();
  backend.kill();
  host.expect_log("lost: ");
  host.linger(3s);
  backend.start();
  const auto listening = Clock::now();
  host.expect_log("ready: ");
  CHECK(since(listening) <= 1s + allowed(200ms));
}

TEST_CASE("outage: a request asked for before any backend is there gets its queue timeout") {
  Backend backend;
  Host host(quick() + Arguments{"--queue-timeout", "1s"} + backend.url());
  const auto asked = Clock::now();
  const int list = host.request("tools/list");
  const int call = host.call("echo", {{"text", "x"}});
  const Json facts = host.expect_error(list, 31001)["data"];
  CHECK(since(asked) >= 950ms);
  CHECK(since(asked) <= 1s + allowed(200ms));
  CHECK(facts["reason"] == "backend-unavailable");
  CHECK(facts["source"] == "mcp-ws-shim");
  CHECK(facts["delivered"] == false);
  CHECK(facts["retryable"] == true);
  host.expect_tool_failure(call, "backend-unavailable");
}

TEST_CASE("outage: a full queue refuses the new request and keeps the old ones") {
  Backend backend;
  Host host(quick() + Arguments{"--queue-max", "3"} + backend.url());
  std::vector<int> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(host.request("prompts/list"));
  host.expect_error(ids[3], 31003);
  host.expect_error(ids[4], 31003);
  // The session of a legacy backend is opened by nobody here, so its answers are errors of its own.
  backend.start();
  for (int i = 0; i < 3; ++i) host.expect_error(ids[static_cast<std::size_t>(i)], -32600);
}

TEST_CASE("outage: a request cancelled while it waits is never sent and never answered") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  backend.kill();
  host.expect_log("lost: ");
  const int cancelled = host.call("counter");
  const int kept = host.call("counter");
  host.notify("notifications/cancelled", {{"requestId", cancelled}});
  backend.start();
  CHECK(host.expect_text(kept) == "1");
  CHECK_FALSE(host.is_answered(cancelled));
}

TEST_CASE("outage: a link that flaps does not reset the backoff") {
  Backend backend({"--fault", "close-after-ready=50"});
  Host host({"--backoff-base", "100ms", "--backoff-cap", "800ms", "--jitter", "0", "--log-level",
             "debug", backend.url()});
  for (const char* delay : {"100 ms", "200 ms", "400 ms", "800 ms", "800 ms"}) {
    check_holds(host.expect_log("lost: "), std::string("next attempt in ") + delay);
  }
}

TEST_CASE("outage: a link that has proved itself starts the backoff afresh") {
  Backend backend({"--fault", "close-after-ready=400"});
  Host host({"--backoff-base", "100ms", "--backoff-cap", "800ms", "--jitter", "0", "--min-uptime",
             "100ms", "--log-level", "debug", backend.url()});
  for (int i = 0; i < 3; ++i) check_holds(host.expect_log("lost: "), "next attempt in 100 ms");
}

TEST_CASE("outage: a daemon that stops and hangs up in the middle of a message loses nothing else") {
  Backend backend({"--fault", "drop-after=4", "--fault-connections", "1"});
  Host host(quick() + backend.url());
  host.initialize();                                    // messages 1 and 2
  CHECK(host.expect_text(host.call("counter")) == "1");  // 3
  const int dropped = host.call("counter");              // 4: neither answered nor executed
  host.expect_tool_failure(dropped, "outcome-unknown");
  CHECK(host.expect_text(host.call("counter")) == "2");
}

TEST_CASE("outage: each replay policy is obeyed") {
  const auto in_flight_at_kill = [](const Arguments& policy) {
    Backend backend(Arguments{"--fault", "late-answer-ms=600000", "--fault-method", "tools/list",
                              "--fault-method", "tools/call"});
    auto host = std::make_unique<Host>(quick() + policy + backend.url());
    host->initialize();
    const int list = host->request("tools/list");
    const int call = host->call("counter");
    host->expect("both arrive", [&] {
      return backend.has_received("tools/list")() && backend.has_received("tools/call")();
    });
    backend.restart();
    const Line& listed = host->expect_answer(list);
    const Line& called = host->expect_answer(call);
    CHECK(backend.executed().size() ==
          (called.json["result"].value("isError", false) ? 1U : 2U));
    return std::pair(listed.json.contains("result"), !called.json["result"].value("isError", false));
  };
  CHECK(in_flight_at_kill({"--replay", "safe"}) == std::pair(true, false));
  CHECK(in_flight_at_kill({"--replay", "never"}) == std::pair(false, false));
  CHECK(in_flight_at_kill({"--replay", "always"}) == std::pair(true, true));
}

}  // namespace e2e
