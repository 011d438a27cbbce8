// A watchdog on the shim itself: whatever the link hangs in, keepalives and timeouts come in time,
// for they do not depend on anything that the link reports (contract 4.1 and 8).

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

constexpr Millis interval = 200ms;
constexpr Millis queue_timeout = 1600ms;

/// An attempt would hang for a minute.
Arguments patient() {
  return {"--connect-timeout",    "60s",
          "--validate-timeout",   "60s",
          "--keepalive",          "progress,log,whitespace",
          "--keepalive-interval", flag(interval),
          "--queue-timeout",      flag(queue_timeout),
          "--log-level",          "debug"};
}

Json told_call(const std::string& tool, const Json& arguments) {
  return {{"name", tool}, {"arguments", arguments}, {"_meta", {{"progressToken", 1}}}};
}

std::size_t keepalives(const Host& host) {
  std::size_t found = 0;
  for (const Line& line : host.lines()) {
    if (line.json.value("method", "") == "notifications/progress") ++found;
  }
  return found;
}

void check_answers_ping(Host& host) {
  const auto asked = Clock::now();
  host.expect_result(host.request("ping"));
  CHECK(since(asked) <= allowed(100ms));
}

/// While nothing at all happens on the link.
void check_queued_in_time(Host& host) {
  const auto asked = Clock::now();
  const int call = host.request("tools/call", told_call("echo", {{"text", "x"}}));
  const int list = host.request("tools/list");
  host.linger(scaled(interval * 3));
  check_answers_ping(host);
  host.expect_error(list, 31001);
  CHECK(since(asked) >= scaled(queue_timeout));
  CHECK(since(asked) <= allowed(queue_timeout));
  host.expect_tool_failure(call, "backend-unavailable");
  CHECK(keepalives(host) >= 4);
  const auto closed = Clock::now();
  host.close_input();
  CHECK(host.expect_exit() == 0);
  CHECK(since(closed) <= allowed(200ms));
}

}  // namespace

TEST_CASE("watchdog: a name lookup that hangs") {
  if (sanitized) {
    MESSAGE("SKIPPED: sanitizers want to be the first library themselves");
    return;
  }
  const TempDir files;
  const std::string orders = files.path("lookup");
  write_file(orders, "hang");
  Host host(patient() + std::string("ws://scripted.test:9/"),
            {.environment = {"LD_PRELOAD=" E2E_SLOW_LOOKUP, "E2E_LOOKUP=" + orders}});
  host.expect("a lookup", [&] { return !read_file(orders + ".calls").empty(); });
  check_queued_in_time(host);
}

TEST_CASE("watchdog: a connect that hangs") {
  RawServer server(0);
  server.clog();
  Host host(patient() + server.url());
  host.expect_log("connecting: ");
  check_queued_in_time(host);
}

TEST_CASE("watchdog: an upgrade that is never answered") {
  Backend backend({"--fault", "silent-upgrade"});
  Host host(patient() + backend.url());
  host.expect_log("connecting: ");
  host.linger(200ms);
  check_queued_in_time(host);
}

TEST_CASE("watchdog: a first ping that is never answered") {
  Backend backend({"--fault", "no-pong"});
  Host host(patient() + backend.url());
  host.expect_log("validating");
  check_queued_in_time(host);
}

TEST_CASE("watchdog: a write that hangs") {
  Backend backend({"--fault", "stop-reading=2"});
  // The backend answers no ping either, so the call has to be on its way before one is missed.
  constexpr Millis stall = 6s;
  Host host(patient() +
            Arguments{"--ping-interval", flag(2s), "--pong-timeout", flag(1500ms),
                      "--stall-timeout", flag(stall)} +
            backend.url());
  host.initialize();
  // Everything that the kernel and the shim hold is full: the host is held up, too.
  const auto asked = Clock::now();
  const int large =
      host.request("tools/call", told_call("echo", {{"text", filler(12'000'000, 'w')}}));
  host.flush(20s);
  host.expect("a keepalive", [&] { return keepalives(host) >= 1; });
  // The process is frozen as well, so that the attempts behind the loss hang, too.
  backend.freeze();
  host.expect_tool_failure(large, "outcome-unknown", 20s);
  CHECK(since(asked) >= scaled(stall - 1500ms));
  host.expect_log("lost: stalled");
  CHECK(keepalives(host) >= 4);
  check_queued_in_time(host);
}

}  // namespace e2e
