// wss://: certificates that are to be trusted, and all others (contract 11).

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <filesystem>

#include "backend.hpp"
#include "certificate.hpp"
#include "host.hpp"
#include "run.hpp"
#include "tcp_servers.hpp"

namespace e2e {
namespace {

std::string wss(const Backend& backend, const std::string& host = "127.0.0.1") {
  return "wss://" + host + ":" + std::to_string(backend.port()) + "/";
}

/// What the next client on this socket says first.
std::string client_hello(Host& host, const File& listener) {
  pollfd waiting{.fd = listener.get(), .events = POLLIN, .revents = 0};
  host.expect("a connection", [&] { return ::poll(&waiting, 1, 0) == 1; });
  const File client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::string hello;
  host.expect("a ClientHello", [&] {
    std::array<char, 4096> bytes{};
    const ssize_t count = ::recv(client.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) hello.append(bytes.data(), static_cast<std::size_t>(count));
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(hello[i]); };
    return hello.size() >= 5 && hello.size() >= 5U + byte(3) * 256U + byte(4);
  });
  return hello;
}

/// The versions that a ClientHello offers: the contents of its extension supported_versions
/// (RFC 8446 § 4.2.1), two bytes each.
std::string offered_versions(const std::string& hello) {
  // Its type, its length, and the length of the list: less than 256 both.
  for (std::size_t at = hello.find(std::string("\0\x2b\0", 3)); at != std::string::npos;
       at = hello.find(std::string("\0\x2b\0", 3), at + 1)) {
    const std::size_t list = at + 5;
    if (list >= hello.size()) break;
    const auto length = static_cast<unsigned char>(hello[list - 1]);
    if (length == static_cast<unsigned char>(hello[at + 3]) - 1 && length % 2 == 0 && length > 0 &&
        hello[list] == 3)
      return hello.substr(list, length);
  }
  return {};
}

/// How the first attempt ends.
std::string outcome(const Certificate& served, const std::string& called) {
  Backend backend(served.served() + Arguments{"--record-headers", served.files.path("headers")});
  Host host(quick() + Arguments{"--ca-file", served.cert} + wss(backend, called));
  host.expect("an outcome", [&] {
    return host.count_log("link 1 ready: ") + host.count_log("link 1 failed ") > 0;
  });
  return host.log().back();
}

/// What an attempt fails of at a server that answers its first words with these bytes.
std::string failure_at(const std::string& answer) {
  RawServer server;
  Host host(quick() + ("wss://127.0.0.1:" + std::to_string(server.port())));
  RawConnection connection = server.accept();
  connection.send_bytes(answer);
  return host.expect_log("failed (attempt 1)");
}

void check_service(Host& host) {
  host.initialize();
  CHECK(host.expect_text(host.call("echo", {{"text", "secret"}})) == "secret");
}

}  // namespace

TEST_CASE("tls: a port that does not speak TLS is tried again until it does") {
  const Certificate good("IP:127.0.0.1");
  if (!good.made) return;
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--ca-file", good.cert} + wss(backend));
  check_holds(host.expect_log("failed (attempt 1)"), "tls");
  check_holds(host.expect_log("failed (attempt 2)"), "tls");
  backend.restart(good.served());
  host.expect_log("ready: ");
  check_service(host);
}

TEST_CASE("tls: nothing older than 1.2 is offered, whatever OpenSSL's configuration allows") {
  const TempDir files;
  write_file(files.path("openssl.cnf"),
             "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = old\n"
             "[old]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n");
  const Port port;
  const File listener = listening_socket(port.number(), 4);
  Host host(quick() + Arguments{"wss://127.0.0.1:" + std::to_string(port.number())},
            {.environment = {"OPENSSL_CONF=" + files.path("openssl.cnf")}});
  CHECK(offered_versions(client_hello(host, listener)) == "\x03\x04\x03\x03");
}

TEST_CASE("tls: a certificate that nobody vouches for is refused and calls for a person") {
  const Certificate own("IP:127.0.0.1");
  const Certificate other("IP:127.0.0.1");
  if (!own.made || !other.made) return;
  Backend backend(other.served());
  SUBCASE("with the system's store") {
    Host host(quick() + wss(backend));
    const std::string line = host.expect_log("failed (attempt 1)");
    check_holds(line, "certificate");
    check_holds(line, "needs a person");
    host.expect_log("failed (attempt 3)");
  }
  SUBCASE("with a store of our own, until the right one is served") {
    Host host(quick() + Arguments{"--ca-file", own.cert} + wss(backend));
    check_holds(host.expect_log("failed (attempt 1)"), "certificate");
    backend.restart(own.served());
    host.expect_log("ready: ");
    check_service(host);
  }
}

TEST_CASE("tls: a certificate for another name or address is refused") {
  const Certificate name("DNS:localhost");
  const Certificate address("IP:127.0.0.1");
  const Certificate another("DNS:another.example");
  if (!name.made || !address.made || !another.made) return;
  check_holds(outcome(name, "localhost"), "ready: ");
  check_holds(outcome(address, "127.0.0.1"), "ready: ");
  check_holds(outcome(name, "127.0.0.1"), "certificate");
  check_holds(outcome(another, "localhost"), "certificate");
  check_holds(outcome(another, "127.0.0.1"), "certificate");
}

TEST_CASE("tls: an IPv6 address is verified like any other, and stays what the request is for") {
  const Certificate right("IP:::ffff:127.0.0.1");
  const Certificate wrong("IP:2001:db8::1");
  const Certificate name("DNS:localhost");
  if (!right.made || !wrong.made || !name.made) return;
  const std::string called = "[::ffff:127.0.0.1]";
  check_holds(outcome(right, called), "ready: ");
  check_holds(read_file(right.files.path("headers")), called + ":");
  check_holds(outcome(wrong, called), "certificate: IP address mismatch");
  check_holds(outcome(name, called), "certificate: IP address mismatch");
  for (const Certificate* const other : {&wrong, &name})
    CHECK(read_file(other->files.path("headers")).empty());
}

TEST_CASE("tls: the server is told which name is meant, but no address") {
  const Port port;
  const File listener = listening_socket(port.number(), 4);
  const auto told = [&](const std::string& host_name, const std::string& what) {
    Host host(quick() + ("wss://" + host_name + ":" + std::to_string(port.number())));
    return client_hello(host, listener).find(what) != std::string::npos;
  };
  CHECK(told("localhost", "localhost"));
  CHECK_FALSE(told("127.0.0.1", "127.0.0.1"));
  CHECK_FALSE(told("[::ffff:127.0.0.1]", "::ffff:"));
}

TEST_CASE("tls: what kept the handshake from being done is named") {
  using namespace std::string_literals;
  check_holds(failure_at("\x15\x03\x01\x00\x02\x02\x46"s), "tls: the backend offers no TLS of ver");
  check_holds(failure_at("\x15\x03\x03\x00\x02\x02\x28"s),
              "tls: the backend refuses the TLS handsh");
  for (const char* const other : {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"})
    check_holds(failure_at(other), "tls: what answers does not speak TLS");
}

TEST_CASE("tls: a record that is full to the last byte behind the upgrade does not stop the shim") {
  const Certificate own("IP:127.0.0.1");
  if (!own.made) return;
  Ends plain = make_socket_pair();
  const Port port;
  const std::string at = "127.0.0.1:" + std::to_string(port.number());
  // What we write at once comes out in records that are as long as they may be.
  const Process terminator({"/usr/bin/env", "openssl", "s_server", "-quiet", "-naccept", "1",
                            "-accept", at, "-cert", own.cert, "-key", own.key},
                           {}, {.in = plain.write.get(), .out = plain.write.get()});
  RawConnection backend(std::move(plain.read));
  Host host(quick() + Arguments{"--ca-file", own.cert, "wss://" + at + "/"});
  constexpr std::size_t notes = 300;
  std::string early;
  for (std::size_t i = 0; i < notes; ++i)
    early +=
        frame_bytes(Opcode::text, R"({"jsonrpc":"2.0","method":"a-note-of-some-length-or-so"})");
  backend.upgrade(early);
  backend.send_frame(Opcode::pong, backend.receive_frame().payload);
  host.expect("all notes", [&] { return host.lines().size() == notes; });
  host.send(R"({"jsonrpc":"2.0","method":"x"})");
  CHECK(backend.receive_text() == R"({"jsonrpc":"2.0","method":"x"})");
  host.close_input();
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("tls: an expired certificate is refused") {
  Certificate expired("IP:127.0.0.1");
  if (expired.made) expired.expire();
  if (!expired.made) return;
  Backend backend(expired.served());
  Host host(quick() + Arguments{"--ca-file", expired.cert} + wss(backend));
  check_holds(host.expect_log("failed (attempt 1)"), "certificate");
}

TEST_CASE("tls: large messages pass both ways, and a killed backend is found again") {
  const Certificate good("IP:127.0.0.1");
  if (!good.made) return;
  Backend backend(good.served());
  Host host(quick() + Arguments{"--ca-file", good.cert} + wss(backend));
  host.initialize();
  std::string text;
  while (text.size() < 5'000'000) text += std::to_string(text.size() * 2654435761U);
  const bool same = host.expect_text(host.call("echo", {{"text", text}}), 30s) == text;
  CHECK(same);
  backend.restart(good.served());
  CHECK(host.expect_text(host.call("echo", {{"text", "again"}})) == "again");
}

TEST_CASE("tls: a handshake that never ends is given up and tried again") {
  const Certificate good("IP:127.0.0.1");
  if (!good.made) return;
  RawServer server;
  Host host(quick() + Arguments{"--ca-file", good.cert} +
            ("wss://127.0.0.1:" + std::to_string(server.port())));
  const RawConnection silent = server.accept();
  check_holds(host.expect_log("failed (attempt 1)"), "connect-timeout");
  check_holds(host.expect_log("failed (attempt 2)"), "connect-timeout");
}

TEST_CASE("tls: a --ca-file that holds no certificate is one clear line and an exit status") {
  const Certificate good("DNS:good");
  if (!good.made) return;
  TempDir files;
  SUBCASE("none at all") { write_file(files.path("ca.pem"), "this is no certificate\n"); }
  SUBCASE("a good one and half of another") {
    const std::string whole = read_file(good.cert);
    write_file(files.path("ca.pem"), whole + whole.substr(0, whole.size() / 2));
  }
  Host host({"--ca-file", files.path("ca.pem"), "wss://127.0.0.1:1/"});
  const int status = host.expect_exit();
  CHECK((status == 1 || status == 2));
  host.linger(10ms);
  CHECK(host.count_log("--ca-file") == 1);
}

TEST_CASE("tls: 100 links leave nothing behind") {
  const Certificate good("IP:127.0.0.1");
  if (!good.made) return;
  Backend backend(good.served() + Arguments{"--fault", "close-after-open"});
  Host host(Arguments{"--backoff-base", "1ms", "--backoff-cap", "5ms", "--log-level", "debug",
                      "--ca-file", good.cert} +
            wss(backend));
  const auto after = [&](std::size_t links) {
    host.expect(
        "links", [&] { return host.count_log("connecting: ") >= links; }, 60s);
    return std::pair(resident_kib(host.pid()), open_descriptors(host.pid()));
  };
  const auto early = after(50);
  const auto late = after(150);
  MESSAGE("descriptors " << early.second << " -> " << late.second << ", memory " << early.first
                         << " -> " << late.first << " KiB");
  CHECK(late.second <= early.second + 4);
  if (!sanitized) CHECK(late.first <= early.first + 600);
}

TEST_CASE("tls: a backend that asks for a client certificate gets it") {
  const Certificate server("IP:127.0.0.1");
  const Certificate client("DNS:client");
  const Certificate stranger("DNS:stranger");
  if (!server.made || !client.made || !stranger.made) return;
  Backend backend(server.served() + Arguments{"--client-ca", client.cert});
  const Arguments trusting = quick() + Arguments{"--ca-file", server.cert};
  {
    Host host(trusting + wss(backend));
    check_holds(host.expect_log("failed (attempt 1)"), "client certificate");
  }
  {
    Host host(trusting + Arguments{"--client-cert", stranger.cert, "--client-key", stranger.key} +
              wss(backend));
    check_holds(host.expect_log("failed (attempt 1)"), "client certificate");
  }
  Host host(trusting + Arguments{"--client-cert", client.cert, "--client-key", client.key} +
            wss(backend));
  check_service(host);
}

TEST_CASE("tls: a --ca-file that is renewed with the backend's certificate is read again") {
  const Certificate before("IP:127.0.0.1");
  const Certificate after("IP:127.0.0.1");
  if (!before.made || !after.made) return;
  const TempDir files;
  const std::string ca = files.path("ca.pem");
  write_file(ca, read_file(before.cert));
  Backend backend(before.served());
  Host host(quick() + Arguments{"--ca-file", ca} + wss(backend));
  check_service(host);
  SUBCASE("written in place") {
    backend.kill();
    write_file(ca, "-----BEGIN CERTIFICATE-----\n");  // half of it
    backend.start(before.served());
    CHECK(host.expect_text(host.call("echo", {{"text", "as before"}})) == "as before");
    host.expect_log("--ca-file: ");
    backend.restart(before.served());
    CHECK(host.expect_text(host.call("echo", {{"text", "still"}})) == "still");
    CHECK(host.count_log("--ca-file: ") == 1);  // once is enough
    backend.kill();
    write_file(ca, read_file(after.cert));
  }
  SUBCASE("replaced, after some attempts have failed for want of it") {
    backend.restart(after.served());
    host.expect_log("certificate: ");
    write_file(files.path("new.pem"), read_file(after.cert));
    std::filesystem::rename(files.path("new.pem"), ca);
    CHECK(host.expect_text(host.call("echo", {{"text", "renewed"}})) == "renewed");
    backend.kill();
  }
  backend.start(after.served());
  CHECK(host.expect_text(host.call("echo", {{"text", "again"}})) == "again");
  // Whom the file does not name any more is not trusted any more.
  const std::size_t refusals = host.count_log("certificate: ");
  backend.restart(before.served());
  host.expect("a refusal", [&] { return host.count_log("certificate: ") > refusals; });
}

TEST_CASE("tls: a client certificate that is renewed is read again, once its key is there") {
  const Certificate server("IP:127.0.0.1");
  const Certificate before("DNS:before");
  Certificate after("DNS:after");
  // Of a context OpenSSL would go on showing the one with the elliptic curve.
  SUBCASE("with a key of the same type") {}
  SUBCASE("with a key of another type") { after.make("rsa:2048"); }
  if (!server.made || !before.made || !after.made) return;
  const TempDir files;
  const std::string cert = files.path("cert.pem");
  const std::string key = files.path("key.pem");
  write_file(cert, read_file(before.cert));
  write_file(key, read_file(before.key));
  const auto trusting = [&](const Certificate& client) {
    return server.served() + Arguments{"--client-ca", client.cert};
  };
  Backend backend(trusting(before));
  Host host(quick() +
            Arguments{"--ca-file", server.cert, "--client-cert", cert, "--client-key", key} +
            wss(backend));
  check_service(host);
  write_file(cert, read_file(after.cert));
  backend.restart(trusting(before));
  CHECK(host.expect_text(host.call("echo", {{"text", "as before"}})) == "as before");
  host.expect_log("--client-key: ");
  write_file(key, read_file(after.key));
  backend.restart(trusting(after));
  CHECK(host.expect_text(host.call("echo", {{"text", "renewed"}})) == "renewed");
}

TEST_CASE("tls: client certificates that cannot work are refused at the start") {
  const Certificate one("DNS:one");
  Certificate two("DNS:two");
  SUBCASE("with keys of one type") {}
  SUBCASE("with keys of two types") { two.make("rsa:2048"); }
  if (!one.made || !two.made) return;
  const std::string url = "wss://127.0.0.1:1/";
  check_usage_error({"--client-cert", one.cert, url});
  check_usage_error({"--client-key", one.key, url});
  check_usage_error({"--client-cert", one.cert, "--client-key", two.key, url});
  check_usage_error({"--client-cert", one.key, "--client-key", one.key, url});
  check_usage_error({"--client-cert", "/nowhere", "--client-key", one.key, url});
}

TEST_CASE("tls: a backend that comes back with another certificate is judged anew") {
  const Certificate first("IP:127.0.0.1");
  const Certificate second("IP:127.0.0.1");
  if (!first.made || !second.made) return;
  Backend backend(first.served());
  write_file(backend.file("both.pem"), read_file(first.cert) + read_file(second.cert));
  Host host(quick() + Arguments{"--ca-file", backend.file("both.pem")} + wss(backend));
  check_service(host);
  backend.restart(second.served());
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
}

}  // namespace e2e
