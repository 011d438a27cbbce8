// A name lookup that hangs or fails (contract 4.1). The library slow_lookup.cpp takes the
// resolver's place; the shim itself knows nothing of it.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <vector>

#include "backend.hpp"
#include "host.hpp"
#include "run.hpp"

namespace e2e {
namespace {

struct Scripted {
  Backend backend{Arguments{}};
  std::string orders = backend.file("lookup");
  std::string url = "ws://scripted.test:" + std::to_string(backend.port()) + "/";

  explicit Scripted(const std::string& order) { say(order); }
  void say(const std::string& order) const { write_file(orders, order); }
  [[nodiscard]] HostOptions options() const {
    return {.environment = {"LD_PRELOAD=" E2E_SLOW_LOOKUP, "E2E_LOOKUP=" + orders}};
  }
  [[nodiscard]] std::size_t calls() const { return read_file(orders + ".calls").size(); }
};

/// An address that takes no connection and does not say so.
class BlackHole {
 public:
  BlackHole(const char* at, std::uint16_t port) : listener_(make()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, at, &address.sin_addr);
    const auto* const where = reinterpret_cast<const sockaddr*>(&address);
    const bool listens =
        ::bind(listener_.get(), where, sizeof address) == 0 && ::listen(listener_.get(), 0) == 0;
    REQUIRE(listens);
    for (bool taken = true; taken; taken = is_connected(waiting_.back())) {
      waiting_.push_back(make());
      ::connect(waiting_.back().get(), where, sizeof address);
    }
  }

 private:
  static File make() {
    return File(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }
  static bool is_connected(const File& socket) {
    pollfd ready{.fd = socket.get(), .events = POLLOUT, .revents = 0};
    return ::poll(&ready, 1, 200) == 1;
  }

  File listener_;
  std::vector<File> waiting_;  ///< they fill its queue
};

bool cannot_preload() {
  if (sanitized) MESSAGE("SKIPPED: sanitizers want to be the first library themselves");
  return sanitized;
}

}  // namespace

TEST_CASE("lookup: one that hangs is given up with its attempt, and holds nothing else up") {
  if (cannot_preload()) return;
  Scripted world("hang");
  Host host(quick() + world.url, world.options());
  for (const char* attempt : {"attempt 1)", "attempt 2)", "attempt 3)"}) {
    check_holds(host.expect_log(attempt), "connect-timeout");
  }
  const auto asked = Clock::now();
  host.expect_result(host.request("ping"));
  CHECK(since(asked) <= allowed(100ms));
  // The one that hangs is waited for by each attempt; no second thread joins it.
  CHECK(world.calls() == 1);

  world.say("find");
  host.initialize();
  CHECK(host.expect_text(host.call("echo", {{"text", "found"}})) == "found");
}

TEST_CASE("lookup: one that fails is made again at each attempt") {
  if (cannot_preload()) return;
  Scripted world("fail");
  Host host(quick() + world.url, world.options());
  for (const char* attempt : {"attempt 1)", "attempt 2)", "attempt 3)"}) {
    check_holds(host.expect_log(attempt), "lookup-failed");
  }
  CHECK(world.calls() >= 3);
  world.say("find");
  host.initialize();
}

TEST_CASE("lookup: a backend that moves is looked up anew after its loss") {
  if (cannot_preload()) return;
  Scripted world("find");
  Host host(quick() + world.url, world.options());
  host.initialize();
  const std::size_t before = world.calls();
  world.backend.restart();
  CHECK(host.expect_text(host.call("echo", {{"text", "found"}})) == "found");
  CHECK(world.calls() > before);
}

TEST_CASE("lookup: a name whose first address refuses gets its second one in the same attempt") {
  if (cannot_preload()) return;
  Scripted world("find 127.0.0.2 127.0.0.1");
  world.backend.restart();
  Host host(quick() + Arguments{"--log-level", "info", world.url}, world.options());
  host.initialize();
  CHECK(host.count_log("link 1 ready: ") == 1);
  CHECK(run({"call", "--url", world.url, "tools/list"}, world.options().environment).status == 0);
  const Outcome doctor = run({"doctor", world.url}, world.options().environment);
  CHECK(doctor.status == 0);
  check_holds(doctor.out, "127.0.0.2: Connection refused");
}

TEST_CASE("lookup: a name whose first address swallows all gets its second one in time") {
  if (cannot_preload()) return;
  Scripted world("find 127.0.0.2 127.0.0.1");
  const BlackHole hole("127.0.0.2", world.backend.port());
  Host host(Arguments{"--connect-timeout", flag(2s), world.url}, world.options());
  host.initialize();
  CHECK(host.count_log("link 1 ready: ") == 1);
}

TEST_CASE("lookup 11: localhost is trusted with a token only where it is this machine") {
  if (cannot_preload()) return;
  Scripted world("find 192.0.2.1");
  const std::string url = "ws://localhost:" + std::to_string(world.backend.port()) + "/";
  HostOptions options = world.options();
  SUBCASE("a token") { options.environment.emplace_back("MCP_WS_SHIM_TOKEN=hunter2"); }
  SUBCASE("a header that is one") {
    options.environment.emplace_back("MCP_WS_SHIM_HEADER=authorization: Basic hunter2");
  }
  Host host(quick() + url, options);
  check_holds(host.expect_log("failed (attempt 1)"), "192.0.2.1, another machine");
  world.say("find 192.0.2.1 127.0.0.1");
  host.initialize();
  CHECK(host.count_log("unreachable") + host.count_log("connect-timeout") == 0);
}

TEST_CASE("lookup: one that hangs does not hold the end up") {
  if (cannot_preload()) return;
  Scripted world("hang");
  Host host(quick() + world.url, world.options());
  host.expect("a lookup", [&] { return world.calls() > 0; });
  const auto closed = Clock::now();
  host.close_input();
  CHECK(host.expect_exit() == 0);
  CHECK(since(closed) <= allowed(100ms));
}

}  // namespace e2e
