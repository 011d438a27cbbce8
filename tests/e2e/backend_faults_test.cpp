// A backend that speaks, but wrongly (contract 3, 5.0, 5.1 and 11). Host itself checks after each
// test that no line came that a host would not expect.

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

/// A session with a backend that has these faults.
struct Faulty {
  Backend backend;
  Host host;

  explicit Faulty(const Arguments& faults, const Arguments& flags = {})
      : backend(faults), host(quick() + flags + backend.url()) {
    host.initialize();
  }

  /// Whatever came before, calls still work, at least those that no fault hits.
  void check_alive() {
    CHECK(host.expect_result(host.request("tools/list"))["tools"].size() > 5);
    CHECK(host.count_log(" lost: ") == 0);
    CHECK(host.shim().is_running());
  }
};

/// The answer to a call is damaged: the host hears that it is, and of nothing else.
void check_damage(const std::string& fault) {
  Faulty world({"--fault", fault});
  const Json facts =
      world.host.expect_tool_failure(world.host.call("counter"), "bad-backend-message");
  CHECK(facts["delivered"] == true);
  CHECK(facts["retryable"] == false);
  world.host.expect_log("dropped: invalid message from the backend");
  world.check_alive();
}

/// The fault disturbs nothing.
void check_harmless(const std::string& fault) {
  Faulty world({"--fault", fault});
  for (int i = 1; i <= 5; ++i) {
    CHECK(world.host.expect_text(world.host.call("counter")) == std::to_string(i));
  }
  world.check_alive();
}

}  // namespace

TEST_CASE("faults: the second of two answers is dropped") {
  Faulty world({"--fault", "answer-twice"});
  CHECK(world.host.expect_text(world.host.call("counter")) == "1");
  CHECK(world.host.expect_text(world.host.call("counter")) == "2");
  world.host.expect_log("dropped: answer to nothing in flight");
  world.check_alive();
}

TEST_CASE("faults: an answer to an unknown id is dropped") { check_harmless("unknown-id"); }

TEST_CASE("faults: an answer whose id has another type is dropped") {
  check_harmless("wrong-id-type");
}

TEST_CASE("faults: progress for a token that nobody sent is dropped") {
  Faulty world({"--fault", "unknown-progress"});
  CHECK(world.host.expect_text(world.host.call("counter")) == "1");
  world.host.expect_log("dropped: progress for a token that is not pending");
  for (const Line& line : world.host.lines()) {
    CHECK(line.json.value("method", "") != "notifications/progress");
  }
  world.check_alive();
}

TEST_CASE("faults: progress for a pending request passes") {
  Faulty world({});
  const int id = world.host.request(
      "tools/call", {{"name", "sleep"},
                     {"arguments", {{"ms", 200}, {"progress_every_ms", 50}}},
                     {"_meta", {{"progressToken", "t"}}}});
  CHECK(world.host.expect_text(id) == "slept 200 ms");
  int seen = 0;
  for (const Line& line : world.host.lines()) {
    if (line.json.value("method", "") == "notifications/progress") {
      CHECK(line.json["params"]["progressToken"] == "t");
      ++seen;
    }
  }
  CHECK(seen >= 3);
}

TEST_CASE("faults: an answer that is cut off settles its call") { check_damage("invalid-json"); }

TEST_CASE("faults: an answer with its id twice settles its call") { check_damage("duplicate-key"); }

TEST_CASE("faults: an answer that is not UTF-8 settles its call") { check_damage("invalid-utf8"); }

TEST_CASE("faults: an answer without jsonrpc settles its call") { check_damage("bad-jsonrpc"); }

TEST_CASE("faults: an answer nested too deeply settles its call") { check_damage("deep=129"); }

TEST_CASE("faults: an answer nested a thousand levels deep settles its call") {
  check_damage("deep=1000");
}

TEST_CASE("faults: an answer nested a million levels deep settles its call") {
  check_damage("deep=1000000");
}

TEST_CASE("faults: an answer as deep as is allowed passes") {
  Faulty world({"--fault", "deep=128"});
  CHECK(world.host.expect_result(world.host.call("echo")).contains("deep"));
}

TEST_CASE("faults: a binary frame is dropped and the link stays") {
  Faulty world({"--fault", "binary"});
  const int id = world.host.call("echo", {{"text", "x"}});
  world.host.expect_log("dropped: binary frame");
  CHECK_FALSE(world.host.is_answered(id));
  world.check_alive();
}

TEST_CASE("faults: fragments with pings between them become one line") {
  check_harmless("fragment=3");
}

TEST_CASE("faults: pretty-printed answers become single lines") { check_harmless("pretty"); }

TEST_CASE("faults: a batch of the backend is taken apart") {
  Faulty world({"--fault", "batch"});
  CHECK(world.host.expect_text(world.host.call("counter")) == "1");
  world.host.expect("the notification of the batch", [&] {
    for (const Line& line : world.host.lines()) {
      if (line.json.value("method", "") == "notifications/message") return true;
    }
    return false;
  });
  world.check_alive();
}

TEST_CASE("faults: an answer that is too long settles its call and the link stays") {
  Faulty world({"--fault", "oversize=65537"}, {"--max-message", "64KiB"});
  world.host.expect_tool_failure(world.host.call("big", {{"bytes", 1}}), "bad-backend-message");
  world.host.expect_log("dropped: invalid message from the backend (longer than 64KiB");
  world.check_alive();
}

TEST_CASE("faults: the longest answer allowed passes") {
  Faulty world({"--fault", "oversize=65536"}, {"--max-message", "64KiB"});
  const Line& line = world.host.expect_answer(world.host.call("big", {{"bytes", 1}}));
  CHECK(line.text.size() == 65536);
}

TEST_CASE("faults: with --tool-errors error a damaged answer becomes a JSON-RPC error") {
  Faulty world({"--fault", "invalid-json"}, {"--tool-errors", "error"});
  const Json error = world.host.expect_error(world.host.call("counter"), 31007);
  CHECK(error["data"]["reason"] == "bad-backend-message");
}

TEST_CASE("faults: damage to the answer of initialize settles that and the next one works") {
  Backend backend({"--fault", "invalid-json", "--fault-method", "initialize"});
  Host host(quick() + backend.url());
  const Json params = {{"protocolVersion", "2025-06-18"},
                       {"capabilities", Json::object()},
                       {"clientInfo", {{"name", "x"}, {"version", "1"}}}};
  host.expect_error(host.request("initialize", params), 31007);
  backend.restart();
  host.expect_result(host.request("initialize", params));
}

TEST_CASE("faults: a request of the backend reaches the host under an id of the shim's own") {
  Faulty world({"--fault", "host-request-on-open"});
  const auto asked = [&]() -> const Line* {
    for (const Line& line : world.host.lines()) {
      if (line.json.value("method", "") == "roots/list") return &line;
    }
    return nullptr;
  };
  world.host.expect("the request", [&] { return asked() != nullptr; });
  const Json id = asked()->json["id"];
  CHECK(id.is_string());
  world.host.send(
      Json({{"jsonrpc", "2.0"}, {"id", id}, {"result", {{"roots", Json::array()}}}}).dump());
  const auto answered = [&]() -> Json {
    for (const Json& message : world.backend.received()) {
      if (message.contains("result") && message["result"].contains("roots")) return message;
    }
    return nullptr;
  };
  world.host.expect("its answer at the backend", [&] { return !answered().is_null(); });
  CHECK(answered()["id"] == 0);
  // The host says it once more: nobody asks any longer.
  world.host.send(
      Json({{"jsonrpc", "2.0"}, {"id", id}, {"result", {{"roots", Json::array()}}}}).dump());
  world.host.expect_log("dropped: host's answer");
  world.check_alive();
}

TEST_CASE("faults: the answer of the host goes back under the very id of the backend") {
  for (const Json& id : {Json(0), Json("zero"), Json(17)}) {
    CAPTURE(id.dump());
    Faulty world({});
    const int call =
        world.host.call("ask_host", {{"method", "elicitation/create"}, {"id", id}});
    std::size_t seen = 0;
    world.host.expect("the request", [&] {
      while (seen < world.host.lines().size() &&
             world.host.lines()[seen].json.value("method", "") != "elicitation/create") {
        ++seen;
      }
      return seen < world.host.lines().size();
    });
    const Json own = world.host.lines()[seen].json["id"];
    world.host.send(
        Json({{"jsonrpc", "2.0"}, {"id", own}, {"result", {{"action", "decline"}}}}).dump());
    const Json answer = Json::parse(world.host.expect_text(call));
    CHECK(answer["id"] == id);
    CHECK(answer["result"]["action"] == "decline");
  }
}

TEST_CASE("faults: a question of a backend that dies is cancelled towards the host") {
  Faulty world({"--fault", "host-request-on-open"});
  const auto find = [&](const char* method) -> Json {
    for (const Line& line : world.host.lines()) {
      if (line.json.value("method", "") == method) return line.json;
    }
    return nullptr;
  };
  world.host.expect("the request", [&] { return !find("roots/list").is_null(); });
  world.backend.restart();
  world.host.expect("its cancellation",
                    [&] { return !find("notifications/cancelled").is_null(); });
  const Json id = find("roots/list")["id"];
  CHECK(find("notifications/cancelled")["params"]["requestId"] == id);
  // An answer that comes too late goes nowhere.
  world.host.send(Json({{"jsonrpc", "2.0"}, {"id", id}, {"result", Json::object()}}).dump());
  world.host.expect_log("dropped: host's answer to a request of a lost link");
  world.host.expect_text(world.host.call("counter"));
  for (const Json& message : world.backend.received()) CHECK_FALSE(message.contains("result"));
}

TEST_CASE("faults: a tool that fails or is answered with an error passes as it is") {
  Faulty world({});
  CHECK(world.host.expect_result(world.host.call("fail"))["isError"] == true);
  const int id = world.host.call("error", {{"code", -32001}, {"message", "as asked"}});
  CHECK(world.host.expect_error(id, -32001)["message"] == "as asked");
}

TEST_CASE("faults: a cancelled call is cancelled at the backend and its late answer is dropped") {
  Faulty world({"--fault", "late-answer-ms=300"});
  const int id = world.host.call("counter");
  world.host.expect("it runs", world.backend.has_received("tools/call"));
  world.host.notify("notifications/cancelled", {{"requestId", id}});
  world.host.expect("the backend hears of it",
                    world.backend.has_received("notifications/cancelled"));
  world.host.expect_log("dropped: answer to nothing in flight");
  CHECK_FALSE(world.host.is_answered(id));
}

TEST_CASE("faults: a close with a code and a reason is named in the log, its reason escaped") {
  Faulty world({});
  const int id = world.host.call("close", {{"code", 4321}, {"reason", "so\nlong \x1b[31m"}});
  world.host.expect_tool_failure(id, "outcome-unknown");
  const std::string line = world.host.expect_log("lost: ");
  check_holds(line, "4321");
  check_holds(line, "long");
  CHECK(line.find('\x1b') == std::string::npos);
  world.host.expect_log("ready: ");
}

}  // namespace e2e
