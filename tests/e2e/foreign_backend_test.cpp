// A backend on a WebSocket library of other people, and one on a Unix socket (contract 2 and 5.1).

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>

#include "backend.hpp"
#include "host.hpp"
#include "tcp_servers.hpp"

namespace e2e {
namespace {

constexpr const char* python = "/usr/bin/python3";

bool has_websockets() {
  if (::access(python, X_OK) != 0) return false;
  Process probe({python, "-c", "import websockets"}, {}, Streams{});
  return probe.wait(allowed(30s)) == 0;
}

/// Starts the script on this port; returns once it listens.
std::unique_ptr<Process> start_python(const Port& port) {
  Ends out = make_pipe();
  auto server = std::make_unique<Process>(
      std::vector<std::string>{python, E2E_SOURCE_DIR "/websockets_server.py",
                               std::to_string(port.number())},
      std::vector<std::string>{}, Streams{.in = -1, .out = out.write.get(), .err = 2});
  out.write.close();
  (void)first_line(out.read);
  return server;
}

}  // namespace

TEST_CASE("foreign: a session with a server on python's websockets survives its kill and restart") {
  if (!has_websockets()) {
    MESSAGE("SKIPPED: /usr/bin/python3 cannot import websockets (Debian: python3-websockets)");
    return;
  }
  const Port port;
  auto server = start_python(port);
  Host host(quick() + ("ws://127.0.0.1:" + std::to_string(port.number()) + "/"));
  CHECK(host.initialize()["serverInfo"]["name"] == "websockets");
  CHECK(host.expect_text(host.call("counter")) == "1");
  const std::string text(2'000'000, 'p');
  CHECK(host.expect_text(host.call("echo", {{"text", text}}), 30s).size() == text.size());
  host.linger(1s);  // some of its pings
  CHECK(host.count_log(" lost: ") == 0);

  server->kill();
  host.expect_log("lost: ");
  const int queued = host.call("counter");
  server = start_python(port);
  CHECK(host.expect_text(queued) == "1");
  CHECK(host.expect_result(host.request("tools/list"))["tools"].size() == 4);
  host.close_input();
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("foreign: a backend on a Unix socket is found, lost and found again") {
  Backend backend;
  const std::string path = backend.file("backend.sock");
  Host host(quick() + ("ws+unix://" + path));
  host.expect_log("failed (attempt 1)");
  backend.start({"--unix", path});
  host.initialize();
  CHECK(host.expect_text(host.call("counter")) == "1");
  backend.kill();
  host.expect_log("lost: ");
  const int queued = host.call("counter");
  backend.start({"--unix", path});
  CHECK(host.expect_text(queued) == "1");
}

TEST_CASE("foreign: one that hangs up on a Unix socket at once is tried again and again") {
  TempDir files;
  const std::string path = files.path("hasty.sock");
  const File listener = listening_socket(path, 64);
  // Some are cut off before the request, some after it.
  std::atomic<bool> done{false};
  std::thread server([&] {
    pollfd waiting{.fd = listener.get(), .events = POLLIN, .revents = 0};
    while (!done) {
      if (::poll(&waiting, 1, 20) == 1) ::close(::accept(listener.get(), nullptr, nullptr));
    }
  });
  Host host({"--backoff-base", "1ms", "--backoff-cap", "2ms", "--connect-timeout", "1h", "--header",
             "X-Team: blue", "ws+unix://" + path});
  check_holds(host.expect_log("failed (attempt 200)"), "reset: ");
  done = true;
  server.join();
  host.close_input();
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("foreign: a Unix socket is told token and headers, by every command") {
  Backend backend;
  const std::string path = backend.file("backend.sock");
  const Arguments flags = quick() + Arguments{"--header", "X-Team: blue", "ws+unix://" + path};
  const std::vector<std::string> token{"MCP_WS_SHIM_TOKEN=hunter2"};
  Host host(flags, {.environment = token});
  host.expect_log("failed (attempt 1)");
  backend.start({"--unix", path, "--token", "hunter2"});
  host.initialize();
  check_holds(host.expect_text(host.call("headers")), "blue");
  CHECK(run(Arguments{"doctor"} + flags, token).status == 0);
  CHECK(run(Arguments{"call", "--header", "X-Team: blue", "--url", "ws+unix://" + path, "ping"},
            token)
            .status == 0);
}

}  // namespace e2e
