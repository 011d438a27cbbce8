// One session that goes through most of the program and ends by itself, so that
// packaging/memcheck.sh can run it under valgrind: without a backend from the cache (contract 6), a
// restart (5.1), a health file and heartbeats (7), keepalives (8), large messages, the end of input
// (3).

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

Arguments shim_arguments(const Backend& backend) {
  return quick() + Arguments{"--offline", "cache", "--cache-dir", backend.file("cache")} +
         Arguments{"--init-grace", "100ms", "--health-file", backend.file("health")} +
         Arguments{"--keepalive", "progress,log,whitespace", "--keepalive-interval", "1s"} +
         Arguments{"--log-file", backend.file("log"), backend.url()};
}

Arguments backend_arguments(const Backend& backend) {
  return {"--health-file", backend.file("health"), "--heartbeat", "100"};
}

}  // namespace

TEST_CASE("memcheck: a session with a restart ends cleanly") {
  Backend backend;
  backend.start(backend_arguments(backend));
  Host host(shim_arguments(backend));
  host.initialize();
  host.expect_result(host.request("tools/list"));
  host.expect_result(host.request("resources/subscribe", {{"uri", "demo://one"}}));
  host.expect_result(host.request("logging/setLevel", {{"level", "info"}}));
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
  const int slow = host.request(
      "tools/call",
      {{"name", "sleep"}, {"arguments", {{"ms", 60'000}}}, {"_meta", {{"progressToken", "t"}}}});
  host.expect("a keepalive", [&] {
    return !host.lines().empty() &&
           host.lines().back().text.find("still running") != std::string::npos;
  });
  backend.kill();
  host.expect_tool_failure(slow, "outcome-unknown");
  const int queued = host.call("echo", {{"text", filler(300'000, 'y')}});
  host.send("this is not JSON");
  backend.start(backend_arguments(backend));
  CHECK(host.expect_text(queued).size() == 300'000);
  CHECK(host.expect_text(host.call("big", {{"bytes", 1'000'000}})).size() == 1'000'000);
  host.close_input();
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("memcheck: a session that is served from the cache ends cleanly") {
  Backend backend;
  backend.start(backend_arguments(backend));
  {
    Host host(shim_arguments(backend));
    host.initialize();
    host.expect_result(host.request("tools/list"));
    host.close_input();
    CHECK(host.expect_exit() == 0);
  }
  backend.kill();
  Host host(shim_arguments(backend));
  host.initialize();
  CHECK(host.expect_result(host.request("tools/list"))["tools"].size() > 5);
  const int never_sent = host.call("counter");
  host.close_input();
  CHECK(host.expect_tool_failure(never_sent, "backend-unavailable")["delivered"] == false);
  CHECK(host.expect_exit() == 0);
}

}  // namespace e2e
