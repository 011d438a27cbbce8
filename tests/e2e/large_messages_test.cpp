// Large messages, whole and exact, that hold nobody else up (contract 3 and 12).

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

constexpr std::size_t megabyte = 1'000'000;
constexpr Millis moving = 30s;  // for 30 MB through three processes and two JSON libraries

/// Text in which a byte lost, doubled or moved would show, with characters of one to four bytes.
std::string varied_text(std::size_t bytes) {
  std::string text;
  text.reserve(bytes + 40);
  for (std::size_t n = 0; text.size() < bytes; ++n) {
    text += std::to_string(n * 2654435761U) + "é中\U0001f600\"\\\t ";
  }
  return text;
}

void check_echo(Host& host, std::size_t bytes) {
  const std::string text = varied_text(bytes);
  const std::string echoed = host.expect_text(host.call("echo", {{"text", text}}), moving);
  CHECK(echoed.size() == text.size());
  const bool same = echoed == text;  // not in CHECK(), which would print both
  CHECK(same);
}

}  // namespace

TEST_CASE("large: 1 MB passes both ways unchanged") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  check_echo(host, megabyte);
  check_echo(host, megabyte);
}

TEST_CASE("large: 30 MB pass both ways unchanged") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  check_echo(host, 30 * megabyte);
  CHECK(host.count_log(" lost: ") == 0);
}

TEST_CASE("large: 30 MB in many fragments with pings between them pass unchanged") {
  Backend backend({"--fault", "fragment=100000"});
  Host host(quick() + backend.url());
  host.initialize();
  check_echo(host, 30 * megabyte);
  CHECK(host.count_log(" lost: ") == 0);
}

TEST_CASE("large: the sizes around every length of a frame header pass unchanged") {
  Backend backend(Arguments{"--echo-any"});
  Host host(quick() + backend.url());
  for (const std::size_t around : {125UL, 126UL, 65535UL, 65536UL, 131072UL, 262144UL}) {
    for (std::size_t bytes = around - 90; bytes < around + 30;
         bytes += bytes + 4 < around ? 7 : 1) {
      const std::string text(bytes, 'z');
      const Json result = host.expect_result(host.request("x", {{"t", text}}));
      const bool same = result["echo"]["t"].get<std::string>() == text;
      CAPTURE(bytes);
      CHECK(same);
    }
  }
}

TEST_CASE("large 12: a message in fragments is held once, and so is a line") {
  constexpr std::size_t bytes = std::size_t{34} << 20U;  // growing by doubling would hold 32 more
  constexpr std::size_t peak_kib_max = (34 + 20) << 10U;
  const std::string text =
      R"({"jsonrpc":"2.0","method":"m","params":")" + std::string(bytes, 'x') + "\"}";
  RawServer server;
  {
    Host host(quick() + server.url(), {.plain = true});
    RawConnection backend = server.accept();
    backend.become_ready();
    host.expect_log("ready: ");
    constexpr std::size_t piece = 64 << 10U;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      backend.send_frame(at == 0 ? Opcode::text : Opcode::continuation,
                         std::string_view(text).substr(at, piece), at + piece >= text.size());
      if (at % (16 * piece) == 0) host.pump(0ms);
    }
    host.expect(
        "the message", [&] { return host.lines().size() == 1; }, moving);
    CHECK(host.lines()[0].text.size() == text.size());
    if (!sanitized) CHECK(peak_resident_kib(host.pid()) < peak_kib_max);
  }
  Host host(quick() + server.url(), {.plain = true});
  RawConnection backend = server.accept();
  backend.become_ready();
  host.expect_log("ready: ");
  host.send(text);
  host.flush(moving);
  CHECK(backend.receive_text(moving).size() == text.size());
  if (!sanitized) CHECK(peak_resident_kib(host.pid()) < peak_kib_max);
}

TEST_CASE("large: small requests sent behind 30 MB are answered behind it, in order") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  const int large = host.call("echo", {{"text", varied_text(30 * megabyte)}});
  std::vector<int> small;
  for (int i = 0; i < 20; ++i) small.push_back(host.call("counter"));
  // The shim's own answer needs no backend: it is there as soon as the line has been read.
  const int ping = host.request("ping");
  host.expect_result(ping, moving);
  for (std::size_t i = 0; i < small.size(); ++i) {
    CHECK(host.expect_text(small[i], moving) == std::to_string(i + 1));
  }
  CHECK(host.expect_text(large, moving).size() >= 30 * megabyte);
}

TEST_CASE("large: pings of the backend are answered in the middle of an upload") {
  RawServer server;
  Host host(quick() + server.url(), {.plain = true});
  RawConnection backend = server.accept();
  backend.become_ready();
  host.expect_log("ready: ");
  const std::string text = varied_text(30 * megabyte);
  const std::string line = R"({"jsonrpc":"2.0","method":"x","params":)" + Json(text).dump() + "}";
  host.send(line);
  host.flush(moving);

  // Who reads slowly lets the upload last; the pong must not wait for its end.
  std::string received;
  std::size_t pongs_before_the_end = 0;
  std::size_t pings = 0;
  for (bool final = false; !final;) {
    host.linger(2ms);
    const Frame frame = backend.receive_frame();
    if (frame.opcode == Opcode::pong) {
      ++pongs_before_the_end;
      CHECK(frame.payload == "are you there?");
      continue;
    }
    received += frame.payload;
    final = frame.final;
    if (pings == pongs_before_the_end && received.size() > pings * 2 * megabyte) {
      backend.send_frame(Opcode::ping, "are you there?");
      ++pings;
    }
  }
  CHECK(pongs_before_the_end >= 3);
  const bool same = received == line;
  CHECK(same);
}

TEST_CASE("large: an upload that is cut off leaves nothing of itself on the next link") {
  RawServer server;
  Host host(quick() + server.url(), {.plain = true});
  {
    RawConnection first = server.accept();
    first.become_ready();
    host.expect_log("ready: ");
    host.send(R"({"jsonrpc":"2.0","id":1,"method":"x","params":")" + filler(20 * megabyte, 'x') +
              "\"}");
    host.flush(moving);
    CHECK(first.receive_frame().opcode == Opcode::text);
  }
  host.expect("the line is taken all the same, and settled",
              [&] { return host.lines().size() == 1; });
  check_holds(host.lines()[0].text, "outcome-unknown");
  host.send(R"({"jsonrpc":"2.0","id":2,"method":"y"})");
  RawConnection second = server.accept();
  second.become_ready();
  CHECK(second.receive_text() == R"({"jsonrpc":"2.0","id":2,"method":"y"})");
}

}  // namespace e2e
