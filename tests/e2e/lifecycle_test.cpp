// How the shim ends, and that nothing else ends it (contract 3).

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "backend.hpp"
#include "host.hpp"
#include "tcp_servers.hpp"

namespace e2e {
namespace {

/// A session with a call in flight that takes `ms`; returns its id.
int call_in_flight(Backend& backend, Host& host, int ms) {
  host.initialize();
  const int id = host.call("sleep", {{"ms", ms}});
  host.expect("the backend runs it", backend.has_received("tools/call"));
  return id;
}

std::string last_notification(std::size_t size) {
  return R"({"jsonrpc":"2.0","method":"notifications/last","params":{"x":")" + filler(size, 'x') +
         R"("}})";
}

/// The host has sent a long notification and ended; the backend has not read any of it.
struct Farewell {
  explicit Farewell(const Arguments& flags) : host(quick() + flags + server.url()) {
    connection.become_ready();
    host.expect_log("ready: ");
    host.send(last);
    host.close_input();
  }
  RawServer server;
  Host host;
  RawConnection connection{server.accept()};
  const std::string last = last_notification(1'000'000);
};

}  // namespace

TEST_CASE("end: with nothing pending the end of input ends the shim at once") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  host.expect_text(host.call("echo", {{"text", "x"}}));
  const auto closed = Clock::now();
  host.close_input();
  CHECK(host.expect_exit() == 0);
  CHECK(since(closed) <= allowed(end_at_once));
}

TEST_CASE("end: without a backend the end of input ends the shim at once") {
  Backend backend;
  Host host(quick() + backend.url());
  host.expect_log("refused");
  const auto closed = Clock::now();
  host.close_input();
  CHECK(host.expect_exit() == 0);
  CHECK(since(closed) <= allowed(end_at_once));
}

TEST_CASE("end: with a connection under way the end of input ends the shim at once") {
  Backend backend({"--fault", "silent-upgrade"});
  Host host(Arguments{"--log-level", "debug", backend.url()});
  host.expect_log("connecting");
  const auto closed = Clock::now();
  host.close_input();
  CHECK(host.expect_exit() == 0);
  CHECK(since(closed) <= allowed(end_at_once));
}

TEST_CASE("end: the backend is told with a close frame") {
  RawServer server;
  Host host(quick() + server.url());
  RawConnection connection = server.accept();
  connection.become_ready();
  host.expect_log("ready: ");
  host.close_input();
  const Frame frame = connection.receive_frame();
  CHECK(frame.opcode == Opcode::close);
  CHECK(frame.payload.substr(0, 2) == "\x03\xe8");
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("end: a last line without its newline is a line, and the last notification is sent") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  host.expect("the session is open", backend.has_received("notifications/initialized"));
  host.send_raw(R"({"jsonrpc":"2.0","method":"notifications/last"})");
  host.close_input();
  CHECK(host.expect_exit() == 0);
  host.expect("the backend gets it", backend.has_received("notifications/last"));
}

TEST_CASE("end: the last notification is sent whole to a backend that is slow to read") {
  TempDir files;
  const std::string path = files.path("backend.sock");
  const File listener = listening_socket(path, 1);
  // With some of these sizes the socket is full in the midst of the last piece that is written.
  for (std::size_t size = 64'000; size < 512'000; size += 24'000) {
    Host host(quick() + ("ws+unix://" + path));
    RawConnection connection = accepted(listener);
    connection.become_ready();
    host.expect_log("ready: ");
    const std::string last = last_notification(size);
    host.send(last);
    host.close_input();
    host.linger(20ms);
    CHECK((connection.receive_text() == last));
    CHECK(host.expect_exit() == 0);
  }
}

TEST_CASE("end: the last notification is sent whole though the backend speaks meanwhile") {
  Farewell farewell({"--drain-timeout", "60s"});
  for (int i = 0; i < 10; ++i) {
    farewell.host.linger(10ms);
    // Arriving at a closed socket, this would have the kernel throw away what it holds.
    farewell.connection.send_text(
        R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})");
  }
  CHECK((farewell.connection.receive_text() == farewell.last));
  CHECK(farewell.host.expect_exit() == 0);
}

TEST_CASE("end: what the kernel holds yet arrives, however late the backend reads") {
  Farewell farewell({"--ping-interval", "500ms", "--pong-timeout", "500ms"});
  CHECK(farewell.host.expect_exit() == 0);
  farewell.host.linger(3s);  // far longer than a path may be dead while the shim watches it
  CHECK((farewell.connection.receive_text() == farewell.last));
}

TEST_CASE("end: what is pending may still be answered, and then the shim ends") {
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--drain-timeout", "60s"} + backend.url());
  const int id = call_in_flight(backend, host, 300);
  host.close_input();
  CHECK(host.expect_text(id) == "slept 300 ms");
  CHECK(host.expect_exit(500ms) == 0);
}

TEST_CASE("end: what is never answered is settled after the drain timeout") {
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--drain-timeout", "400ms"} + backend.url());
  const int id = call_in_flight(backend, host, 600'000);
  const auto closed = Clock::now();
  host.close_input();
  host.expect_tool_failure(id, "outcome-unknown");
  CHECK(since(closed) >= 380ms);
  CHECK(host.expect_exit() == 0);
  CHECK(since(closed) <= 400ms + allowed(200ms));
}

TEST_CASE("end: what could not be sent is settled after the drain timeout") {
  Backend backend;
  Host host(quick() + Arguments{"--drain-timeout", "400ms"} + backend.url());
  const int list = host.request("tools/list");
  const int call = host.call("echo", {{"text", "x"}});
  host.close_input();
  host.expect_error(list, 31001);
  host.expect_tool_failure(call, "backend-unavailable");
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("end: a backend that comes back during the drain still answers") {
  Backend backend;
  Host host(quick() + Arguments{"--drain-timeout", "60s"} + backend.url());
  const int id = host.request("initialize", {{"protocolVersion", "2025-06-18"},
                                             {"capabilities", Json::object()},
                                             {"clientInfo", {{"name", "x"}, {"version", "1"}}}});
  host.expect_log("refused");
  host.close_input();
  host.linger(300ms);
  backend.start();
  host.expect_result(id);
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("end: SIGTERM and SIGINT settle what is pending and end the shim at once") {
  for (const int number : {SIGTERM, SIGINT}) {
    CAPTURE(number);
    Backend backend(Arguments{});
    Host host(quick() + backend.url());
    const int id = call_in_flight(backend, host, 600'000);
    const auto sent = Clock::now();
    host.shim().signal(number);
    CHECK(host.expect_exit() == 0);
    CHECK(since(sent) <= allowed(end_at_once));
    host.expect_tool_failure(id, "outcome-unknown");
  }
}

TEST_CASE("end: SIGTERM, SIGINT and SIGHUP do no harm while the shim starts") {
  if (sanitized) {
    MESSAGE("SKIPPED: sanitizers want to be the first library themselves");
    return;
  }
  const TempDir files;
  for (const int number : {SIGTERM, SIGINT}) {
    CAPTURE(number);
    const std::string begun = files.path(std::to_string(number));
    Process shim({shim_program(), "ws://127.0.0.1:1"},
                 {"LD_PRELOAD=" E2E_SLOW_START, "E2E_START=" + begun}, Streams{});
    const Deadline deadline(patience);
    while (!std::filesystem::exists(begun) && !deadline.passed()) (void)shim.wait(5ms);
    shim.signal(SIGHUP);
    CHECK_FALSE(shim.wait(50ms).has_value());
    shim.signal(number);
    CHECK(shim.wait(allowed(1s)) == 0);
  }
}

TEST_CASE("end: SIGTERM settles what is queued, too") {
  Backend backend;
  Host host(quick() + backend.url());
  const int id = host.request("tools/list");
  host.expect_log("refused");
  host.shim().signal(SIGTERM);
  CHECK(host.expect_exit() == 0);
  host.expect_error(id, 31001);
}

TEST_CASE("end: a host that does not read cannot keep the shim from obeying SIGTERM") {
  Backend backend({"--fault", "notify-flood=50000"});
  Host host(quick() + backend.url());
  host.initialize();
  host.read_at_most(0);
  host.flush();
  host.linger(500ms);
  host.shim().signal(SIGTERM);
  CHECK(host.shim().wait(allowed(1s)) == 0);
}

TEST_CASE("end: a host that reads slowly cannot keep the shim from obeying SIGTERM either") {
  Backend backend({"--fault", "notify-flood=50000"});
  Host host(quick() + backend.url());
  host.initialize();
  host.read_at_most(0);
  host.flush();
  host.linger(500ms);
  host.read_at_most(4096);
  host.shim().signal(SIGTERM);
  const Deadline deadline(1s);
  while (host.shim().is_running() && !deadline.passed()) {
    host.pump(1ms);
    (void)host.shim().wait(50ms);
  }
  CHECK(host.shim().wait(1ms) == 0);
}

TEST_CASE("end: a second SIGTERM ends the shim immediately") {
  Backend backend({"--fault", "notify-flood=50000"});
  Host host(quick() + backend.url());
  host.initialize();
  host.read_at_most(0);
  host.flush();
  host.linger(500ms);
  host.shim().signal(SIGTERM);
  host.linger(20ms);
  const auto second = Clock::now();
  host.shim().signal(SIGTERM);
  CHECK(host.shim().wait(allowed(end_at_once)) == 0);
  CHECK(since(second) <= allowed(end_at_once));
}

TEST_CASE("end: a closed stdout ends the shim") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  host.close_output();
  host.request("ping");
  CHECK(host.shim().wait(allowed(1s)) == 0);
}

TEST_CASE("end: a closed stdout ends the shim though there is nothing to write") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  host.close_output();
  CHECK(host.shim().wait(allowed(1s)) == 0);
}

TEST_CASE("end: a closed stdout ends the shim though it is a socket and nothing else is closed") {
  Backend backend(Arguments{});
  Ends in = make_pipe();
  Ends out = make_socket_pair();
  Process shim({shim_program(), backend.url()}, {},
               Streams{.in = in.read.get(), .out = out.write.get(), .err = -1});
  out.write.close();
  REQUIRE_FALSE(shim.wait(300ms).has_value());
  out.read.close();
  CHECK(shim.wait(allowed(1s)) == 0);
}

TEST_CASE("end: a signal while the last answers are read does not cut them off") {
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--drain-timeout", "20s"} + backend.url());
  host.initialize();
  host.read_at_most(0);
  const Json id = host.call("big", {{"bytes", 3'000'000}});
  host.linger(500ms);
  host.close_input();
  host.linger(500ms);
  for (int i = 0; i < 3; ++i) {
    host.shim().signal(SIGHUP);
    host.linger(50ms);
  }
  host.read_at_most(1 << 20);
  CHECK(host.expect_text(id).size() == 3'000'000);
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("end: SIGTERM while the last answers are read does") {
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--drain-timeout", "60s"} + backend.url());
  host.initialize();
  host.read_at_most(0);
  host.call("big", {{"bytes", 3'000'000}});
  host.linger(500ms);
  host.close_input();
  host.linger(500ms);
  host.shim().signal(SIGHUP);
  host.linger(50ms);
  host.shim().signal(SIGTERM);
  CHECK(host.shim().wait(allowed(2s)) == 0);
}

TEST_CASE("end: the death of the parent ends the shim though others hold its pipes open") {
  Backend backend(Arguments{});
  Ends in = make_pipe();
  Ends out = make_pipe();
  // The shell does not replace itself with its last command but one, so the shim is its child.
  Process shell({"/bin/sh", "-c", "\"$@\"; :", "sh", shim_program(), backend.url()}, {},
                Streams{.in = in.read.get(), .out = out.write.get(), .err = 2});
  const Deadline deadline(patience);
  while (children(shell.pid()).empty() && !deadline.passed()) (void)shell.wait(5ms);
  REQUIRE(children(shell.pid()).size() == 1);
  const pid_t shim = children(shell.pid()).front();
  // An answered ping shows that it is up and watches its parent.
  REQUIRE(::write(in.write.get(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n", 41) ==
          41);
  char answer[256];
  REQUIRE(::read(out.read.get(), answer, sizeof answer) > 0);

  const auto killed = Clock::now();
  shell.kill();
  CHECK(wait_for_end(shim, allowed(2s)));
  MESSAGE("ended " << since(killed).count() << " ms after its parent");
  if (!wait_for_end(shim, 0ms)) ::kill(shim, SIGKILL);
  int status = -1;
  CHECK(::waitpid(shim, &status, 0) == shim);  // ours now: main() adopts orphans
  CHECK(status == 0);
}

TEST_CASE("signal: SIGHUP makes the shim try at once") {
  Backend backend;
  Host host({"--backoff-base", "60s", "--backoff-cap", "60s", "--jitter", "0", "--log-level",
             "debug", backend.url()});
  host.expect_log("next attempt in");
  backend.start();
  const auto sent = Clock::now();
  host.shim().signal(SIGHUP);
  host.expect_log("ready: ");
  CHECK(since(sent) <= 1s + allowed(200ms));
}

TEST_CASE("signal: SIGHUP while ready disturbs nothing") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  host.shim().signal(SIGHUP);
  CHECK(host.expect_text(host.call("echo", {{"text", "still here"}})) == "still here");
  CHECK(host.count_log("connecting") == 1);
}

TEST_CASE("signal: a request of the host makes the shim try at once") {
  Backend backend;
  Host host({"--backoff-base", "60s", "--backoff-cap", "60s", "--jitter", "0", "--log-level",
             "debug", backend.url()});
  host.expect_log("next attempt in");
  backend.start();
  const auto asked = Clock::now();
  host.initialize();
  CHECK(since(asked) <= 1s + allowed(200ms));
}

}  // namespace e2e
