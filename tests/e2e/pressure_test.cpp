// Bounds under floods: no message lost or torn, no memory without end (contract 3, 5.0 and 12).

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

constexpr std::size_t memory_kib_max = 64 << 10;  // contract 12

/// Sanitizers multiply every allocation.
void check_memory(Host& host) {
  const std::size_t peak = peak_resident_kib(host.pid());
  MESSAGE("peak of resident memory: " << peak << " KiB");
  if (!sanitized) CHECK(peak < memory_kib_max);
}

std::string call_line(int id, const std::string& text) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
         R"(,"method":"tools/call","params":{"name":"echo","arguments":{"text":")" + text +
         R"("}}})";
}

/// Sends calls of this size, the first with the id `first`, until the shim has taken nothing more
/// for a while or `most` are written. Returns how many were sent.
int flood(Host& host, int first, std::size_t bytes, int most) {
  const std::string text(bytes, 'f');
  int sent = 0;
  while (sent < most) {
    while (sent < most && host.unsent_bytes() == 0) host.send(call_line(first + sent++, text));
    const std::size_t before = host.unsent_bytes();
    if (before > 0 && !host.wait_until([&] { return host.unsent_bytes() < before; }, 500ms)) break;
  }
  return sent;
}

/// What stalls now was refused by nobody: the host itself was held up.
void check_settled_exactly_once(Host& host, int first, int count) {
  std::map<int, int> answers;
  std::map<std::string, int> kinds;
  std::size_t seen = 0;
  const auto look = [&] {
    for (; seen < host.lines().size(); ++seen) {
      const Json& json = host.lines()[seen].json;
      if (json.contains("method") || !json["id"].is_number_integer()) continue;
      const int id = json["id"].get<int>();
      if (id < first || id >= first + count) continue;
      ++answers[id];
      const Json& result = json.value("result", Json::object());
      ++kinds[result.value("isError", false)
                  ? result["_meta"]["mcp-ws-shim/error"].value("reason", "?")
                  : "answered"];
    }
    return answers.size() == static_cast<std::size_t>(count);
  };
  host.expect("an answer to each call", look, 60s);
  host.linger(100ms);
  CHECK(look());
  for (const auto& [id, times] : answers) {
    if (times != 1) FAIL("id " << id << " was answered " << times << " times");
  }
  for (const auto& [kind, times] : kinds) MESSAGE(kind << ": " << times);
}

}  // namespace

TEST_CASE(
    "pressure: 10000 calls in a burst from a host that reads slowly, nothing lost, in order") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  constexpr int count = 10'000;
  const std::size_t before = host.lines().size();
  for (int i = 0; i < count; ++i) host.send(call_line(1000 + i, "message " + std::to_string(i)));
  host.read_at_most(2048);
  host.expect(
      "all answers",
      [&] {
        host.linger(1ms);
        return host.lines().size() >= before + count;
      },
      60s);
  for (int i = 0; i < count; ++i) {
    const Json& answer = host.lines()[before + static_cast<std::size_t>(i)].json;
    if (answer["id"] != 1000 + i ||
        answer["result"]["content"][0]["text"] != "message " + std::to_string(i)) {
      FAIL("answer " << i << " is " << answer.dump());
    }
  }
  CHECK(backend.executed().size() == count);
  check_memory(host);
}

TEST_CASE("pressure: a backend that stops reading holds the host up, and nothing is lost") {
  for (const std::size_t bytes : {std::size_t{100}, std::size_t{20'000}}) {
    CAPTURE(bytes);
    Backend backend({"--fault", "stop-reading=3"});
    Host host(quick() + backend.url());
    host.initialize();
    host.expect_text(host.call("echo", {{"text", "the third message"}}));
    constexpr int first = 1000;
    const int count = flood(host, first, bytes, bytes == 100 ? 300'000 : 5'000);
    MESSAGE(count << " calls of " << bytes << " bytes were taken");
    CHECK(host.unsent_bytes() > 0);  // backpressure, not a refusal
    CHECK(host.count_log("lost") == 0);
    check_memory(host);

    backend.restart();
    host.flush(60s);
    check_settled_exactly_once(host, first, count);
    CHECK(host.expect_text(host.call("echo", {{"text", "and on"}})) == "and on");
    std::set<Json> once;
    for (const Json& id : backend.executed()) CHECK_MESSAGE(once.insert(id).second, id.dump());
    check_memory(host);
  }
}

TEST_CASE("pressure: with the backend away the queue stays bounded and the rest is refused") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  backend.kill();
  host.expect_log("lost: ");
  constexpr int first = 1000;
  const int count = sanitized ? 600 : 3'000;
  const std::string text(100'000, 'q');  // up to 300 MB in all
  for (int i = 0; i < count; ++i) {
    host.send(call_line(first + i, text));
    host.flush(60s);  // stdin is read all the time
  }
  host.expect("refusals",
              [&] { return host.lines().size() > static_cast<std::size_t>(2 * count / 3); });
  check_memory(host);
  backend.start();
  check_settled_exactly_once(host, first, count);
  check_memory(host);
}

TEST_CASE("pressure: a flood of notifications waits for a host that reads nothing for 3 s") {
  constexpr int count = 200'000;  // over 20 MB
  Backend backend({"--fault", "notify-flood=" + std::to_string(count)});
  Host host(quick() + backend.url());
  host.initialize();
  host.read_at_most(0);
  host.linger(3s);
  check_memory(host);
  host.read_at_most(std::size_t{1} << 20U);
  int next = 0;
  std::size_t seen = 0;
  host.expect(
      "all notifications",
      [&] {
        for (; seen < host.lines().size(); ++seen) {
          const Json& json = host.lines()[seen].json;
          if (json.value("method", "") != "notifications/message") continue;
          if (json["params"]["data"]["n"] != next++) FAIL("out of order: " << json.dump());
        }
        return next == count;
      },
      60s);
  check_memory(host);
  CHECK(host.count_log("lost") == 0);
}

TEST_CASE(
    "pressure: large answers wait for a host that does not read, one message beyond the bound") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  host.read_at_most(0);
  std::vector<int> ids;
  const int calls = sanitized ? 10 : 50;
  for (int i = 0; i < calls; ++i) ids.push_back(host.call("big", {{"bytes", 4'000'000}}));
  host.linger(3s);
  check_memory(host);
  host.read_at_most(std::size_t{1} << 20U);
  for (const int id : ids) CHECK(host.expect_text(id, 30s).size() == 4'000'000);
  check_memory(host);
}

TEST_CASE("pressure: a host that goes away while it is held up ends the shim") {
  for (const Wiring wiring : {Wiring::pipes, Wiring::sockets}) {
    CAPTURE(static_cast<int>(wiring));
    Backend backend({"--fault", "stop-reading=2"});
    Host host(quick() + Arguments{"--drain-timeout", "300ms"} + backend.url(), {.wiring = wiring});
    host.initialize();
    flood(host, 1000, 20'000, 5'000);
    REQUIRE(host.unsent_bytes() > 0);
    host.abandon_input();
    CHECK(host.expect_exit() == 0);
  }
}

TEST_CASE("pressure: a flood of blank, broken and foreign lines is answered line by line") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url(), {.plain = true});
  constexpr int count = 50'000;
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += "\n{]\n  \n";
  host.send_raw(bytes);
  host.expect(
      "an answer to each", [&] { return host.lines().size() == count; }, 30s);
  for (const Line& line : host.lines()) {
    if (line.text != host.lines().front().text) FAIL("another answer: " << line.text);
  }
  check_holds(host.lines().front().text, "-32700");
  check_memory(host);
}

}  // namespace e2e
