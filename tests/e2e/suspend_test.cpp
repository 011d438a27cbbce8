// The machine has slept (contract 7 and 4.2). The library shifted_boottime.cpp moves the clock by
// which the shim sees that; a line of the host wakes it up, as something always does after a sleep.

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

struct Sleeper {
  TempDir files;
  [[nodiscard]] HostOptions options() const {
    return {.environment = {"LD_PRELOAD=" E2E_SHIFTED_BOOTTIME, "E2E_SLEPT=" + path()}};
  }
  [[nodiscard]] std::string path() const { return files.path("slept"); }
  void sleep(Host& host, int seconds) const {
    write_file(path(), std::to_string(seconds));
    host.expect_result(host.request("ping"));
  }
};

/// By themselves neither pings nor attempts would come in the time of a test.
Arguments unhurried() {
  return {"--ping-interval", "10m", "--pong-timeout", flag(500ms), "--backoff-base", "5m",
          "--backoff-cap",   "5m",  "--jitter",       "0",         "--log-level",    "debug",
          "--stall-timeout", "10m"};
}

bool cannot_preload() {
  if (sanitized) MESSAGE("SKIPPED: sanitizers want to be the first library themselves");
  return sanitized;
}

}  // namespace

TEST_CASE("suspend: a link that did not survive is dropped within the pong timeout") {
  if (cannot_preload()) return;
  const Sleeper machine;
  Backend backend(Arguments{});
  Host host(unhurried() + backend.url(), machine.options());
  host.initialize();
  backend.freeze();
  host.linger(scaled(1s));
  check_kept(host);
  const auto woken = Clock::now();
  machine.sleep(host, 7230);
  check_holds(host.expect_log("this machine slept"), "2 h");
  host.expect_log("lost: no-pong");
  CHECK(since(woken) <= allowed(500ms) + allowed(200ms));
}

TEST_CASE("suspend: a link that did survive answers the ping and stays") {
  if (cannot_preload()) return;
  const Sleeper machine;
  RawServer server;
  Host host(unhurried() + server.url(), machine.options());
  RawConnection backend = server.accept();
  backend.become_ready();
  host.expect_log("ready: ");
  machine.sleep(host, 10);
  const Frame ping = backend.receive_frame();
  REQUIRE(ping.opcode == Opcode::ping);
  backend.send_frame(Opcode::pong, ping.payload);
  host.linger(scaled(1s));
  check_kept(host);
  CHECK(host.count_log("this machine slept") == 1);
}

TEST_CASE("suspend: the next attempt is made at once") {
  if (cannot_preload()) return;
  const Sleeper machine;
  Backend backend;
  Host host(unhurried() + backend.url(), machine.options());
  check_holds(host.expect_log("attempt 1)"), "next attempt in 5 min");
  backend.start();
  host.linger(1s);  // attempts are at least that far apart
  const auto woken = Clock::now();
  machine.sleep(host, 10);
  host.expect_log("ready: ");
  CHECK(since(woken) <= allowed(500ms));
}

TEST_CASE("suspend: a small jump of the clock is none") {
  if (cannot_preload()) return;
  const Sleeper machine;
  Backend backend(Arguments{});
  Host host(unhurried() + backend.url(), machine.options());
  host.initialize();
  machine.sleep(host, 4);
  host.linger(200ms);
  CHECK(host.count_log("this machine slept") == 0);
  machine.sleep(host, 4 + 6);
  host.expect_log("this machine slept");
}

}  // namespace e2e
