// Several --url, and names in them that each process fills in (contract 2).

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"
#include "run.hpp"

namespace e2e {
namespace {

std::string answers_from(Host& host) {
  return host.initialize()["serverInfo"]["name"].get<std::string>();
}

}  // namespace

TEST_CASE("failover: the URLs are tried in order, one at once after the other") {
  Backend away;
  Backend first;
  Backend second;
  first.start({"--server-name", "first"});
  second.start({"--server-name", "second"});
  // With such a backoff only failing over can be quick.
  Host host(Arguments{"--backoff-base", "1h", "--backoff-cap", "1h", away.url(), first.url(),
                      second.url()});
  CHECK(answers_from(host) == "first");
  check_holds(host.expect_log("failed (attempt 1)"), "trying the next URL");
}

TEST_CASE("failover: when the one in use goes away the next one takes over, with the session") {
  Backend first;
  Backend second;
  first.start({"--server-name", "first"});
  second.start({"--server-name", "second"});
  Host host(quick() + Arguments{first.url(), second.url()});
  CHECK(answers_from(host) == "first");
  first.kill();
  host.expect_log("lost: ");  // else the call may still be sent on the old link
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
  CHECK(second.received().size() >= 3);  // initialize, initialized, the call
  // The first is back, but nothing is wrong with the second.
  first.start({"--server-name", "first"});
  host.linger(scaled(300ms));
  CHECK(host.expect_text(host.call("echo", {{"text", "y"}})) == "y");
  CHECK(first.received().empty());
  // Now there is.
  second.kill();
  host.expect_log("lost: ");
  CHECK(host.expect_text(host.call("echo", {{"text", "z"}})) == "z");
  CHECK(first.received().size() >= 3);
}

TEST_CASE("failover: all dead at first, then any of them will do") {
  Backend first;
  Backend second;
  Host host(quick() + Arguments{first.url(), second.url()});
  host.expect_log("next attempt in");
  second.start();
  host.initialize();
}

TEST_CASE("failover: a Unix socket and a port are equals") {
  Backend files;
  Backend tcp(Arguments{});
  Host host(quick() + Arguments{"ws+unix://" + files.file("no.sock"), tcp.url()});
  host.initialize();
}

TEST_CASE("placeholders: pid, ppid and session are filled in in path and query") {
  Backend backend;
  backend.start({"--record-headers", backend.file("headers")});
  Host host(quick() + backend.url("/mcp/{pid}?from={ppid}&id={session}"));
  host.expect_log("ready: ");
  // Logs have what was written, so that lines of all shims look alike.
  check_holds(host.log().front(), "/mcp/{pid}?from=...&id=...");
  const std::string text = read_file(backend.file("headers"));
  const std::string uri = Json::parse(text.substr(0, text.find('\n')))["uri"].get<std::string>();
  CAPTURE(uri);
  check_holds(uri, "/mcp/" + std::to_string(host.pid()));
  check_holds(uri, "from=" + std::to_string(::getpid()));
  const std::size_t id = uri.find("id=");
  REQUIRE(id != std::string::npos);
  CHECK(uri.size() - id - 3 == 36);
  CHECK(uri[id + 3 + 14] == '4');
}

TEST_CASE("placeholders: unknown ones are refused") {
  for (const char* path : {"{user}", "{pid", "pid}", "{}", "{PID}"})
    check_usage_error({std::string("ws://127.0.0.1:1/") + path});
}

}  // namespace e2e
