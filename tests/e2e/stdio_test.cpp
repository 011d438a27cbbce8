// Standard streams of every kind, left as they were found, and a log that nobody reads (contract 3
// and 10).

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

const std::string session =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",)"
    R"("capabilities":{},"clientInfo":{"name":"file","version":"1"}}})"
    "\n"
    R"({"jsonrpc":"2.0","method":"notifications/initialized"})"
    "\n"
    R"({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}})"
    "\n";

File open_file(const std::string& path, int flags) {
  File file(::open(path.c_str(), flags | O_CLOEXEC, 0600));
  REQUIRE(static_cast<bool>(file));
  return file;
}

int flags_of(const File& file) { return ::fcntl(file.get(), F_GETFL); }

void check_session_answers(const std::string& text) {
  const std::size_t newline = text.find('\n');
  REQUIRE(newline != std::string::npos);
  CHECK(Json::parse(text.substr(0, newline))["result"]["serverInfo"]["name"] == "fake-backend");
  CHECK(Json::parse(text.substr(newline + 1))["result"]["content"][0]["text"] == "hi");
  CHECK(text.back() == '\n');
}

std::string read_until(const File& file, std::string_view part) {
  std::string text;
  const Deadline deadline(patience);
  while (text.find(part) == std::string::npos) {
    pollfd readable{.fd = file.get(), .events = POLLIN, .revents = 0};
    std::array<char, 4096> buffer{};
    if (::poll(&readable, 1, deadline.left_ms()) <= 0) break;
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace

TEST_CASE("stdio: socket pairs serve as well as pipes") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url(), {.wiring = Wiring::sockets});
  host.initialize();
  const std::string text(3'000'000, 's');
  CHECK(host.expect_text(host.call("echo", {{"text", text}})).size() == text.size());
  host.close_input();
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("stdio: one socket as stdin and stdout serves, and its flags stay as they were") {
  Backend backend(Arguments{});
  Ends ends = make_socket_pair();
  const int flags = flags_of(ends.write);
  Process shim({shim_program(), backend.url()}, {},
               Streams{.in = ends.write.get(), .out = ends.write.get(), .err = -1});
  REQUIRE(::write(ends.read.get(), session.data(), session.size()) ==
          static_cast<ssize_t>(session.size()));
  check_session_answers(read_until(ends.read, "\"hi\""));
  CHECK(flags_of(ends.write) == flags);
  ends.write.close();
  ends.read.close();
  CHECK(shim.wait(allowed(3s)) == 0);
}

TEST_CASE("stdio: a socket of which the host has closed its half ends the shim, read or not") {
  RawServer server;
  Ends in = make_socket_pair();
  Process shim({shim_program(), "--queue-bytes", "64KiB", "--drain-timeout", "300ms", server.url()},
               {}, Streams{.in = in.write.get(), .out = -1, .err = -1});
  RawConnection backend = server.accept();
  backend.become_ready();
  // The backend reads nothing, so in the end the shim does not either.
  set_nonblocking(in.read);
  const std::string line =
      R"({"jsonrpc":"2.0","method":"x","params":[")" + std::string(9000, 'p') + "\"]}\n";
  std::size_t sent = 0;
  for (int stalls = 0; stalls < 50;) {
    const ssize_t count =
        ::write(in.read.get(), line.data() + sent % line.size(), line.size() - sent % line.size());
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      stalls = 0;
    } else {
      (void)shim.wait(10ms);
      ++stalls;
    }
  }
  REQUIRE(::shutdown(in.read.get(), SHUT_WR) == 0);
  CHECK(shim.wait(allowed(1s)) == 0);
}

TEST_CASE("stdio: a regular file as stdin and one as stdout hold a whole session") {
  Backend backend(Arguments{});
  TempDir files;
  write_file(files.path("in"), session);
  const File in = open_file(files.path("in"), O_RDONLY);
  const File out = open_file(files.path("out"), O_WRONLY | O_CREAT | O_EXCL);
  const std::array<int, 2> flags{flags_of(in), flags_of(out)};
  Process shim({shim_program(), backend.url()}, {},
               Streams{.in = in.get(), .out = out.get(), .err = -1});
  CHECK(shim.wait(allowed(patience)) == 0);
  check_session_answers(read_file(files.path("out")));
  CHECK(flags_of(in) == flags[0]);
  CHECK(flags_of(out) == flags[1]);
}

TEST_CASE("stdio: /dev/null as stdin ends the shim at once") {
  Backend backend(Arguments{});
  const auto started = Clock::now();
  Process shim({shim_program(), backend.url()}, {}, Streams{});
  CHECK(shim.wait(allowed(patience)) == 0);
  CHECK(since(started) <= allowed(500ms));
}

TEST_CASE("stdio: a closed stdin or stdout ends the shim and breaks nothing else") {
  Backend backend(Arguments{});
  for (const std::string closing :
       {"exec \"$@\" <&-", "exec \"$@\" >&- </dev/null", "exec \"$@\" <&- >&- 2>&-"}) {
    CAPTURE(closing);
    Process shim({"/bin/sh", "-c", closing, "sh", shim_program(), backend.url()}, {}, Streams{});
    const auto status = shim.wait(allowed(2s));
    CHECK(status.has_value());
    if (status) CHECK(*status < 2);
  }
}

TEST_CASE("stdio: pipes shared with others keep their flags, and so does a terminal") {
  Backend backend(Arguments{});
  SUBCASE("pipes") {
    Ends in = make_pipe();
    Ends out = make_pipe();
    const std::array<int, 2> flags{flags_of(in.read), flags_of(out.write)};
    Process shim({shim_program(), backend.url()}, {},
                 Streams{.in = in.read.get(), .out = out.write.get(), .err = out.write.get()});
    REQUIRE(::write(in.write.get(), session.data(), session.size()) > 0);
    check_holds(read_until(out.read, "\"hi\""), "\"hi\"");
    CHECK(flags_of(in.read) == flags[0]);
    CHECK(flags_of(out.write) == flags[1]);
    in.write.close();
    CHECK(shim.wait(allowed(patience)) == 0);
    CHECK(flags_of(in.read) == flags[0]);
    CHECK(flags_of(out.write) == flags[1]);
  }
  SUBCASE("a terminal") {
    const File master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) {
      MESSAGE("SKIPPED: no pseudo-terminals here");
      return;
    }
    const File terminal = open_file(::ptsname(master.get()), O_RDWR | O_NOCTTY);
    termios before{};
    REQUIRE(::tcgetattr(terminal.get(), &before) == 0);
    const int flags = flags_of(terminal);
    Process shim({shim_program(), backend.url()}, {},
                 Streams{.in = terminal.get(), .out = terminal.get(), .err = terminal.get()});
    const std::string ping = "{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"ping\"}\n";
    REQUIRE(::write(master.get(), ping.data(), ping.size()) > 0);
    check_holds(read_until(master, "\"result\""), "77");
    CHECK(flags_of(terminal) == flags);
    shim.signal(15);
    CHECK(shim.wait(allowed(patience)) == 0);
    termios after{};
    REQUIRE(::tcgetattr(terminal.get(), &after) == 0);
    CHECK(flags_of(terminal) == flags);
    CHECK(after.c_lflag == before.c_lflag);
    CHECK(after.c_iflag == before.c_iflag);
    CHECK(after.c_oflag == before.c_oflag);
  }
}

TEST_CASE("stdio: a stderr that nobody reads does not hold the shim up") {
  Backend backend({"--fault", "close-after-open"});
  Host host(
      {"--backoff-base", "1ms", "--backoff-cap", "5ms", "--log-level", "debug", backend.url()},
      {.read_log = false});
  host.linger(3s);  // hundreds of links at 300 bytes each: more than a pipe holds
  const auto asked = Clock::now();
  for (int i = 0; i < 100; ++i) CHECK(host.expect_result(host.request("ping")) == Json::object());
  CHECK(since(asked) <= allowed(2s));
  backend.restart();
  host.initialize();
  host.close_input();
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("stdio: an error is not waited with until somebody reads stderr") {
  const Ends full = make_pipe();
  set_nonblocking(full.write);
  const std::string piece(4096, 'x');
  while (::write(full.write.get(), piece.data(), piece.size()) > 0) {
  }
  // A description of its own, without O_NONBLOCK.
  const std::string path = "/proc/self/fd/" + std::to_string(full.read.get());
  const File stderr_of_shim = open_file(path, O_WRONLY);
  for (const Arguments& wrong : {Arguments{"--no-such-flag"}, Arguments{"http://x/"}}) {
    Process shim(Arguments{shim_program()} + wrong, {}, Streams{.err = stderr_of_shim.get()});
    CHECK(shim.wait(allowed(patience)) == 2);
  }
}

TEST_CASE("stdio: where too few files may be open one line says so, and nothing hangs") {
  for (const char* const limit : {"10", "12", "16"}) {
    const TempDir files;
    const File err = open_file(files.path("err"), O_WRONLY | O_CREAT);
    Process shim({"/bin/sh", "-c", "ulimit -n " + std::string(limit) + "; exec \"$@\"", "sh",
                  shim_program(), "ws://127.0.0.1:1/"},
                 {}, Streams{.err = err.get()});
    CHECK(shim.wait(allowed(patience)) == 1);
    const std::string said = read_file(files.path("err"));
    check_holds(said, "mcp-ws-shim: too few open files");
    CHECK(std::ranges::count(said, '\n') == 1);
  }
}

TEST_CASE("stdio: a soft limit of open files that is too low is raised") {
  Backend backend(Arguments{});
  const Ends in = make_pipe();
  const Ends out = make_pipe();
  Process shim(
      {"/bin/sh", "-c", "ulimit -S -n 12; exec \"$@\"", "sh", shim_program(), backend.url()}, {},
      Streams{.in = in.read.get(), .out = out.write.get(), .err = -1});
  REQUIRE(::write(in.write.get(), session.data(), session.size()) > 0);
  check_session_answers(read_until(out.read, "\"hi\""));
}

TEST_CASE("stdio: a closed stderr does not hold the shim up") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url(), {.read_log = false});
  host.close_log();
  host.initialize();
  backend.restart();
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
}

}  // namespace e2e
