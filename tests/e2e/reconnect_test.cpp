// The series of delays, what is logged of them, and what many reconnects leave behind
// (contract 4.2, 4.3 and 12).

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

/// The delay that a log line announces.
double announced_ms(const std::string& line) {
  static const std::string before = "next attempt in ";
  const std::size_t at = line.find(before);
  REQUIRE_MESSAGE(at != std::string::npos, line);
  char* end = nullptr;
  const double number = std::strtod(line.c_str() + at + before.size(), &end);
  const std::string_view unit(end);
  REQUIRE_MESSAGE((unit.starts_with(" ms") || unit.starts_with(" s")), line);
  return unit.starts_with(" ms") ? number : number * 1000;
}

struct Usage {
  std::size_t kib;
  std::size_t descriptors;
};

/// Waits until the shim has made `attempts` of them, all in all.
Usage usage_after(Host& host, std::size_t attempts) {
  host.expect(
      "attempts", [&] { return host.count_log("connecting: ") >= attempts; }, 60s);
  return {resident_kib(host.pid()), open_descriptors(host.pid())};
}

void check_no_growth(const Arguments& faults, const Arguments& flags) {
  Backend backend(faults);
  Host host(Arguments{"--backoff-base", "1ms", "--backoff-cap", "10ms", "--log-level", "debug"} +
            flags + backend.url());
  host.request("initialize", {{"protocolVersion", "2025-06-18"},
                              {"capabilities", Json::object()},
                              {"clientInfo", {{"name", "x"}, {"version", "1"}}}});
  const Usage early = usage_after(host, 50);
  const Usage late = usage_after(host, 250);
  MESSAGE("descriptors " << early.descriptors << " -> " << late.descriptors << ", memory "
                         << early.kib << " -> " << late.kib << " KiB");
  // One attempt more or less may be under way.
  CHECK(late.descriptors <= early.descriptors + 4);
  if (!sanitized) CHECK(late.kib <= early.kib + 400);  // 2 KiB for each of 200
}

}  // namespace

TEST_CASE("backoff: each delay is twice the one before, up to the cap, plus at most the jitter") {
  Backend backend;
  Host host({"--backoff-base", "25ms", "--backoff-cap", "1s", "--jitter", "0.1", "--log-level",
             "debug", backend.url()});
  std::vector<Clock::time_point> starts;
  std::vector<double> delays;
  for (const double expected : {25, 50, 100, 200, 400, 800, 1000, 1000}) {
    CAPTURE(expected);
    host.expect_log("connecting: ");
    starts.push_back(Clock::now());
    const double announced = announced_ms(host.expect_log("next attempt in "));
    CHECK(announced >= expected - 1);
    CHECK(announced <= expected * 1.1 + 1);
    delays.push_back(announced);
  }
  // The attempts come when they were announced.
  for (std::size_t i = 1; i < starts.size(); ++i) {
    const double waited =
        std::chrono::duration<double, std::milli>(starts[i] - starts[i - 1]).count();
    CAPTURE(i);
    CHECK(waited >= delays[i - 1] * 0.95 - 10);  // announced in tenths of a second at times
    CHECK(waited <= delays[i - 1] + static_cast<double>(allowed(60ms).count()));
  }
}

TEST_CASE("backoff: with full jitter the delays stay between a tenth and the ceiling") {
  Backend backend;
  Host host(
      {"--backoff-base", "20ms", "--backoff-cap", "200ms", "--log-level", "debug", backend.url()});
  std::vector<double> delays;
  for (int n = 1; n <= 20; ++n) {
    const double ceiling = std::min(200.0, 20.0 * (1U << static_cast<unsigned>(std::min(n, 10))));
    const double announced = announced_ms(host.expect_log("next attempt in "));
    CAPTURE(n);
    CHECK(announced >= ceiling / 10 - 1);
    CHECK(announced <= ceiling + 1);
    delays.push_back(announced);
  }
  std::ranges::sort(delays);
  CHECK(delays.back() > 2 * delays.front());  // it is jitter
}

TEST_CASE("backoff: the first failures are logged, later ones now and then, success always") {
  Backend backend;
  Host host({"--backoff-base", "5ms", "--backoff-cap", "10ms", "--jitter", "0", backend.url()});
  check_holds(host.expect_log(" failed "), "(attempt 1)");
  check_holds(host.expect_log(" failed "), "(attempt 5)");
  check_holds(host.expect_log(" failed "), "(attempt 20)");
  check_holds(host.expect_log(" failed "), "(attempt 50)");
  check_holds(host.expect_log(" failed "), "(attempt 60)");
  backend.start();
  const std::string line = host.expect_log("ready: ");
  check_holds(line, "attempts");
  check_holds(line, "without a backend");
}

TEST_CASE("reconnects: 200 refused attempts leave nothing behind") {
  // The port is ours, but nobody listens: usage is that of failed connects.
  RawServer server;
  server.stop_listening();
  Host host(
      {"--backoff-base", "1ms", "--backoff-cap", "10ms", "--log-level", "debug", server.url()});
  const Usage early = usage_after(host, 50);
  const Usage late = usage_after(host, 250);
  CHECK(late.descriptors <= early.descriptors + 4);
  if (!sanitized) CHECK(late.kib <= early.kib + 400);
}

TEST_CASE("reconnects: 200 links closed right after the upgrade leave nothing behind") {
  check_no_growth({"--fault", "close-after-open"}, {});
}

TEST_CASE("reconnects: 200 upgrades that are reset leave nothing behind") {
  check_no_growth({"--fault", "reset-upgrade"}, {});
}

TEST_CASE("reconnects: 200 upgrades refused with a status leave nothing behind") {
  check_no_growth({"--fault", "status=503"}, {});
}

TEST_CASE("reconnects: 200 upgrades that are never answered leave nothing behind") {
  check_no_growth({"--fault", "silent-upgrade"}, {"--connect-timeout", flag(20ms)});
}

TEST_CASE("reconnects: 200 resumed sessions that are lost leave nothing behind") {
  check_no_growth({"--fault", "close-after-ready=10"}, {});
}

}  // namespace e2e
