// The log: where it goes, what it says, and that it stays out of the way (contract 10).

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "backend.hpp"
#include "host.hpp"
#include "run.hpp"

namespace e2e {

TEST_CASE("log: with --log-file nothing is written to stderr") {
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--log-file", backend.file("shim.log")} + backend.url());
  host.initialize();
  backend.restart();
  host.expect_text(host.call("echo", {{"text", "x"}}));
  host.close_input();
  CHECK(host.expect_exit() == 0);
  CHECK(host.log().empty());
  const std::string text = read_file(backend.file("shim.log"));
  for (const char* part : {"connecting", "validating", "ready: ", "lost: ", "the host closed"}) {
    check_holds(text, part);
  }
}

TEST_CASE("log: a file that cannot be opened is one clear line and an exit status") {
  const TempDir files;
  REQUIRE(::mkfifo(files.path("fifo").c_str(), 0600) == 0);
  for (const std::string& path :
       {std::string("/dev/null/shim.log"), std::string("/"), files.path("fifo")}) {
    check_usage_error({"--log-file", path, "ws://127.0.0.1:1/"});
    check_holds(run({"--log-file", path, "ws://127.0.0.1:1/"}).err,
                "--log-file: cannot open " + path);
  }
}

TEST_CASE("log: stdout under another name is no log file, whatever it is") {
  const TempDir files;
  const std::string out = files.path("out");
  const auto refused = [](const std::string& path, int stream) {
    CAPTURE(path);
    Ends err = make_pipe();
    Process shim({shim_program(), "--log-file", path, "ws://127.0.0.1:1/"}, {},
                 Streams{.in = -1, .out = stream, .err = err.write.get()});
    err.write.close();
    check_holds(first_line(err.read), "--log-file: " + path + " is stdout");
    CHECK(shim.wait(patience) == 2);
  };
  write_file(out, "");
  const File file(::open(out.c_str(), O_WRONLY | O_CLOEXEC));
  for (const std::string& path : {std::string("/dev/stdout"), std::string("/proc/self/fd/1"), out})
    refused(path, file.get());
  const Ends pipe = make_pipe();
  refused("/dev/stdout", pipe.write.get());
  const File terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> name{};
  REQUIRE(::grantpt(terminal.get()) == 0);
  REQUIRE(::unlockpt(terminal.get()) == 0);
  REQUIRE(::ptsname_r(terminal.get(), name.data(), name.size()) == 0);
  const File its_other_end(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  refused(name.data(), its_other_end.get());
  CHECK(read_file(out).empty());
  Process quiet({shim_program(), "--log-file", "/dev/null", "ws://127.0.0.1:1/"}, {}, {});
  CHECK(quiet.wait(patience) == 0);
}

TEST_CASE("log: nor does it become the log file when that is opened anew") {
  const TempDir files;
  const std::string out = files.path("out");
  const std::string log = files.path("log");
  write_file(out, "");
  const File file(::open(out.c_str(), O_WRONLY | O_CLOEXEC));
  const Ends input = make_pipe();
  const Process shim({shim_program(), "--log-file", log, "ws://127.0.0.1:1/"}, {},
                     Streams{.in = input.read.get(), .out = file.get(), .err = -1});
  const auto wait_for = [&](const std::string& path, const char* part) {
    const Deadline deadline(patience);
    while (read_file(path).find(part) == std::string::npos && !deadline.passed())
      std::this_thread::sleep_for(1ms);
    check_holds(read_file(path), part);
  };
  wait_for(log, "failed (attempt 1)");
  std::filesystem::rename(log, log + ".1");
  std::filesystem::create_symlink(out, log);
  shim.signal(SIGHUP);
  wait_for(log + ".1", "could not be opened anew");
  CHECK(read_file(out).empty());
}

TEST_CASE("log: SIGHUP opens the file anew, for rotation by others") {
  Backend backend(Arguments{});
  const std::string path = backend.file("shim.log");
  Host host(quick() + Arguments{"--log-file", path} + backend.url());
  host.initialize();
  std::filesystem::rename(path, path + ".1");
  host.shim().signal(SIGHUP);
  host.expect("a new file", [&] { return std::filesystem::exists(path); });
  backend.restart();
  host.expect_text(host.call("echo", {{"text", "x"}}));
  check_holds(read_file(path), "ready: ");
}

TEST_CASE("log: a disk that is full does not hold the shim up") {
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--log-file", "/dev/full"} + backend.url());
  host.initialize();
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
  host.close_input();
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("log: a file that may not grow any more does not end the shim") {
  Backend backend(Arguments{});
  const std::string path = backend.file("shim.log");
  Host host(quick() + Arguments{"--log-file", path} + backend.url());
  host.initialize();
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  limit.rlim_cur = std::filesystem::file_size(path);
  REQUIRE(::prlimit(host.pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);
  const auto full = std::filesystem::file_size(path);
  backend.restart();  // of which the log would tell
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
  CHECK(std::filesystem::file_size(path) == full);
  host.close_input();
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("log: each level shows itself and what is worse, and off shows nothing") {
  Backend backend;
  const auto lines_at = [&](const char* level) {
    Host host(
        {"--backoff-base", "5ms", "--backoff-cap", "10ms", "--log-level", level, backend.url()});
    host.linger(scaled(500ms));
    host.close_input();
    CHECK(host.expect_exit() == 0);
    return std::array<std::size_t, 3>{host.count_log(" debug "), host.count_log(" info "),
                                      host.count_log(" warn ")};
  };
  const auto debug = lines_at("debug");
  CHECK(debug[0] > 0);
  CHECK(debug[1] > 0);
  CHECK(debug[2] > 0);
  const auto warn = lines_at("warn");
  CHECK(warn[0] == 0);
  CHECK(warn[1] == 0);
  CHECK(warn[2] > 0);
  CHECK(lines_at("off") == std::array<std::size_t, 3>{0, 0, 0});
}

TEST_CASE("log: bodies of messages are not logged below trace") {
  Backend backend({"--fault", "answer-twice"});
  Host host(quick() + backend.url());
  host.initialize();
  host.expect_text(host.call("echo", {{"text", "body-of-a-message"}}));
  host.send("{\"body-of-a-message\": broken");
  host.expect_error(nullptr, -32700);
  host.expect_log("dropped: ");
  host.linger(50ms);
  CHECK(host.count_log("body-of-a-message") == 0);
}

TEST_CASE("log: what a backend says is escaped and cut") {
  RawServer server;
  Host host(quick() + server.url());
  RawConnection connection = server.accept();
  connection.become_ready();
  host.expect_log("ready: ");
  connection.send_frame(Opcode::close,
                        std::string("\x03\xe8") + "a\x1b[2J\nb\xc2\x9b" + filler(100, 'z'));
  const std::string line = host.expect_log("lost: ");
  CHECK(std::ranges::all_of(line, [](char c) { return c >= ' ' && c < 127; }));
  CHECK(line.size() < 600);
}

TEST_CASE("log: a repeated drop is logged once in a while, not every time") {
  Backend backend({"--fault", "unknown-id"});
  Host host(quick() + backend.url());
  host.initialize();
  for (int i = 0; i < 200; ++i) host.expect_text(host.call("counter"));
  CHECK(host.count_log("dropped: ") <= 3);
  CHECK(host.count_log("dropped: ") >= 1);
}

TEST_CASE("log: --log-format json writes one object per line with stable keys") {
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--log-format", "json", "--log-level", "trace"} + backend.url());
  host.initialize();
  backend.restart();
  host.expect_text(host.call("echo", {{"text", "x"}}));
  bool saw_cause = false;
  for (const std::string& line : host.log()) {
    CAPTURE(line);
    const Json json = Json::parse(line, nullptr, false);
    REQUIRE(json.is_object());
    for (const char* key : {"time", "level", "message", "phase"}) CHECK(json[key].is_string());
    CHECK(json["epoch"].is_number_unsigned());
    saw_cause = saw_cause || json.contains("cause");
  }
  CHECK(saw_cause);
}

TEST_CASE("log 10: a JSON line that is not the core's says where the link is, too") {
  Backend backend(Arguments{});
  const TempDir files;
  const std::string log = files.path("log");
  Host host(quick() + Arguments{"--log-format", "json", "--log-file", log} + backend.url());
  host.initialize();
  std::filesystem::rename(log, log + ".1");
  std::filesystem::create_directory(log);
  host.shim().signal(SIGHUP);
  std::string line;
  host.expect("a warning", [&] {
    const std::string text = read_file(log + ".1");
    const std::size_t at = text.find("could not be opened anew");
    if (at == std::string::npos || text.back() != '\n') return false;
    const std::size_t start = text.rfind('\n', at) + 1;
    line = text.substr(start, text.find('\n', at) - start);
    return true;
  });
  const Json json = Json::parse(line, nullptr, false);
  CHECK(json["epoch"] == 1);
  CHECK(json["phase"] == "ready");
}

TEST_CASE("log: --log-format json stays so when lines were lost on a stderr that nobody read") {
  Backend backend;
  Ends log = make_pipe();
  const Ends input = make_pipe();
  const Process shim({shim_program(), "--backoff-base", "1ms", "--backoff-cap", "2ms",
                      "--log-level", "debug", "--log-format", "json", backend.url()},
                     {}, Streams{.in = input.read.get(), .out = -1, .err = log.write.get()});
  log.write.close();
  const Deadline full(patience);
  int unread = 0;
  for (int before = -1; unread != before && !full.passed();) {
    before = unread;
    std::this_thread::sleep_for(scaled(300ms));
    REQUIRE(::ioctl(log.read.get(), FIONREAD, &unread) == 0);
  }
  std::string text;
  const Deadline told(patience);
  while (text.find("lines were lost") == std::string::npos && !told.passed()) {
    std::array<char, 4096> bytes{};
    const ssize_t count = ::read(log.read.get(), bytes.data(), bytes.size());
    if (count > 0) text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  text.resize(text.rfind('\n') + 1);
  check_holds(text, "lines were lost");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(Json::parse(line, nullptr, false)["epoch"].is_number_unsigned());
  }
}

TEST_CASE("log: a terminal as the log file that takes no more does not hold the shim up") {
  const File terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> name{};
  REQUIRE(::grantpt(terminal.get()) == 0);
  REQUIRE(::unlockpt(terminal.get()) == 0);
  REQUIRE(::ptsname_r(terminal.get(), name.data(), name.size()) == 0);
  const File kept_open(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--log-file", name.data(), "--log-level", "trace"} + backend.url());
  host.initialize();
  for (int i = 0; i < 500; ++i) host.expect_result(host.request("ping"));
  host.shim().signal(SIGTERM);
  CHECK(host.expect_exit() == 0);
}

TEST_CASE("log: trace shows the heads of messages and nothing of what they say") {
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--log-level", "trace"} + backend.url());
  host.initialize();
  const int id = host.call("echo", {{"text", "hunter2"}});
  host.expect_text(id);
  host.expect_log("from the host: tools/call, id " + std::to_string(id));
  host.expect_log("from the backend: answer, id " + std::to_string(id));
  CHECK(host.count_log("hunter2") == 0);
}

}  // namespace e2e
