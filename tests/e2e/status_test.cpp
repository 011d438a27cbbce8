// Status files and the `status` command (contract 13).

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "backend.hpp"
#include "host.hpp"
#include "run.hpp"

namespace e2e {
namespace {

namespace fs = std::filesystem;

/// A runtime directory that some shims share.
class Place {
 public:
  [[nodiscard]] std::vector<std::string> environment() const {
    return {"XDG_RUNTIME_DIR=" + files_.path(""), "TMPDIR=" + files_.path("")};
  }
  [[nodiscard]] HostOptions host() const { return {.environment = environment()}; }
  [[nodiscard]] std::string directory() const { return files_.path("mcp-ws-shim"); }
  [[nodiscard]] std::string file(pid_t pid) const {
    return directory() + "/" + std::to_string(pid) + ".json";
  }
  [[nodiscard]] Json read(pid_t pid) const {
    return Json::parse(read_file(file(pid)), nullptr, false);
  }
  [[nodiscard]] std::string phase_of(pid_t pid) const {
    const Json json = read(pid);
    return json.is_object() ? json.value("phase", "") : "";
  }
  /// What each look at the file by `host` while it waits must come to.
  void expect_phase(Host& host, const std::string& phase) const {
    host.expect("phase " + phase, [&] { return phase_of(host.pid()) == phase; });
  }
  [[nodiscard]] Outcome status(const Arguments& flags = {}) const {
    return run(Arguments{"status"} + flags, environment());
  }

 private:
  TempDir files_;
};

Arguments never_again(const std::string& url) {
  return Arguments{"--backoff-base", "60s", "--backoff-cap", "60s", "--jitter", "0", url};
}

}  // namespace

TEST_CASE("status: the file tells each phase, and goes when the shim goes") {
  const Place place;
  Backend backend;
  backend.start({"--fault", "silent-tcp"});
  Host host(Arguments{"--backoff-base", "50ms", "--backoff-cap", "100ms", "--connect-timeout",
                      "60s", "--validate-timeout", "60s", "--resume-timeout", "60s"} +
                backend.url("/x?key=value"),
            place.host());
  place.expect_phase(host, "connecting");
  backend.restart({"--fault", "no-pong"});
  place.expect_phase(host, "validating");
  backend.restart();
  place.expect_phase(host, "ready");
  host.initialize();
  backend.restart({"--fault", "init-silent"});
  place.expect_phase(host, "resuming");
  backend.restart();
  place.expect_phase(host, "ready");
  Json said = place.read(host.pid());
  CHECK(said["pid"] == host.pid());
  CHECK(said["ping_ms"].is_number());
  CHECK(said["counters"]["reconnects"] == 1);
  CHECK(said["health"] == "none");
  check_holds(said["url"].get<std::string>(), "/x?");
  backend.kill();
  host.expect("the loss", [&] {
    said = place.read(host.pid());
    return said.is_object() && said["attempts"] > 0;
  });
  check_holds(said["last_error"].get<std::string>(), "refused");
  CHECK(said["ping_ms"].is_null());

  struct stat facts {};
  REQUIRE(::stat(place.file(host.pid()).c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777U) == 0600);
  REQUIRE(::stat(place.directory().c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777U) == 0700);
  host.close_input();
  CHECK(host.expect_exit() == 0);
  CHECK(fs::is_empty(place.directory()));
}

TEST_CASE("status: SIGTERM takes the file along, too") {
  const Place place;
  Host host(never_again("ws://127.0.0.1:1/"), place.host());
  place.expect_phase(host, "waiting");
  host.shim().signal(SIGTERM);
  CHECK(host.expect_exit() == 0);
  CHECK(fs::is_empty(place.directory()));
}

TEST_CASE("status: what happens on a link is in the file within 5 s") {
  const Place place;
  Backend backend(Arguments{});
  Host host(Arguments{backend.url()}, place.host());
  host.initialize();
  for (int i = 0; i < 20; ++i) host.expect_text(host.call("echo", {{"text", "x"}}));
  const auto wanted = [&] {
    const Json json = place.read(host.pid());
    return json.is_object() && json["counters"]["backend_messages"] == 21 &&
           json["counters"]["host_messages"] == 22;
  };
  host.expect("the counters", wanted, 5s);
  CHECK(place.read(host.pid())["counters"]["host_bytes"] > 1000);
}

TEST_CASE("status: two shims, one ready and one not") {
  const Place place;
  Backend backend(Arguments{});
  Host ready(Arguments{backend.url()}, place.host());
  place.expect_phase(ready, "ready");
  const Outcome good = place.status();
  CHECK(good.status == 0);
  CHECK(good.err.empty());
  CHECK(std::ranges::count(good.out, '\n') == 2);

  Host waiting(never_again("ws://127.0.0.1:1/lost"), place.host());
  place.expect_phase(waiting, "waiting");
  const Outcome table = place.status();
  CHECK(table.status == 1);
  CHECK(table.err.empty());
  CHECK(std::ranges::count(table.out, '\n') == 3);
  for (const std::string& part :
       {std::string("LAST ERROR"), std::to_string(ready.pid()) + " ",
        std::to_string(waiting.pid()) + " ", backend.url(), std::string("waiting, 1 failed"),
        std::string("ws://127.0.0.1:1/lost"), std::string("refused")})
    check_holds(table.out, part);

  const Outcome json = place.status({"--json"});
  CHECK(json.status == 1);
  const Json all = Json::parse(json.out);
  REQUIRE(all.size() == 2);
  for (const Json& shim : all) CHECK(shim == place.read(shim["pid"]));

  const Outcome metrics = place.status({"--prometheus"});
  CHECK(metrics.status == 1);
  check_holds(metrics.out, "mcp_ws_shim_running 2\n");
  check_holds(metrics.out, "mcp_ws_shim_ready{pid=\"" + std::to_string(ready.pid()) + "\",url=\"" +
                               backend.url() + "\"} 1\n");
  check_holds(metrics.out, "mcp_ws_shim_ready{pid=\"" + std::to_string(waiting.pid()) +
                               "\",url=\"ws://127.0.0.1:1/lost\"} 0\n");
}

TEST_CASE("status: without a shim there is nothing wrong") {
  const Place place;
  const Outcome table = place.status();
  CHECK(table.status == 0);
  CHECK(table.out == "no shim is running\n");
  const Outcome json = place.status({"--json"});
  CHECK(json.status == 0);
  CHECK(json.out == "[]\n");
  CHECK(place.status({"--prometheus"}).status == 0);
  CHECK_FALSE(fs::exists(place.directory()));
}

TEST_CASE("status: a stdout that takes nothing is exit 1") {
  const Place place;
  const TempDir files;
  const File full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  for (const Arguments& command : {Arguments{"status"},
                                   {"status", "--watch"},
                                   {"config"},
                                   {"doctor", "ws://127.0.0.1:1"},
                                   {"doctor", "--json", "ws://127.0.0.1:1"},
                                   {"--help"},
                                   {"call", "--help"},
                                   {"--version"}}) {
    CAPTURE(command[0]);
    Ends err = make_pipe();
    Process writing(Arguments{shim_program()} + command, place.environment(),
                    {.in = -1, .out = full.get(), .err = err.write.get()});
    err.write.close();
    CHECK(writing.wait(allowed(2s)) == 1);
    CHECK(first_line(err.read) == "mcp-ws-shim: cannot write to stdout: No space left on device\n");
    std::string line = shim_program();
    for (const std::string& argument : command) line += " " + argument;
    const std::string said = files.path("err");
    Process closed({"/bin/sh", "-c", line + " >&- 2>" + said}, place.environment(), {});
    CHECK(closed.wait(allowed(2s)) == 1);
    CHECK(read_file(said).empty());
  }
}

TEST_CASE("status: two formats at once are a usage error") {
  const Place place;
  const Outcome outcome = place.status({"--json", "--prometheus"});
  CHECK(outcome.status == 2);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.starts_with("mcp-ws-shim: "));
}

TEST_CASE("status: the file of a shim that was killed is removed") {
  const Place place;
  Host host(never_again("ws://127.0.0.1:1/"), place.host());
  place.expect_phase(host, "waiting");
  const std::string file = place.file(host.pid());
  host.shim().kill();
  CHECK(fs::exists(file));
  const Outcome outcome = place.status();
  CHECK(outcome.status == 0);
  CHECK(outcome.out == "no shim is running\n");
  CHECK_FALSE(fs::exists(file));
}

TEST_CASE("status: a pid that is another process's by now is no shim") {
  const Place place;
  Host host(never_again("ws://127.0.0.1:1/"), place.host());
  place.expect_phase(host, "waiting");
  Json said = place.read(host.pid());
  host.shim().kill();
  said["pid"] = ::getpid();  // started before the shim
  write_file(place.file(::getpid()), said.dump());
  fs::permissions(place.file(::getpid()), fs::perms(0600));
  CHECK(place.status().out == "no shim is running\n");
  CHECK(fs::is_empty(place.directory()));
}

TEST_CASE("status: hostile files change nothing about what is shown, and reach no terminal") {
  const Place place;
  Backend backend(Arguments{});
  Host host(Arguments{backend.url()}, place.host());
  place.expect_phase(host, "ready");
  const std::string json = place.status({"--json"}).out;
  const std::string mine = place.file(::getpid());
  SUBCASE("garbage") { write_file(mine, "\x1b[2J\x01\xff"); }
  SUBCASE("huge") {
    write_file(mine, "{");
    fs::resize_file(mine, std::uintmax_t{1} << 40U);
  }
  SUBCASE("a FIFO") { REQUIRE(::mkfifo(mine.c_str(), 0600) == 0); }
  SUBCASE("a link to a device") { fs::create_symlink("/dev/zero", mine); }
  SUBCASE("half a file") {
    const std::string whole = read_file(place.file(host.pid()));
    write_file(mine, whole.substr(0, whole.size() / 2));
  }
  if (fs::is_regular_file(fs::symlink_status(mine))) fs::permissions(mine, fs::perms(0600));
  const auto start = Clock::now();
  const Outcome outcome = place.status({"--json"});
  CHECK(since(start) < allowed(1s));
  CHECK(outcome.status == 1);  // nobody knows whether that one is ready
  CHECK(Json::parse(outcome.out).size() == 1);
  CHECK(Json::parse(outcome.out)[0]["pid"] == Json::parse(json)[0]["pid"]);
  CHECK(std::ranges::count(outcome.err, '\n') == 1);
  check_holds(outcome.err, mine + " is skipped: it ");
  CHECK(outcome.err.find('\x1b') == std::string::npos);
}

TEST_CASE("status: control characters in a file are shown escaped") {
  const Place place;
  Host host(never_again("ws://127.0.0.1:1/"), place.host());
  place.expect_phase(host, "waiting");
  Json said = place.read(host.pid());
  said["url"] = "ws://h/\x1b]0;owned\x07\n\"";
  said["last_error"] = "\x1b[2J\xc2\x9b";
  write_file(place.file(host.pid()), said.dump());
  for (const char* const format : {"", "--json", "--prometheus"}) {
    CAPTURE(format);
    const Outcome outcome = place.status(*format == '\0' ? Arguments{} : Arguments{format});
    CHECK(outcome.status == 1);
    check_holds(outcome.out, "owned");
    CHECK(std::ranges::none_of(outcome.out, [](char c) {
      return c != '\n' &&
             (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126);
    }));
  }
}

TEST_CASE("status: a shim without a place for its file works all the same, and says so at debug") {
  const TempDir files;
  Backend backend(Arguments{});
  Host host(Arguments{"--log-level", "debug", backend.url()},
            {.environment = {"XDG_RUNTIME_DIR=", "TMPDIR=" + files.path("none")}});
  host.initialize();
  host.expect_log("no status file is kept: " + files.path("none"));
  CHECK(host.count_log("no status file") == 1);
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
}

TEST_CASE("status: a directory that is taken away disturbs nothing") {
  const Place place;
  Backend backend(Arguments{});
  Host host(Arguments{backend.url()}, place.host());
  host.initialize();
  fs::remove_all(place.directory());
  write_file(place.directory(), "in the way");
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
  backend.restart();
  CHECK(host.expect_text(host.call("echo", {{"text", "y"}})) == "y");
  host.close_input();
  CHECK(host.expect_exit() == 0);
  CHECK(read_file(place.directory()) == "in the way");
}

TEST_CASE("status: --watch without a terminal prints again and again, a blank line between") {
  const Place place;
  Host host(never_again("ws://127.0.0.1:1/"), place.host());
  place.expect_phase(host, "waiting");
  Ends out = make_pipe();
  Process watching({shim_program(), "status", "--watch"}, place.environment(),
                   {.in = -1, .out = out.write.get(), .err = -1});
  out.write.close();
  set_nonblocking(out.read);
  std::string text;
  const auto more = [&] {
    char buffer[4096];
    const ssize_t count = ::read(out.read.get(), buffer, sizeof buffer);
    if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
    return text.find("\n\nPID ") != std::string::npos;
  };
  host.expect("two looks", more);
  watching.signal(SIGINT);
  CHECK(watching.wait(allowed(1s)) == 1);  // one shim is not ready
  CHECK(text.find('\x1b') == std::string::npos);
}

}  // namespace e2e
