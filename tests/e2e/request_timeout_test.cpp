// --request-timeout: the longest silence about one request in flight (contract 5.0).

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

constexpr Millis limit = 800ms;

Arguments limited() { return quick() + Arguments{"--request-timeout", flag(limit)}; }

Json sleeping(Millis span, Millis progress = 0ms) {
  return {{"name", "sleep"},
          {"arguments",
           {{"ms", scaled(span).count()}, {"progress_every_ms", scaled(progress).count()}}},
          {"_meta", {{"progressToken", "t"}}}};
}

std::size_t progress_lines(const Host& host) {
  std::size_t found = 0;
  for (const Line& line : host.lines()) {
    if (line.json.value("method", "") == "notifications/progress") ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("request timeout: silence for so long is answered, and the backend is told") {
  Backend backend(Arguments{});
  Host host(limited() + Arguments{"--tool-errors", "error"} + backend.url());
  host.initialize();
  const auto asked = Clock::now();
  const int slow = host.request("tools/call", sleeping(2s));
  const Json facts = host.expect_error(slow, 31004)["data"];
  CHECK(since(asked) >= scaled(limit));
  CHECK(since(asked) <= allowed(limit) + allowed(100ms));
  CHECK(facts["reason"] == "request-timeout");
  CHECK(facts["delivered"] == true);
  CHECK(facts["retryable"] == false);
  host.expect("the cancellation", backend.has_received("notifications/cancelled"));
  for (const Json& message : backend.received()) {
    if (message["method"] == "notifications/cancelled") {
      CHECK(message["params"]["requestId"] == slow);
    }
  }
  // The link is none the worse for it.
  CHECK(host.expect_text(host.call("echo", {{"text", "on"}})).empty() == false);
  check_kept(host);
}

TEST_CASE("request timeout: a failed tool says so as its result") {
  Backend backend(Arguments{});
  Host host(limited() + backend.url());
  host.initialize();
  const int slow = host.request("tools/call", sleeping(60s));
  CHECK(host.expect_tool_failure(slow, "request-timeout")["delivered"] == true);
}

TEST_CASE("request timeout: progress starts it afresh") {
  Backend backend(Arguments{});
  Host host(limited() + backend.url());
  host.initialize();
  const int slow = host.request("tools/call", sleeping(limit * 3, limit / 4));
  host.expect_text(slow);
  CHECK(progress_lines(host) >= 8);
}

TEST_CASE("request timeout: a keepalive of the shim's own does not") {
  Backend backend(Arguments{});
  Host host(limited() +
            Arguments{"--keepalive", "progress", "--keepalive-interval", flag(limit / 8)} +
            backend.url());
  host.initialize();
  const auto asked = Clock::now();
  const int slow = host.request("tools/call", sleeping(60s));
  host.expect_tool_failure(slow, "request-timeout");
  CHECK(since(asked) <= allowed(limit) + allowed(100ms));
  CHECK(progress_lines(host) >= 1);
}

TEST_CASE("request timeout: a late answer stays in the shim") {
  // This backend cannot cancel: it answers what it was asked.
  Backend backend({"--fault", "late-answer-ms=" + std::to_string(scaled(limit * 2).count()),
                   "--fault-method", "tools/list"});
  Host host(limited() + backend.url());
  host.initialize();
  const int list = host.request("tools/list");
  host.expect_error(list, 31004);
  host.expect_log("dropped: answer to nothing in flight", limit * 4);
  host.expect_result(host.request("prompts/list"));  // the host's destructor sees second answers
}

TEST_CASE("request timeout: one that waits for a backend has its queue timeout instead") {
  Backend backend;
  Host host(limited() + Arguments{"--queue-timeout", flag(limit * 2)} + backend.url());
  const auto asked = Clock::now();
  host.expect_error(host.request("tools/list"), 31001);
  CHECK(since(asked) >= scaled(limit * 2));
}

}  // namespace e2e
