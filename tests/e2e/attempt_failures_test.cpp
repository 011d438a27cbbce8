// Every way in which an attempt can fail leads to a next attempt, and to ready once the fault is
// gone (contract 4.1 and 4.2).

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

/// A session works on the link that is there now.
void check_service(Host& host) {
  host.initialize();
  CHECK(host.expect_text(host.call("echo", {{"text", "hello"}})) == "hello");
}

/// Two connections suffer the fault, the third one must serve.
void check_recovery(const Arguments& faults, const std::string& cause) {
  Backend backend(faults + Arguments{"--fault-connections", "2"});
  Host host(quick() + backend.url());
  check_holds(host.expect_log("failed (attempt 1)"), cause);
  check_holds(host.expect_log("failed (attempt 2)"), cause);
  check_holds(host.expect_log("ready: "), "after 3 attempts");
  check_service(host);
}

/// No backend can mend it; the attempts must go on all the same.
void check_persistence(const std::string& url, const std::string& cause) {
  Host host(quick() + url);
  for (const char* attempt : {"attempt 1)", "attempt 2)", "attempt 3)"}) {
    check_holds(host.expect_log(attempt, 30s), cause);
  }
}

}  // namespace

TEST_CASE("attempts: a refused connection is tried again until somebody listens") {
  Backend backend;
  Host host(quick() + backend.url());
  check_holds(host.expect_log("failed (attempt 1)"), "refused");
  check_holds(host.expect_log("failed (attempt 2)"), "refused");
  backend.start();
  host.expect_log("ready: ");
  check_service(host);
}

TEST_CASE("attempts: an unreachable address is tried again") {
  // TCP to a broadcast address fails before a packet leaves.
  check_persistence("ws://255.255.255.255:9/", "unreachable");
}

TEST_CASE("attempts: a Unix socket that does not exist is tried again") {
  TempDir files;
  check_persistence("ws+unix://" + files.path("none.sock"), "unreachable: No such file");
}

TEST_CASE("attempts: a TCP handshake that never completes is given up and tried again") {
  RawServer server(0);
  server.clog();
  Host host(quick() + server.url());
  check_holds(host.expect_log("failed (attempt 1)"), "connect-timeout");
  check_holds(host.expect_log("failed (attempt 2)"), "connect-timeout");
  server.listen();
  RawConnection connection = server.accept();
  connection.become_ready();
  host.expect_log("ready: ");
}

TEST_CASE("attempts: a connection that is accepted and stays silent is tried again") {
  check_recovery({"--fault", "silent-tcp"}, "connect-timeout");
}

TEST_CASE("attempts: an upgrade that is never answered is tried again") {
  check_recovery({"--fault", "silent-upgrade"}, "connect-timeout");
}

TEST_CASE("attempts: garbage in the place of HTTP is tried again") {
  // Who says nothing that could be HTTP and keeps the connection open is waited for.
  check_recovery({"--fault", "garbage"}, "connect-timeout");
}

TEST_CASE("attempts: a server that speaks something else is tried again") {
  RawServer server;
  Host host(quick() + server.url());
  {
    RawConnection connection = server.accept();
    connection.send_bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
  }
  host.expect_log("failed (attempt 1)");
  {
    RawConnection connection = server.accept();
    connection.send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    check_holds(host.expect_log("failed (attempt 2)"), "status 200");
  }
  RawConnection connection = server.accept();
  connection.become_ready();
  host.expect_log("ready: ");
}

TEST_CASE("attempts: an upgrade answered with a wrong key is refused and tried again") {
  RawServer server;
  Host host(quick() + server.url());
  RawConnection first = server.accept();
  first.send_bytes(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
  check_holds(host.expect_log("failed (attempt 1)"), "not-websocket");
  RawConnection second = server.accept();
  second.become_ready();
  host.expect_log("ready: ");
}

TEST_CASE("attempts: a pong that answers no ping of ours proves nothing") {
  RawServer server;
  Host host(quick() + server.url());
  RawConnection first = server.accept();
  first.upgrade();
  first.send_frame(Opcode::pong, "unasked for");
  check_holds(host.expect_log("failed (attempt 1)"), "validate-timeout");
  RawConnection second = server.accept();
  second.become_ready();
  host.expect_log("ready: ");
}

TEST_CASE("attempts: a reset during the upgrade is tried again") {
  check_recovery({"--fault", "reset-upgrade"}, "reset");
}

TEST_CASE("attempts: a ping that is never answered is tried again") {
  check_recovery({"--fault", "no-pong"}, "validate-timeout");
}

TEST_CASE("attempts: a subprotocol that was not offered is refused and tried again") {
  check_recovery({"--select-subprotocol", "other"}, "subprotocol");
}

TEST_CASE("attempts: a backend that selects no subprotocol is accepted") {
  Backend backend(Arguments{"--subprotocol="});
  Host host(quick() + backend.url());
  host.expect_log("ready: ");
  check_service(host);
}

TEST_CASE("attempts: HTTP status 401 is tried again at the cap and calls for a person") {
  Backend backend({"--fault", "status=401", "--fault-connections", "2"});
  Host host(quick() + backend.url());
  const std::string first = host.expect_log("failed (attempt 1)");
  check_holds(first, "status 401");
  check_holds(first, "needs a person");
  check_holds(first, "next attempt in 2");  // 200 to 220 ms
  host.expect_log("ready: ");
  check_service(host);
}

TEST_CASE("attempts: HTTP status 404 is tried again and calls for a person") {
  check_recovery({"--fault", "status=404"}, "needs a person");
}

TEST_CASE("attempts: HTTP status 500 is tried again") {
  check_recovery({"--fault", "status=500"}, "status 500");
}

TEST_CASE("attempts: the Retry-After of a 503 is honoured, even when the host asks") {
  Backend backend({"--fault", "status=503", "--retry-after", "2", "--fault-connections", "1"});
  Host host(quick() + backend.url());
  host.expect_log("status 503");
  const auto refused = Clock::now();
  const int id = host.request("initialize", {{"protocolVersion", "2025-06-18"},
                                             {"capabilities", Json::object()},
                                             {"clientInfo", {{"name", "x"}, {"version", "1"}}}});
  host.linger(1500ms);
  CHECK_FALSE(host.is_answered(id));
  host.expect_result(id);
  CHECK(since(refused) >= 1800ms);
  CHECK(since(refused) <= 2s + allowed(500ms));
}

TEST_CASE("attempts: a 503 without Retry-After is tried again") {
  check_recovery({"--fault", "status=503"}, "status 503");
}

TEST_CASE("attempts: a redirect is not followed") {
  Backend elsewhere;
  elsewhere.start({"--record-headers", elsewhere.file("headers")});
  Backend backend({"--fault", "redirect=" + elsewhere.url(), "--fault-connections", "2"});
  Host host(quick() + backend.url());
  check_holds(host.expect_log("failed (attempt 1)"), "status 302");
  host.expect_log("ready: " + backend.url());
  check_service(host);
  CHECK(read_file(elsewhere.file("headers")).empty());
}

TEST_CASE("attempts: a close right after the upgrade is tried again") {
  check_recovery({"--fault", "close-after-open"}, "closed");
}

TEST_CASE("attempts: a name that does not exist is looked up again and again") {
  Host host(quick() + "ws://no-such-host.invalid:1");
  for (const char* attempt : {"attempt 1)", "attempt 2)", "attempt 3)"}) {
    const std::string line = host.expect_log(attempt, 30s);
    // Without a name server in reach the lookup itself may take longer than an attempt.
    const bool named = line.find("lookup-failed") != std::string::npos ||
                       line.find("connect-timeout") != std::string::npos;
    CHECK_MESSAGE(named, line);
  }
}

}  // namespace e2e
