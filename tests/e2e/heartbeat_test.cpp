// Heartbeats: a daemon that answers pings and does nothing else (contract 7).

#include <doctest/doctest.h>

#include <csignal>

#include "backend.hpp"
#include "host.hpp"
#include "tcp_servers.hpp"

namespace e2e {
namespace {

constexpr Millis heartbeat_timeout = 1s;

Arguments expecting(Millis heartbeats = heartbeat_timeout) {
  return quick() + Arguments{"--ping-interval", flag(400ms),           "--pong-timeout",
                             flag(400ms),       "--heartbeat-timeout", flag(heartbeats)};
}

Arguments beating(Millis every) { return {"--heartbeat", std::to_string(scaled(every).count())}; }

std::string ms(Millis span) { return std::to_string(scaled(span).count()); }

/// The log messages that the host got, by what `member` of them says.
std::vector<std::string> log_messages(const Host& host, const char* member) {
  std::vector<std::string> out;
  for (const Line& line : host.lines()) {
    if (line.json.value("method", "") == "notifications/message")
      out.push_back(line.json["params"][member].get<std::string>());
  }
  return out;
}

/// The levels that the backend was asked for, in order, and whether the request was the host's.
std::vector<std::string> levels_asked(const Backend& backend) {
  std::vector<std::string> out;
  for (const Json& message : backend.received()) {
    if (message.value("method", "") == "logging/setLevel")
      out.push_back(message["params"]["level"].get<std::string>());
  }
  return out;
}

}  // namespace

TEST_CASE("heartbeats: they stay in the shim, and a backend that goes on with them is kept") {
  Backend backend(beating(100ms));
  Host host(expecting() + backend.url());
  host.initialize();
  host.linger(scaled(heartbeat_timeout * 2));
  CHECK(log_messages(host, "logger").empty());
  // Any other logger's messages pass.
  host.expect_text(host.call("log", {{"level", "debug"}, {"logger", "heartbeats"}}));
  CHECK(log_messages(host, "logger") == std::vector<std::string>{"heartbeats"});
  check_kept(host);
}

TEST_CASE("heartbeats: none can come within a long message, and none is missed there") {
  RawServer server;
  Host host(expecting() + server.url());
  RawConnection backend = server.accept();
  backend.become_ready();
  host.expect_log("ready: ");
  backend.send_text(
      R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"debug",)"
      R"("logger":"heartbeat","data":1}})");
  const int id = host.request("tools/list");
  (void)backend.receive_text();
  const auto begun = Clock::now();
  backend.send_frame(Opcode::text,
                     R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"result":)", false);
  while (since(begun) < scaled(heartbeat_timeout * 3)) {
    backend.send_frame(Opcode::continuation, " ", false);
    const Frame frame = backend.receive_frame();  // it pings, and is answered
    REQUIRE(frame.opcode == Opcode::ping);
    backend.send_frame(Opcode::pong, frame.payload);
  }
  backend.send_frame(Opcode::continuation, R"({"tools":[]}})");
  host.expect_result(id);
  check_kept(host);
}

TEST_CASE("heartbeats: the host gets them if it is told to") {
  Backend backend(beating(100ms));
  Host host(expecting() + Arguments{"--forward-heartbeats"} + backend.url());
  host.initialize();
  host.expect("some heartbeats", [&] { return log_messages(host, "logger").size() >= 3; });
  for (const std::string& logger : log_messages(host, "logger")) CHECK(logger == "heartbeat");
}

TEST_CASE("heartbeats: a daemon that only answers pings any more is wedged") {
  for (const bool in_flight : {true, false}) {
    CAPTURE(in_flight);
    Backend backend(beating(100ms) +
                    Arguments{"--fault", "wedge-after=" + ms(1500ms), "--fault-connections", "1"});
    Host host(expecting() + backend.url());
    host.initialize();
    const auto ready = Clock::now();
    const int call = in_flight ? host.call("sleep", {{"ms", 600'000}}) : 0;
    check_holds(host.expect_log("lost: "), "wedged");
    MESSAGE("dropped " << since(ready).count() << " ms after the handshake");
    CHECK(since(ready) >= scaled(1500ms + heartbeat_timeout - 300ms));
    CHECK(since(ready) <= allowed(1500ms + heartbeat_timeout) + allowed(300ms));
    if (in_flight) host.expect_tool_failure(call, "outcome-unknown");
    // The next connection of this one is well.
    CHECK(host.expect_text(host.call("echo", {{"text", "well"}})) == "well");
  }
}

TEST_CASE("heartbeats: the first may come late") {
  Backend backend(beating(100ms) + Arguments{"--first-heartbeat", ms(heartbeat_timeout * 2)});
  Host host(expecting() + Arguments{"--forward-heartbeats"} + backend.url());
  host.initialize();
  host.expect("the first heartbeat", [&] { return !log_messages(host, "logger").empty(); });
  host.linger(scaled(heartbeat_timeout * 2));
  check_kept(host);
}

TEST_CASE("heartbeats: a backend that sends none is not expected to") {
  Backend backend(Arguments{});
  Host host(expecting() + backend.url());
  host.initialize();
  host.linger(scaled(heartbeat_timeout * 3));
  check_kept(host);
  // One is enough to be expected to go on.
  host.expect_text(host.call("log", {{"level", "info"}, {"logger", "heartbeat"}}));
  const auto seen = Clock::now();
  check_holds(host.expect_log("lost: "), "wedged");
  CHECK(since(seen) >= scaled(heartbeat_timeout - 200ms));
  CHECK(since(seen) <= allowed(heartbeat_timeout) + allowed(300ms));
  CHECK(log_messages(host, "logger").empty());
}

TEST_CASE("heartbeats: switched off, nothing is expected") {
  Backend backend(Arguments{});
  Host host(expecting(0ms) + backend.url());
  host.initialize();
  host.expect_text(host.call("log", {{"level", "info"}, {"logger", "heartbeat"}}));
  host.linger(scaled(heartbeat_timeout * 2));
  check_kept(host);
}

TEST_CASE("heartbeats: a backend stopped for longer than they may be missing loses nothing") {
  Backend backend(beating(100ms));
  Host host(expecting() + backend.url());
  host.initialize();
  const int call = host.call("sleep", {{"ms", scaled(3s).count()}});
  host.linger(scaled(400ms));
  backend.freeze();
  host.linger(scaled(heartbeat_timeout * 2));
  backend.thaw();
  host.linger(scaled(heartbeat_timeout));
  host.expect_text(call);
  check_kept(host);
}

TEST_CASE("heartbeats: one that comes back from being busy without any is given half their time") {
  RawServer server;
  Host host(expecting() + server.url());
  RawConnection backend = server.accept();
  backend.become_ready();
  host.expect_log("ready: ");
  host.request("tools/list");  // it owes an answer, so its silence is borne
  (void)backend.receive_text();
  backend.send_text(R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info",)"
                    R"("logger":"heartbeat","data":1}})");
  host.linger(scaled(heartbeat_timeout * 2));
  check_kept(host);
  const auto back = Clock::now();
  const Frame ping = backend.receive_frame();
  REQUIRE(ping.opcode == Opcode::ping);
  backend.send_frame(Opcode::pong, ping.payload);
  check_holds(host.expect_log("lost: "), "wedged");
  MESSAGE("dropped " << since(back).count() << " ms after its pong");
  CHECK(since(back) >= scaled(heartbeat_timeout / 2 - 200ms));
  CHECK(since(back) <= allowed(heartbeat_timeout / 2) + allowed(300ms));
}

TEST_CASE("heartbeats: a shim that was stopped for longer does not miss any") {
  Backend backend(beating(100ms));
  Host host(expecting() + backend.url());
  host.initialize();
  host.linger(scaled(400ms));
  host.shim().signal(SIGSTOP);
  host.linger(scaled(heartbeat_timeout * 2));
  host.shim().signal(SIGCONT);
  host.linger(scaled(heartbeat_timeout * 2));
  CHECK(host.expect_text(host.call("echo", {{"text", "here"}})) == "here");
  check_kept(host);
}

TEST_CASE(
    "heartbeats: asked for, they come at level debug, and the host sees no more than before") {
  Backend backend(beating(100ms));
  Host host(expecting() + Arguments{"--request-heartbeats"} + backend.url());
  host.initialize();
  host.expect("level debug", [&] { return levels_asked(backend).size() == 1; });
  CHECK(levels_asked(backend).front() == "debug");
  const auto log_all = [&host] {
    for (const char* level : {"debug", "info", "warning", "error"}) {
      host.expect_text(host.call("log", {{"level", level}}));
    }
  };
  // Nothing was asked for by the host: what it would see of a backend at its own `info`.
  log_all();
  CHECK(log_messages(host, "level") == std::vector<std::string>{"info", "warning", "error"});

  CHECK(host.expect_result(host.request("logging/setLevel", {{"level", "error"}})).empty());
  CHECK(levels_asked(backend) == std::vector<std::string>{"debug", "debug"});
  log_all();
  CHECK(log_messages(host, "level") ==
        std::vector<std::string>{"info", "warning", "error", "error"});

  host.expect_result(host.request("logging/setLevel", {{"level", "debug"}}));
  log_all();
  CHECK(log_messages(host, "level").size() == 4 + 4);
}

TEST_CASE("heartbeats: asked for again on the next link, where the host's level still holds") {
  Backend backend(beating(100ms));
  Host host(expecting() + Arguments{"--request-heartbeats"} + backend.url());
  host.initialize();
  host.expect_result(host.request("logging/setLevel", {{"level", "error"}}));
  backend.restart(beating(100ms) + Arguments{"--fault", "wedge-after=" + ms(1500ms)});
  for (const char* level : {"warning", "error"}) {
    host.expect_text(host.call("log", {{"level", level}}));
  }
  CHECK(levels_asked(backend) == std::vector<std::string>{"debug"});
  CHECK(log_messages(host, "level") == std::vector<std::string>{"error"});
  // Heartbeats come on this one, too: their end is noticed.
  host.expect_log("lost: ");  // the kill
  check_holds(host.expect_log("lost: "), "wedged");
}

}  // namespace e2e
