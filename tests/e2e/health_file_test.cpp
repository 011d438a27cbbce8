// The health file: what it may look like and what it is worth (contract 7).

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

double epoch_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// A report as a backend with this pid writes it, its clock ahead by so many seconds.
std::string report(int pid, double ahead = 0) {
  return Json{{"t", epoch_seconds() + ahead}, {"pid", pid}, {"started_at", 5}, {"busy", true}}
             .dump() +
         "\n";
}

/// A directory of its own, so that nothing else happens there.
struct Health {
  TempDir files;
  std::string path = files.path("health");

  /// With a file, if it has a text.
  explicit Health(const std::string& text = {}) {
    if (!text.empty()) put(text);
  }
  [[nodiscard]] Arguments flag() const { return {"--health-file", path}; }
  void put(const std::string& text) const { write_file(path, text); }
  void replace(const std::string& text) const {
    write_file(path + ".new", text);
    std::filesystem::rename(path + ".new", path);
  }
};

/// What a shim that finds the file like this logs of it. `arrange` makes the file.
void check_state(const std::string& state, const std::function<void(const Health&)>& arrange) {
  const Health health;
  arrange(health);
  Backend backend(Arguments{});
  const auto begun = Clock::now();
  Host host(quick() + health.flag() + backend.url());
  host.expect_log("the health file is " + state);
  // Whatever it is, it keeps nobody from anything.
  host.initialize();
  CHECK(since(begun) <= allowed(1s));
  const Millis ran = cpu_time(host.pid());
  host.linger(300ms);
  if (!sanitized) CHECK(cpu_time(host.pid()) - ran <= 100ms);
}

void check_text(const std::string& state, const std::string& text) {
  CAPTURE(text.substr(0, 60));
  check_state(state, [&](const Health& health) { health.put(text); });
}

/// Flags with which nothing but a sign of life brings a shim back in the time of a test.
Arguments slow_to_return() {
  return {"--backoff-base", "30s", "--backoff-cap", "30s", "--jitter", "0"};
}

/// The shim has just been given such a sign.
void expect_ready_at_once(Host& host) {
  const auto given = Clock::now();
  host.expect_log("ready: ");
  MESSAGE("ready after " << since(given).count() << " ms");
  CHECK(since(given) <= allowed(100ms) + allowed(100ms));
}

/// A session whose backend is stopped with a call in flight. What the shim tells the host of it
/// shows in tenths of a second what it thinks of the health file.
struct Stopped {
  Health health;
  Backend backend;
  Host host;
  int call = 0;

  explicit Stopped(const Arguments& more, const std::string& leftover = {})
      : health(leftover),
        backend(Arguments{}),
        host(quick() +
             Arguments{"--ping-interval", flag(200ms), "--pong-timeout", flag(200ms), "--keepalive",
                       "progress", "--keepalive-interval", "100ms"} +
             more + health.flag() + backend.url()) {
    host.initialize();
    call = host.request(
        "tools/call",
        {{"name", "sleep"}, {"arguments", {{"ms", 600'000}}}, {"_meta", {{"progressToken", 1}}}});
    host.expect("the backend runs it", [this] { return !backend.executed().empty(); });
    backend.freeze();
  }
  /// Within the time of one look: a file that changes often is looked at every 5 s only.
  void expect_busy(bool busy, Millis limit = 6s) {
    const std::string wanted = busy ? ", backend busy, silent for " : ", backend silent for ";
    const std::size_t seen = host.lines().size();
    host.expect(
        wanted,
        [&] {
          return host.lines().size() > seen &&
                 host.lines().back().text.find(wanted) != std::string::npos;
        },
        limit);
  }
};

}  // namespace

TEST_CASE("health file: none is asked for, nothing is said") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  CHECK(host.count_log("health file") == 0);
}

TEST_CASE("health file: missing, stale and fresh") {
  check_state("missing", [](const Health&) {});
  check_text("fresh", report(1));
  check_text("fresh", "{}");  // as old as the file
  check_text("fresh", R"({"t":)" + std::to_string(static_cast<long>(epoch_seconds())) + "}");
  check_text("stale", report(1, -3600));
  check_text("stale", report(1, 3600));
  check_text("stale", R"({"t":)" + std::to_string(epoch_seconds() * 1000) + "}");
  check_text("stale", R"({"t":0})");
  check_text("stale", R"({"t":-1e300})");
  check_state("stale", [](const Health& health) {
    health.put("{}");
    std::filesystem::last_write_time(
        health.path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  });
}

TEST_CASE("health file: text that is no report") {
  for (const char* text : {"", "\n", "garbage", R"({"t":17)", R"({"t":"1700000000"})",
                           R"([{"t":1}])", "1700000000", R"({"t":null})", R"({"busy":"yes"})",
                           R"({"pid":{}})", "{\"t\":1}\xff", R"({"t":1} {"t":2})"}) {
    check_text("invalid", text);
  }
  check_text("invalid", std::string(1, '\0'));
  check_text("invalid", R"({"t":1,"x":")" + filler(4096, 'x') + R"("})");
  check_text("invalid", filler(2000, '[') + filler(2000, ']'));
}

TEST_CASE("health file: what is no plain small file is not read") {
  check_state("invalid",
              [](const Health& health) { REQUIRE(::mkfifo(health.path.c_str(), 0600) == 0); });
  check_state("invalid",
              [](const Health& health) { std::filesystem::create_directory(health.path); });
  for (const char* target : {"/dev/zero", "/dev/null", "/proc/self/mem", "health"}) {
    CAPTURE(target);  // the last but one cannot be read, the last one is itself
    check_state("invalid", [&](const Health& health) {
      std::filesystem::create_symlink(target, health.path);
    });
  }
  check_state("missing", [](const Health& health) {
    std::filesystem::create_symlink("nothing", health.path);
  });
  check_state("invalid", [](const Health& health) { health.put(filler(10 << 20, ' ')); });
  if (::geteuid() == 0) return;  // may read everything
  check_state("invalid", [](const Health& health) {
    health.put(report(1));
    ::chmod(health.path.c_str(), 0);
  });
}

TEST_CASE("health file: each way of changing it is noticed, and nothing that happens to it lasts") {
  Stopped world({"--stall-timeout", "10m"});
  world.expect_busy(false);
  world.health.put(report(1));
  world.expect_busy(true);
  world.health.put("garbage");
  world.expect_busy(false);
  world.health.put(report(1));
  world.expect_busy(true);
  std::filesystem::remove(world.health.path);
  world.expect_busy(false);
  world.health.replace(report(1));
  world.expect_busy(true);
  world.health.replace("{");
  world.expect_busy(false);
  world.health.replace(report(1));
  world.expect_busy(true);
  check_kept(world.host);
}

TEST_CASE("health file: a daemon that does not replace it at one stroke is busy all the same") {
  Stopped world({"--stall-timeout", flag(1s), "--busy-timeout", "10m"});
  world.health.put(report(1));
  world.host.linger(scaled(1500ms));  // from here on only the file speaks for the backend
  std::filesystem::remove(world.health.path);
  world.host.linger(200ms);
  world.health.put("{");
  world.host.linger(200ms);
  world.health.put(report(1));
  world.host.linger(200ms);
  CHECK_FALSE(world.host.is_answered(world.call));
  check_kept(world.host);
}

TEST_CASE("health file: it turns stale by itself") {
  Stopped world({"--stall-timeout", "10m", "--health-max-age", flag(1s)});
  world.health.put(report(1));
  world.expect_busy(true);
  const auto begun = Clock::now();
  world.expect_busy(false);
  CHECK(since(begun) <= allowed(1s) + allowed(300ms));
}

TEST_CASE("health file: its directory may be moved away, with another one in its place") {
  const Health health;
  const std::string directory = health.files.path("here");
  std::filesystem::create_directory(directory);
  write_file(directory + "/health", report(1));
  Backend backend;
  Host host(slow_to_return() + Arguments{"--health-file", directory + "/health"} + backend.url());
  host.expect_log("next attempt in");
  backend.start();
  host.linger(500ms);
  std::filesystem::create_directory(health.files.path("there"));
  write_file(health.files.path("there/health"), report(2));
  std::filesystem::rename(directory, health.files.path("old"));
  std::filesystem::rename(health.files.path("there"), directory);
  expect_ready_at_once(host);
}

TEST_CASE("health file: its directory may come later") {
  const Health health;
  const std::string directory = health.files.path("later");
  Backend backend;
  Host host(slow_to_return() + Arguments{"--health-file", directory + "/health"} + backend.url());
  host.expect_log("next attempt in");
  backend.start();
  host.linger(500ms);
  std::filesystem::create_directory(directory);
  write_file(directory + "/health", report(1));
  expect_ready_at_once(host);
}

TEST_CASE("health file: its name may come to mean another file") {
  const Health health;
  write_file(health.files.path("old"), report(1, -3600));
  write_file(health.files.path("new"), report(1));
  std::filesystem::create_symlink("old", health.path);
  Backend backend;
  Host host(slow_to_return() + health.flag() + backend.url());
  host.expect_log("next attempt in");
  backend.start();
  host.linger(500ms);
  std::filesystem::create_symlink("new", health.path + ".new");
  std::filesystem::rename(health.path + ".new", health.path);
  expect_ready_at_once(host);
}

TEST_CASE("health file: one that turns fresh while the shim waits has it connect at once") {
  struct Row {
    bool leftover;
    double ahead;  ///< what the backend's clock is
  };
  for (const Row& row : {Row{false, 0}, Row{true, 0}, Row{false, 3600}, Row{false, -3600}}) {
    CAPTURE(row.leftover);
    CAPTURE(row.ahead);
    const Health health;
    if (row.leftover) health.put(report(1, -3600));
    Backend backend;
    Host host(slow_to_return() + health.flag() + backend.url());
    host.expect_log("next attempt in 30 s");
    host.linger(300ms);
    backend.start();
    host.linger(300ms);
    CHECK(host.count_log("ready: ") == 0);
    health.replace(report(2, row.ahead));
    expect_ready_at_once(host);
  }
}

TEST_CASE("health file: the first change since the loss counts, whatever was tried in between") {
  const Health health;
  health.put(report(1));
  Backend backend(Arguments{});
  Host host(slow_to_return() + health.flag() + backend.url());
  host.initialize();
  backend.kill();
  host.expect_log("lost: ");
  host.linger(1100ms);  // attempts are a second apart
  host.shim().signal(SIGHUP);
  host.expect_log("failed (attempt 1)");
  backend.start();
  host.linger(200ms);
  REQUIRE(host.count_log("ready: ") == 1);
  health.replace(report(1));  // fresh all along, and by the same process
  expect_ready_at_once(host);
}

TEST_CASE("health file: one that was written often until the loss is seen at once after it") {
  const Health health;
  health.put(report(1));
  Backend backend(Arguments{});
  Host host(slow_to_return() + health.flag() + backend.url());
  host.initialize();
  for (int i = 0; i < 20; ++i) {
    health.replace(report(1));
    host.linger(50ms);
  }
  backend.kill();
  host.expect_log("lost: ");
  backend.start();
  host.linger(300ms);
  REQUIRE(host.count_log("ready: ") == 1);
  health.replace(report(2));
  expect_ready_at_once(host);
}

TEST_CASE("health file: a backend that writes it brings its shim back at once") {
  const Health health;
  const Arguments writing{"--health-file", health.path};
  Backend backend(writing);
  Host host(slow_to_return() + health.flag() + backend.url());
  host.initialize();
  backend.kill();
  host.expect_log("lost: ");
  host.linger(500ms);
  backend.start(writing);  // it listens before it writes
  expect_ready_at_once(host);
}

TEST_CASE("health file: one left over by a previous container delays nothing") {
  const Health health;
  health.put(report(1, -86400));
  Backend backend(Arguments{});
  const auto begun = Clock::now();
  Host host(health.flag() + backend.url());
  host.initialize();
  CHECK(since(begun) <= allowed(500ms));
  CHECK(host.expect_text(host.call("echo", {{"text", "live"}})) == "live");
}

TEST_CASE("health file: another process in it ends the wait for a silent backend") {
  Stopped world({"--stall-timeout", "10m", "--busy-timeout", "10m"});
  world.health.replace(report(1));
  world.expect_busy(true);
  const auto replaced = Clock::now();
  world.health.replace(report(2));
  world.host.expect_log("lost: replaced");
  CHECK(since(replaced) <= allowed(400ms) + allowed(200ms));
  world.host.expect_tool_failure(world.call, "outcome-unknown");
}

TEST_CASE(
    "health file: a first report soon after the link is its own, whoever wrote the last one") {
  Stopped world({"--stall-timeout", "10m", "--busy-timeout", "10m"}, report(1));
  world.health.replace(report(2));
  world.host.linger(scaled(800ms));
  check_kept(world.host);
  CHECK_FALSE(world.host.is_answered(world.call));
  // A later one is not.
  world.host.linger(3s);
  world.health.replace(report(3));
  world.host.expect_log("lost: replaced");
}

TEST_CASE("health file: another process in it does not end a link that answers") {
  const Health health;
  health.put(report(1));
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--ping-interval", flag(200ms), "--pong-timeout", flag(400ms)} +
            health.flag() + backend.url());
  host.initialize();
  const int call = host.call("sleep", {{"ms", scaled(2s).count()}});
  host.linger(200ms);
  health.replace(report(2));
  host.expect_text(call);
  std::filesystem::remove(health.path);
  host.linger(scaled(600ms));
  CHECK(host.expect_text(host.call("echo", {{"text", "on"}})) == "on");
  check_kept(host);
}

TEST_CASE("health file: a clock that is off by an hour, here or there, changes nothing") {
  for (const double ahead : {-3600.0, 3600.0}) {
    CAPTURE(ahead);
    Stopped world(
        {"--stall-timeout", flag(1s), "--busy-timeout", "10m", "--health-max-age", flag(1200ms)});
    // The report changes: the backend lives for longer than the stall timeout.
    for (int i = 0; i < 5; ++i) {
      world.health.put(report(1, ahead));
      world.host.linger(scaled(500ms));
    }
    CHECK_FALSE(world.host.is_answered(world.call));
    // The clock is set back to what it should be, which is one more change and no more.
    world.health.put(report(1));
    world.host.linger(scaled(500ms));
    CHECK_FALSE(world.host.is_answered(world.call));
    // From here on it does not change, whatever its time says.
    const auto last = Clock::now();
    world.host.expect_tool_failure(world.call, "outcome-unknown");
    CHECK(since(last) <= allowed(1200ms));
  }
}

}  // namespace e2e
