// Alive, busy or gone (contract 7), told apart by silence: a backend that is stopped, one whose
// event loop is blocked, one that takes nothing, and a shim that was stopped itself.

#include <doctest/doctest.h>

#include <csignal>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

constexpr Millis ping_interval = 400ms;
constexpr Millis pong_timeout = 400ms;
constexpr Millis silent_after = ping_interval + pong_timeout;

/// Flags with which silence shows soon. Both stall timeouts are out of the way unless given.
Arguments watchful(Millis stall = 60s, Millis busy = 60s, Millis ping = ping_interval) {
  return quick() + Arguments{"--ping-interval", flag(ping),  "--pong-timeout", flag(pong_timeout),
                             "--stall-timeout", flag(stall), "--busy-timeout", flag(busy)};
}

/// A session and, if asked for, a call in it that the backend has taken up.
struct Session {
  Backend backend;
  Host host;
  int call = 0;

  explicit Session(const Arguments& flags, const Arguments& of_backend = {})
      : backend(of_backend), host(flags + backend.url()) {
    host.initialize();
  }
  void start_call(const std::string& tool, const Json& arguments) {
    call = host.call(tool, arguments);
    host.expect("the backend runs it", [this] { return !backend.executed().empty(); });
  }
  /// Whatever else happened, no link was lost.
  void check_kept() const { e2e::check_kept(host); }
};

constexpr int large_id = 1000;

/// More than all buffers between the shim and a backend that does not read. Written by hand: the
/// harness would take seconds to look at it, and here time counts.
std::string large_text() { return filler(8'000'000, 'l'); }
void send_large_call(Host& host) {
  host.send_raw(R"({"jsonrpc":"2.0","id":)" + std::to_string(large_id) +
                R"(,"method":"tools/call","params":{"name":"echo","arguments":{"text":")" +
                large_text() + "\"}}}\n");
}

/// The bytes of a message come one by one, and take longer than any timeout.
void trickle(Host& host, RawConnection& backend, const std::string& message) {
  const auto begun = Clock::now();
  backend.send_bytes("\x81" + std::string(1, static_cast<char>(message.size())));
  for (const char byte : message) {
    backend.send_bytes({&byte, 1});
    host.linger(scaled(silent_after * 4) / static_cast<int>(message.size()));
  }
  MESSAGE("one message in " << since(begun).count() << " ms");
}

}  // namespace

TEST_CASE("liveness: an idle backend that is stopped is dropped within ping and pong timeout") {
  Session world(watchful());
  world.host.linger(scaled(ping_interval * 3));  // pings are answered meanwhile
  world.check_kept();
  const auto stopped = Clock::now();
  world.backend.freeze();
  world.host.expect_log("lost: no-pong");
  MESSAGE("dropped after " << since(stopped).count() << " ms");
  CHECK(since(stopped) <= allowed(silent_after) + allowed(200ms));
  world.backend.thaw();
  CHECK(world.host.expect_text(world.host.call("echo", {{"text", "again"}})) == "again");
}

TEST_CASE("liveness: a stopped backend with a call in flight is kept until the stall timeout") {
  Session world(watchful(2400ms));
  world.start_call("sleep", {{"ms", 600'000}});
  const auto stopped = Clock::now();
  world.backend.freeze();
  const Json facts = world.host.expect_tool_failure(world.call, "outcome-unknown");
  MESSAGE("settled after " << since(stopped).count() << " ms");
  CHECK(since(stopped) >= scaled(2400ms - ping_interval - 200ms));
  CHECK(since(stopped) <= allowed(2400ms));
  CHECK(facts["delivered"] == true);
  CHECK(facts["retryable"] == false);
  world.host.expect_log("lost: stalled");
}

TEST_CASE("liveness: a backend that goes on before the stall timeout has lost nothing") {
  Session world(watchful(10s));
  world.start_call("sleep", {{"ms", 100}});
  world.backend.freeze();
  const int queued = world.host.call("counter");  // sent while nobody reads
  world.host.linger(scaled(silent_after * 3));
  CHECK_FALSE(world.host.is_answered(queued));
  world.backend.thaw();
  CHECK(world.host.expect_text(queued) == "1");
  CHECK(world.host.expect_text(world.call) == "slept 100 ms");
  CHECK(world.backend.executed().size() == 2);
  world.check_kept();
}

TEST_CASE("liveness: a blocked event loop with calls in flight loses nothing") {
  Session world(watchful(20s));
  const auto ms = scaled(silent_after * 4).count();
  world.start_call("busy", {{"ms", ms}});
  std::vector<int> behind;
  for (int i = 0; i < 5; ++i) behind.push_back(world.host.call("counter"));
  const int list = world.host.request("tools/list");
  CHECK(world.host.expect_text(world.call) == "was busy for " + std::to_string(ms) + " ms");
  for (int i = 0; i < 5; ++i) {
    CHECK(world.host.expect_text(behind[static_cast<std::size_t>(i)]) == std::to_string(i + 1));
  }
  world.host.expect_result(list);
  CHECK(world.backend.executed().size() == 6);
  world.check_kept();
}

TEST_CASE("liveness: one request after a blocked event loop, with nothing in flight, is served") {
  // Nobody waited for the loop, so the link goes: the next link must do.
  Session world(watchful());
  world.start_call("sleep", {{"ms", 1}});
  world.host.expect_text(world.call);
  world.backend.freeze();
  world.host.expect_log("lost: no-pong");
  const int asked = world.host.call("counter");
  world.backend.thaw();
  CHECK(world.host.expect_text(asked) == "1");
  CHECK(world.backend.executed().size() == 2);
}

TEST_CASE("liveness: a busy backend with a fresh health file lives beyond the stall timeout") {
  TempDir files;
  const Arguments health{"--health-file", files.path("health")};
  Session world(watchful(1s, 30s) + health, Arguments{"--health-interval", "200"} + health);
  const auto ms = scaled(3s).count();
  world.start_call("busy", {{"ms", ms}});
  CHECK(world.host.expect_text(world.call) == "was busy for " + std::to_string(ms) + " ms");
  world.check_kept();
}

TEST_CASE("liveness: a fresh health file keeps a silent backend no longer than the busy timeout") {
  TempDir files;
  const Arguments health{"--health-file", files.path("health")};
  Session world(watchful(1s, 3s) + health, Arguments{"--health-interval", "200"} + health);
  world.start_call("busy", {{"ms", 600'000}});
  const auto begun = Clock::now();
  world.host.expect_tool_failure(world.call, "outcome-unknown");
  MESSAGE("settled after " << since(begun).count() << " ms");
  CHECK(since(begun) >= scaled(3s - ping_interval - 200ms));
  CHECK(since(begun) <= allowed(3s));
  world.host.expect_log("lost: stalled");
}

TEST_CASE("liveness: once its health file is stale, a busy backend has the stall timeout only") {
  TempDir files;
  const Arguments health{"--health-file", files.path("health")};
  Session world(watchful(1500ms, 60s) + health + Arguments{"--health-max-age", flag(600ms)},
                health);
  world.start_call("busy", {{"ms", 600'000}, {"health", false}});
  const auto begun = Clock::now();
  world.host.expect_tool_failure(world.call, "outcome-unknown");
  CHECK(since(begun) >= scaled(1500ms - ping_interval - 200ms));
  CHECK(since(begun) <= allowed(1500ms) + allowed(600ms));
  world.host.expect_log("lost: stalled");
}

TEST_CASE("liveness: a message that trickles in is life, whether or not anything is in flight") {
  for (const bool in_flight : {true, false}) {
    CAPTURE(in_flight);
    RawServer server;
    Host host(watchful(1s) + server.url());
    RawConnection backend = server.accept();
    backend.become_ready();
    host.expect_log("ready: ");
    std::string message = R"({"jsonrpc":"2.0","method":"notifications/x"})";
    int id = 0;
    if (in_flight) {
      id = host.request("tools/list");
      (void)backend.receive_text();
      message = R"({"jsonrpc":"2.0","id":1,"result":{"tools":[]}})";
    }
    trickle(host, backend, message);
    host.expect("the message", [&] { return !host.lines().empty(); });
    if (in_flight) host.expect_result(id);
    check_kept(host);
  }
}

TEST_CASE("liveness: a backend that stops in the middle of a large request has the stall timeout") {
  // Its window is closed and stays so for longer than TCP_USER_TIMEOUT, which must not strike.
  Session world(watchful(4s));
  world.start_call("sleep", {{"ms", 600'000}});
  world.backend.freeze();
  const auto stopped = Clock::now();
  send_large_call(world.host);
  world.host.expect_tool_failure(large_id, "outcome-unknown");
  MESSAGE("settled after " << since(stopped).count() << " ms");
  CHECK(since(stopped) >= scaled(4s - ping_interval - 200ms));
  world.host.expect_log("lost: stalled");
}

TEST_CASE("liveness: a backend that takes the rest of a large request in time gets all of it") {
  Session world(watchful(20s));
  world.start_call("sleep", {{"ms", 1}});
  world.backend.freeze();
  send_large_call(world.host);
  world.host.linger(scaled(silent_after * 4));
  world.check_kept();
  world.backend.thaw();
  CHECK(world.host.expect_text(large_id, 30s) == large_text());
  world.check_kept();
}

TEST_CASE("liveness: a daemon that never reads again is left at the stall timeout") {
  // initialize, initialized, and nothing after the call.
  Session world(watchful(3s), {"--fault", "stop-reading=3", "--fault-connections", "1"});
  const int last_read = world.host.call("sleep", {{"ms", 600'000}});
  const auto begun = Clock::now();
  send_large_call(world.host);
  world.host.expect_tool_failure(last_read, "outcome-unknown");
  CHECK(since(begun) >= scaled(3s - ping_interval - 200ms));
  world.host.expect_log("lost: stalled");
  world.host.expect_tool_failure(large_id, "outcome-unknown");
  CHECK(world.host.expect_text(world.host.call("echo", {{"text", "next link"}})) == "next link");
}

TEST_CASE("liveness: a backend that sends, but does not take what is sent to it, is kept") {
  // Its window stays closed for longer than TCP_USER_TIMEOUT, and no silence makes the shim look.
  RawServer server;
  Host host(watchful() + server.url());
  RawConnection backend = server.accept();
  backend.become_ready();
  host.expect_log("ready: ");
  host.send(R"({"jsonrpc":"2.0","id":1,"method":"x"})");
  (void)backend.receive_text();  // it owes an answer: no silence of a slow test ends the link
  send_large_call(host);
  for (const auto begun = Clock::now(); since(begun) < scaled(silent_after * 4);) {
    backend.send_text(R"({"jsonrpc":"2.0","method":"notifications/x"})");
    host.linger(scaled(ping_interval / 4));
  }
  check_kept(host);
  CHECK_FALSE(host.is_answered(large_id));
}

TEST_CASE("liveness: nor does the path count as dead while the shim does not read the backend") {
  RawServer server;
  Host host(watchful() + Arguments{"--queue-bytes", "64KiB"} + server.url(), {.plain = true});
  RawConnection backend = server.accept();
  backend.become_ready();
  host.expect_log("ready: ");
  host.send(R"({"jsonrpc":"2.0","id":1,"method":"x"})");
  (void)backend.receive_text();  // it owes an answer: no silence of a slow test ends the link
  send_large_call(host);
  host.flush();
  host.linger(scaled(200ms));
  host.read_at_most(0);
  const std::string note =
      R"({"jsonrpc":"2.0","method":"notifications/x","params":{"x":")" + filler(4000, 'x') + "\"}}";
  for (int i = 0; i < 64; ++i) backend.send_text(note);
  host.linger(scaled(silent_after * 4));
  check_kept(host);
}

TEST_CASE("liveness: a backend that pings by itself is not pinged on top of it") {
  RawServer server;
  Host host(watchful() + server.url());
  RawConnection backend = server.accept();
  backend.become_ready();
  host.expect_log("ready: ");
  for (const auto begun = Clock::now(); since(begun) < scaled(silent_after * 2);) {
    backend.send_frame(Opcode::ping, "p");
    CHECK(backend.receive_frame().opcode == Opcode::pong);
    host.linger(scaled(ping_interval / 8));
  }
  check_kept(host);
}

TEST_CASE("liveness: a shim that was stopped finds a healthy link as it was") {
  for (const bool in_flight : {false, true}) {
    CAPTURE(in_flight);
    Session world(watchful(1s));
    if (in_flight) world.start_call("sleep", {{"ms", scaled(silent_after * 6).count()}});
    world.host.linger(scaled(ping_interval + ping_interval / 2));
    world.host.shim().signal(SIGSTOP);
    world.host.linger(scaled(silent_after * 3));
    world.host.shim().signal(SIGCONT);
    world.host.linger(scaled(silent_after * 2));
    if (in_flight) world.host.expect_text(world.call);
    CHECK(world.host.expect_text(world.host.call("echo", {{"text", "here"}})) == "here");
    world.check_kept();
  }
}

TEST_CASE("liveness: while a slow host keeps the shim from reading, no silence counts") {
  // More than the kernel takes on the way, so that pongs and heartbeats are stuck behind it. Lines
  // are only counted: to look at so much would take long.
  constexpr std::size_t answers = 5;
  constexpr Millis stall = 5s;  // the backend needs a part of it to spell them
  Backend backend(Arguments{"--heartbeat", "100"});
  Host host(watchful(stall) +
                Arguments{"--queue-bytes", "64KiB", "--heartbeat-timeout", flag(stall)} +
                backend.url(),
            {.plain = true});
  host.send(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":)"
            R"("2025-06-18","capabilities":{},"clientInfo":{"name":"e2e","version":"1"}}})");
  host.expect("the handshake", [&] { return host.lines().size() == 1; });
  host.send(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  host.linger(scaled(300ms));  // heartbeats are seen
  host.read_at_most(0);
  for (std::size_t id = 1; id <= answers; ++id) {
    host.send(R"({"jsonrpc":"2.0","method":"tools/call","params":{"name":"big","arguments":)"
              R"({"bytes":3000000}},"id":)" +
              std::to_string(id) + "}");
  }
  host.linger(scaled(stall * 3 / 2));
  host.read_at_most(1 << 20);
  host.expect(
      "all answers", [&] { return host.lines().size() == 1 + answers; }, 30s);
  for (const Line& line : host.lines()) CHECK(line.text.find("isError") == std::string::npos);
  host.linger(scaled(silent_after * 2));
  check_kept(host);
}

TEST_CASE("liveness: the same rules hold on a Unix socket") {
  const TempDir files;
  const std::string socket = files.path("socket");
  const Backend backend({"--unix", socket});
  Host host(watchful(10s) + ("ws+unix://" + socket));
  host.initialize();
  const int call = host.call("sleep", {{"ms", 100}});
  host.expect("the backend runs it", [&] { return !backend.executed().empty(); });
  backend.freeze();
  host.linger(scaled(silent_after * 3));
  backend.thaw();
  host.expect_text(call);
  check_kept(host);
  backend.freeze();
  const auto stopped = Clock::now();
  host.expect_log("lost: no-pong");
  CHECK(since(stopped) <= allowed(silent_after) + allowed(200ms));
}

TEST_CASE("liveness: a shim that was stopped with a ping out looks whether it was answered") {
  RawServer server;
  Host host(watchful() + server.url());
  RawConnection backend = server.accept();
  backend.become_ready();
  for (int i = 0; i < 3; ++i) {
    const Frame ping = backend.receive_frame();
    REQUIRE(ping.opcode == Opcode::ping);
    host.shim().signal(SIGSTOP);
    backend.send_frame(Opcode::pong, ping.payload);
    host.linger(scaled(pong_timeout * 2));
    host.shim().signal(SIGCONT);
  }
  host.linger(100ms);
  check_kept(host);
}

TEST_CASE("liveness: without pings silence is never judged") {
  RawServer server;
  Host host(watchful(500ms, 500ms, 0ms) + server.url());
  RawConnection backend = server.accept();
  backend.become_ready();
  const int id = host.request("tools/list");
  (void)backend.receive_text();
  host.linger(scaled(2s));
  check_kept(host);
  CHECK_THROWS((void)backend.receive_frame(100ms));  // not one ping came
  backend.send_text(R"({"jsonrpc":"2.0","id":1,"result":{"tools":[]}})");
  host.expect_result(id);
}

}  // namespace e2e
