// A path that dies without a word: the link looks open and nothing is behind it (contract 7). The
// backend runs in a network namespace of its own, whose packets can be made to vanish.

#include <doctest/doctest.h>

#include <array>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

constexpr Millis ping_interval = 600ms;
constexpr Millis pong_timeout = 600ms;
constexpr Millis silent_after = ping_interval + pong_timeout;

/// Nothing but the kernel's evidence can end a call here in the time of a test.
Arguments watchful(Millis pong = pong_timeout) {
  return quick() + Arguments{"--ping-interval", flag(ping_interval),
                             "--pong-timeout",  flag(pong),
                             "--stall-timeout", "10m",
                             "--busy-timeout",  "10m"};
}

bool cannot_cut() {
  const std::string obstacle = Namespace::obstacle();
  if (!obstacle.empty()) MESSAGE("SKIPPED: no network namespace: " << obstacle);
  return !obstacle.empty();
}

/// A session with a backend on the other side of the wire.
struct Remote {
  Namespace place;
  Backend backend{place};
  std::unique_ptr<Host> host;

  explicit Remote(const Arguments& flags, const Arguments& of_backend = {}) {
    backend.start(of_backend);
    host = std::make_unique<Host>(flags + backend.url());
    host->initialize();
  }
  int start_call(Millis ms) {
    const int call = host->call("sleep", {{"ms", ms.count()}});
    host->expect("the backend runs it", [this] { return !backend.executed().empty(); });
    return call;
  }
  void expect_echo(const std::string& text) {
    CHECK(host->expect_text(host->call("echo", {{"text", text}})) == text);
  }
};

struct Cut {
  std::string name;
  void (Namespace::*cut)() const;
  void (Namespace::*mend)() const;
};

const std::array<Cut, 2> cuts{{{"packets vanish", &Namespace::swallow, &Namespace::swallow_no_more},
                               {"the wire is unplugged", &Namespace::unplug, &Namespace::plug}}};

}  // namespace

TEST_CASE("half open: an idle link is dropped within ping interval and pong timeout") {
  if (cannot_cut()) return;
  for (const Cut& way : cuts) {
    CAPTURE(way.name);
    Remote remote(watchful());
    remote.host->linger(scaled(ping_interval * 2));
    check_kept(*remote.host);
    const auto cut = Clock::now();
    (remote.place.*way.cut)();
    const std::string lost = remote.host->expect_log("lost: ");
    MESSAGE(way.name << ": dropped after " << since(cut).count() << " ms: " << lost);
    CHECK((lost.find("no-pong") != std::string::npos ||
           lost.find("path-dead") != std::string::npos));  // the same moment, and both are true
    CHECK(since(cut) <= allowed(silent_after));
    (remote.place.*way.mend)();
    remote.expect_echo("mended");
  }
}

TEST_CASE("half open: a host that ends is not kept waiting by what will never arrive") {
  if (cannot_cut()) return;
  for (const Cut& way : cuts) {
    CAPTURE(way.name);
    Remote remote(quick() + Arguments{"--drain-timeout", "60s"});
    remote.expect_echo("still there");
    (remote.place.*way.cut)();
    remote.host->notify("notifications/last", {{"x", filler(10'000, 'x')}});
    remote.host->linger(50ms);
    const auto closed = Clock::now();
    remote.host->close_input();
    CHECK(remote.host->expect_exit() == 0);
    CHECK(since(closed) <= allowed(end_at_once));
  }
}

TEST_CASE("half open: with a call in flight the kernel notices, long before the stall timeout") {
  if (cannot_cut()) return;
  for (const Cut& way : cuts) {
    CAPTURE(way.name);
    Remote remote(watchful());
    const int call = remote.start_call(10min);
    const auto cut = Clock::now();
    (remote.place.*way.cut)();
    const Json facts = remote.host->expect_tool_failure(call, "outcome-unknown");
    MESSAGE(way.name << ": settled after " << since(cut).count() << " ms");
    // A ping after its interval, and that long without an acknowledgement of it.
    CHECK(since(cut) <= allowed(ping_interval + silent_after) + allowed(500ms));
    CHECK(facts["delivered"] == true);
    remote.host->expect_log("lost: path-dead");
    // What is asked meanwhile is served on the link that comes when the path is mended.
    const int queued = remote.host->call("echo", {{"text", "queued"}});
    remote.host->linger(scaled(500ms));
    (remote.place.*way.mend)();
    CHECK(remote.host->expect_text(queued, 20s) == "queued");
    remote.host->expect_log("ready: ");
  }
}

TEST_CASE("half open: a call sent into the void is settled, too") {
  if (cannot_cut()) return;
  Remote remote(watchful());
  remote.place.swallow();
  const auto asked = Clock::now();
  const int call = remote.host->call("counter");
  remote.host->expect_tool_failure(call, "outcome-unknown");
  CHECK(since(asked) <= allowed(silent_after) + allowed(500ms));
  remote.host->expect_log("lost: path-dead");
}

TEST_CASE("half open: a machine that is gone and comes back as another one") {
  if (cannot_cut()) return;
  Remote remote(watchful());
  const int call = remote.start_call(10min);
  remote.place.swallow();
  remote.backend.kill();  // its last words do not reach us
  remote.host->expect_tool_failure(call, "outcome-unknown");
  remote.host->expect_log("lost: path-dead");
  remote.place.swallow_no_more();
  remote.backend.start();
  remote.expect_echo("another one");
  CHECK(remote.backend.executed().size() == 2);
}

TEST_CASE("half open: an interruption shorter than the timeouts loses nothing") {
  if (cannot_cut()) return;
  for (const Cut& way : cuts) {
    CAPTURE(way.name);
    Remote remote(watchful(4s));
    const int call = remote.start_call(scaled(500ms));
    (remote.place.*way.cut)();
    remote.host->linger(scaled(1500ms));
    (remote.place.*way.mend)();
    CHECK(remote.host->expect_text(call, 20s) ==
          "slept " + std::to_string(scaled(500ms).count()) + " ms");
    check_kept(*remote.host);
  }
}

TEST_CASE("half open: a remote backend that is only stopped is not taken for a dead path") {
  // Its kernel goes on to acknowledge, as that of a busy one does.
  if (cannot_cut()) return;
  Remote remote(watchful());
  (void)remote.start_call(10min);
  remote.backend.freeze();
  const std::string text = filler(5'000'000, 'l');
  const int large = remote.host->call("echo", {{"text", text}});
  remote.host->linger(scaled(silent_after * 3));
  check_kept(*remote.host);
  remote.backend.thaw();
  CHECK(remote.host->expect_text(large, 30s) == text);
}

}  // namespace e2e
