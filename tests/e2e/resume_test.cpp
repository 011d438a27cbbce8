// A legacy session is taken up again on each new link, before anything else is said, and no call is
// ever executed twice (contract 5.1 and 5.3).

#include <doctest/doctest.h>

#include <set>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

std::string method_of(const Json& message) { return message.value("method", ""); }

/// All but the lists that the shim may ask for on its own account.
std::vector<Json> without_lists(std::vector<Json> messages) {
  std::erase_if(messages,
                [](const Json& message) { return method_of(message).ends_with("/list"); });
  return messages;
}

}  // namespace

TEST_CASE("resume: a restarted backend is told all of the session, and then what was queued") {
  Backend backend(Arguments{"--protocol-version", "2025-06-18"});
  Host host(quick() + backend.url());
  // A version nobody knows: the backend's own is what was negotiated.
  const int first = host.request("initialize", {{"protocolVersion", "2099-01-01"},
                                                {"capabilities", {{"roots", Json::object()}}},
                                                {"clientInfo", {{"name", "e2e"}, {"version", "7"}}},
                                                {"x-extra", 1.5}});
  CHECK(host.expect_result(first)["protocolVersion"] == "2025-06-18");
  host.notify("notifications/initialized");
  host.expect_result(host.request("logging/setLevel", {{"level", "error"}}));
  host.expect_result(host.request("logging/setLevel", {{"level", "warning"}}));
  for (const char* uri : {"demo://one", "demo://two", "config://app"}) {
    host.expect_result(host.request("resources/subscribe", {{"uri", uri}}));
  }
  host.expect_result(host.request("resources/unsubscribe", {{"uri", "config://app"}}));

  backend.kill();
  host.expect_log("lost: ");
  const int call_a = host.call("echo", {{"text", "a"}});
  const int call_b = host.call("echo", {{"text", "b"}});
  backend.start();
  CHECK(host.expect_text(call_a) == "a");
  CHECK(host.expect_text(call_b) == "b");

  const std::vector<Json> told = without_lists(backend.received());
  REQUIRE(told.size() == 7);
  CHECK(method_of(told[0]) == "initialize");
  CHECK(told[0]["id"].is_number_integer());
  CHECK(told[0]["params"]["protocolVersion"] == "2025-06-18");
  CHECK(told[0]["params"]["capabilities"] == Json({{"roots", Json::object()}}));
  CHECK(told[0]["params"]["clientInfo"] == Json({{"name", "e2e"}, {"version", "7"}}));
  CHECK(told[0]["params"]["x-extra"] == 1.5);
  CHECK(method_of(told[1]) == "notifications/initialized");
  CHECK_FALSE(told[1].contains("id"));
  CHECK(method_of(told[2]) == "logging/setLevel");
  CHECK(told[2]["id"].is_number_integer());
  CHECK(told[2]["params"]["level"] == "warning");
  CHECK(method_of(told[3]) == "resources/subscribe");
  CHECK(method_of(told[4]) == "resources/subscribe");
  const std::set<Json> uris{told[3]["params"]["uri"], told[4]["params"]["uri"]};
  CHECK(uris == std::set<Json>{"demo://one", "demo://two"});
  CHECK(told[5]["id"] == call_a);
  CHECK(told[6]["id"] == call_b);

  // The subscription is alive, and no answer to the shim's own requests has reached the host.
  host.expect_text(host.call("touch_resource", {{"uri", "demo://one"}}));
  host.expect("the update", [&] {
    for (const Line& line : host.lines()) {
      if (method_of(line.json) == "notifications/resources/updated") return true;
    }
    return false;
  });
}

TEST_CASE("resume: notifications/initialized that arrives during an outage is not lost") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.expect_result(
      host.request("initialize", {{"protocolVersion", "2025-06-18"},
                                  {"capabilities", Json::object()},
                                  {"clientInfo", {{"name", "x"}, {"version", "1"}}}}));
  backend.kill();
  host.expect_log("lost: ");
  host.notify("notifications/initialized");
  const int call = host.call("echo", {{"text", "x"}});
  backend.start();
  CHECK(host.expect_text(call) == "x");
  int times = 0;
  for (const Json& message : backend.received()) {
    if (method_of(message) == "notifications/initialized") ++times;
  }
  CHECK(times == 1);
}

TEST_CASE("resume: a host that never sent notifications/initialized is not improved upon") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.expect_result(
      host.request("initialize", {{"protocolVersion", "2025-06-18"},
                                  {"capabilities", Json::object()},
                                  {"clientInfo", {{"name", "x"}, {"version", "1"}}}}));
  backend.restart();
  host.expect_log("lost: ");
  host.expect_log("ready: ");
  CHECK_FALSE(backend.has_received("notifications/initialized")());
}

TEST_CASE("resume: another protocol version settles what waits, until the right one is back") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  backend.kill();
  host.expect_log("lost: ");
  const int list = host.request("tools/list");
  const int call = host.call("echo", {{"text", "x"}});
  backend.start({"--force-version", "2024-11-05"});
  const Json facts = host.expect_error(list, 31006)["data"];
  CHECK(facts["reason"] == "session-incompatible");
  host.expect_tool_failure(call, "session-incompatible");
  check_holds(host.expect_log("incompatible"), "needs a person");
  // What is asked later is settled by a later attempt, and the shim goes on trying.
  host.expect_error(host.request("prompts/list"), 31006);

  backend.restart();
  CHECK(host.expect_log("ready: ").find("ready") != std::string::npos);
  CHECK(host.expect_text(host.call("echo", {{"text", "again"}})) == "again");
  CHECK(backend.executed().size() == 1);
}

TEST_CASE("resume: a backend that does not answer initialize is given up and tried again") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  backend.restart({"--fault", "init-silent", "--fault-connections", "2"});
  host.expect_log("lost: ");
  check_holds(host.expect_log("resume-timeout"), " failed ");
  host.expect_log("ready: ");
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
}

TEST_CASE("resume: a backend that refuses initialize is tried again") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  backend.restart({"--fault", "init-error", "--fault-connections", "2"});
  host.expect_log("lost: ");
  check_holds(host.expect_log("resume-refused"), " failed ");
  host.expect_log("ready: ");
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
}

TEST_CASE("resume: a host that opens a new session has it resumed, not the old one") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  host.expect_result(host.request("resources/subscribe", {{"uri", "demo://one"}}));
  const int again =
      host.request("initialize", {{"protocolVersion", "2024-11-05"},
                                  {"capabilities", Json::object()},
                                  {"clientInfo", {{"name", "new"}, {"version", "2"}}}});
  host.expect_result(again);
  host.notify("notifications/initialized");
  backend.restart();
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
  const std::vector<Json> told = without_lists(backend.received());
  CHECK(told[0]["params"]["clientInfo"]["name"] == "new");
  CHECK(told[0]["params"]["protocolVersion"] == "2024-11-05");
  for (const Json& message : told) CHECK(method_of(message) != "resources/subscribe");
}

TEST_CASE("resume: no call is executed twice, however often the backend is killed under it") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  std::vector<int> ids;
  for (int kill = 0; kill < 10; ++kill) {
    const auto until = Clock::now() + 150ms + Millis(17 * kill % 50);
    while (Clock::now() < until) {
      ids.push_back(host.call("counter"));
      host.pump(1ms);
    }
    // These are on their way, executed or half answered when it dies.
    for (int i = 0; i < 50; ++i) ids.push_back(host.call("counter"));
    if (kill % 2 == 0) host.linger(Millis(kill / 2));
    backend.kill();
    for (int i = 0; i < 5; ++i) ids.push_back(host.call("counter"));
    backend.start();
  }
  int answered = 0;
  int unknown = 0;
  for (const int id : ids) {
    const Json result = host.expect_result(id, 30s);
    if (!result.value("isError", false)) {
      ++answered;
    } else {
      CHECK(result["_meta"]["mcp-ws-shim/error"]["reason"] == "outcome-unknown");
      ++unknown;
    }
  }
  MESSAGE(answered << " answered, " << unknown << " outcome-unknown, " << ids.size() << " in all");
  const std::vector<Json> executed = backend.executed();
  const std::set<Json> once(executed.begin(), executed.end());
  CHECK(once.size() == executed.size());
  CHECK(executed.size() >= static_cast<std::size_t>(answered));
  CHECK(answered > 0);
}

}  // namespace e2e
