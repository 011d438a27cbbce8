// A backend that is absent or hangs when the shim starts (contract 4.1 and 5.1).

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"
#include "relay.hpp"

namespace e2e {
namespace {

int ask_initialize(Host& host) {
  return host.request("initialize", {{"protocolVersion", "2025-06-18"},
                                     {"capabilities", Json::object()},
                                     {"clientInfo", {{"name", "e2e"}, {"version", "1"}}}});
}

}  // namespace

TEST_CASE("start: initialize waits for a backend that is absent and gets its answer") {
  Backend backend;
  Host host(quick() + Arguments{"--queue-timeout", "500ms"} + backend.url());
  const int id = ask_initialize(host);
  host.linger(1500ms);  // initialize outlasts every other request's patience
  CHECK_FALSE(host.is_answered(id));
  backend.start({"--server-name", "late"});
  CHECK(host.expect_result(id)["serverInfo"]["name"] == "late");
  host.notify("notifications/initialized");
  CHECK(host.expect_text(host.call("echo", {{"text", "hello"}})) == "hello");
}

TEST_CASE("start: initialize outlives links that are lost before its answer, and is answered once") {
  Backend backend({"--fault", "init-silent"});
  Host host(quick() + backend.url());
  const int id = ask_initialize(host);
  for (int i = 0; i < 3; ++i) {
    host.expect("it arrives", backend.has_received("initialize"));
    backend.restart({"--fault", "init-silent"});
  }
  backend.restart();
  CHECK(host.expect_result(id)["serverInfo"]["name"] == "fake-backend");
}

TEST_CASE("start: the shim answers the host's ping itself, backend or not, session or not") {
  Backend backend;
  Host host(quick() + backend.url());
  CHECK(host.expect_result(host.request("ping")) == Json::object());
  backend.start();
  host.initialize();
  CHECK(host.expect_result(host.request("ping")) == Json::object());
  host.expect_text(host.call("echo", {{"text", "x"}}));
  CHECK_FALSE(backend.has_received("ping")());
}

TEST_CASE("start: a backend frozen before the upgrade is tried again, and served once it goes on") {
  Backend backend(Arguments{});
  backend.freeze();
  Host host(quick() + backend.url());
  const int id = ask_initialize(host);
  check_holds(host.expect_log("failed (attempt 1)"), "connect-timeout");
  check_holds(host.expect_log("failed (attempt 2)"), "connect-timeout");
  backend.thaw();
  host.expect_log("ready: ");
  host.expect_result(id);
}

TEST_CASE("start: a backend frozen between upgrade and pong is given up, and served once it goes on") {
  Backend backend(Arguments{});
  Relay relay(backend.port(), [&backend] { backend.freeze(); });
  Host host(quick() + relay.url());
  const int id = ask_initialize(host);
  check_holds(host.expect_log("failed (attempt 1)"), "validate-timeout");
  check_holds(host.expect_log("failed (attempt 2)"), "connect-timeout");
  backend.thaw();
  host.expect_log("ready: ");
  host.expect_result(id);
}

TEST_CASE("start: with default timings the first answer comes soon after the start") {
  Backend backend(Arguments{});
  const auto started = Clock::now();
  Host host(Arguments{backend.url()});
  host.initialize();
  MESSAGE("start to answer of initialize: " << since(started).count() << " ms");
  CHECK(since(started) <= allowed(1s));
}

TEST_CASE("start: two shims of one backend do not disturb each other") {
  Backend backend(Arguments{});
  Host first(Arguments{backend.url()});
  Host second(Arguments{backend.url()});
  first.initialize();
  second.initialize();
  CHECK(first.expect_text(first.call("counter")) == "1");
  CHECK(second.expect_text(second.call("counter")) == "2");
}

}  // namespace e2e
