// --sandbox: the bridge gives up what it does not need, and does all the rest as ever (contract
// 11). The library sandbox_probe.cpp tries the one from within.

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "backend.hpp"
#include "certificate.hpp"
#include "host.hpp"
#include "run.hpp"

namespace e2e {
namespace {

namespace fs = std::filesystem;

bool has_landlock() {
  const Outcome outcome = run({"config", "--sandbox"});
  if (outcome.status == 0) return true;
  check_holds(outcome.err, "has no Landlock");
  MESSAGE("SKIPPED: this kernel has no Landlock");
  return false;
}

/// What came of the probe's attempts, in one line.
std::string probed(const Arguments& flags, const TempDir& secrets) {
  Backend backend(Arguments{});
  const Port elsewhere;
  const File listener = listening_socket(elsewhere.number(), 4);
  Host host(quick() + flags + ("ws://probe.test:" + std::to_string(backend.port()) + "/"),
            {.environment = {"LD_PRELOAD=" E2E_SANDBOX_PROBE, "E2E_PROBE=" + secrets.path(""),
                             "E2E_PROBE_PORT=" + std::to_string(elsewhere.number())}});
  const std::string said = host.expect_log("probe: ");
  host.initialize();
  return said;
}

/// A sanitizer looks for leaks as a debugger does, which the sandbox forbids.
std::string without_leak_check() {
  const char* const options = std::getenv("ASAN_OPTIONS");
  return "ASAN_OPTIONS=" + std::string(options == nullptr ? "" : options) + ":detect_leaks=0";
}

}  // namespace

TEST_CASE("sandbox: within it nothing is read, written, run or reached but what is needed") {
  if (!has_landlock()) return;
  if (sanitized) {
    MESSAGE("SKIPPED: sanitizers want to be the first library themselves");
    return;
  }
  const TempDir secrets;
  write_file(secrets.path("secret"), "x");
  // That all of it works else, so that the probe is worth something.
  CHECK(probed({}, secrets) == "probe: read=ok write=ok run=ok connect=ok listen=ok signal=ok");
  fs::remove(secrets.path("planted"));

  const std::string said = probed({"--sandbox"}, secrets);
  check_holds(said, "probe: read=EACCES write=EACCES run=EACCES ");
  CHECK(!fs::exists(secrets.path("planted")));
  // Of TCP since Linux 6.7, of signals since 6.12.
  if (said.find("connect=ok") != std::string::npos) {
    MESSAGE("SKIPPED: this kernel's Landlock knows nothing of TCP");
  } else {
    check_holds(said, " connect=EACCES listen=EACCES ");
  }
}

TEST_CASE("sandbox: token, certificates, health file, cache, log and status work as without it") {
  if (!has_landlock()) return;
  const Certificate certificate("DNS:localhost,IP:127.0.0.1");
  const Certificate renewed("DNS:localhost,IP:127.0.0.1");
  if (!certificate.made || !renewed.made) return;
  Backend backend;
  const TempDir token, live, health, log, kept;
  const std::string ca = live.path("ca.pem");
  fs::create_symlink(certificate.cert, ca);
  replace_private(token.path("token"), "old");
  backend.start(certificate.served() + Arguments{"--token", "old"});
  Host host(quick() +
                Arguments{"--sandbox", "--offline", "cache", "--cache-dir", kept.path("a/b"),
                          "--ca-file", ca, "--token-file", token.path("token"), "--health-file",
                          health.path("later/health.json"), "--log-file", log.path("log")} +
                ("wss://localhost:" + std::to_string(backend.port()) + "/"),
            {.environment = {"XDG_RUNTIME_DIR=" + kept.path(""), without_leak_check()}});
  const auto log_says = [&](const std::string& part) {
    return [&log, part] { return read_file(log.path("log")).find(part) != std::string::npos; };
  };
  host.initialize();
  check_holds(read_file(log.path("log")), "in a sandbox");
  check_holds(read_file(log.path("log")), "all below " + health.path("").substr(0, 8));
  host.expect_result(host.request("tools/list"));
  CHECK(!fs::is_empty(kept.path("a/b")));
  const std::string status = kept.path("mcp-ws-shim/" + std::to_string(host.pid()) + ".json");
  check_holds(read_file(status), R"("phase":"ready")");

  fs::create_directory(health.path("later"));
  write_file(health.path("later/health.json"), "{}");
  host.expect("a fresh health file", log_says("the health file is fresh"));

  backend.kill();
  host.expect("the loss", log_says("lost: "));
  fs::rename(log.path("log"), log.path("log.old"));
  host.shim().signal(SIGHUP);
  replace_private(token.path("token"), "new");
  const std::string archived = certificate.files.path("renewed.pem");
  write_file(archived, read_file(renewed.cert));
  fs::remove(ca);
  fs::create_symlink(archived, ca);
  backend.start(renewed.served() + Arguments{"--token", "new"});
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
  host.expect("a line in the new file", log_says("ready: "));
  host.close_input();
  CHECK(host.expect_exit() == 0);
  CHECK(!fs::exists(status));
}

TEST_CASE("sandbox: a log file that is a link into another directory can be opened anew") {
  if (!has_landlock()) return;
  const TempDir named, real;
  fs::create_symlink(real.path("log"), named.path("log"));
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--sandbox", "--log-file", named.path("log")} + backend.url());
  host.initialize();
  fs::rename(real.path("log"), real.path("log.old"));
  host.shim().signal(SIGHUP);
  host.expect("a new file", [&] { return fs::exists(real.path("log")); });
  backend.restart();
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
  check_holds(read_file(real.path("log")), "ready: ");
}

TEST_CASE(
    "sandbox: a health file that leads out of it is not read, and keeps nobody from anything") {
  if (!has_landlock()) return;
  const TempDir outside, health;
  write_file(outside.path("health.json"), "{}");
  fs::create_symlink(outside.path("health.json"), health.path("health.json"));
  Backend backend(Arguments{});
  const Arguments flags{"--health-file", health.path("health.json")};
  Host free_one(quick() + flags + backend.url());
  free_one.expect_log("the health file is fresh");
  Host host(quick() + flags + Arguments{"--sandbox"} + backend.url());
  host.expect_log("the health file is invalid");
  host.initialize();
}

TEST_CASE("sandbox: with several URLs each is reached, a Unix socket too") {
  if (!has_landlock()) return;
  Backend first(Arguments{}), second(Arguments{});
  Host host(quick() + Arguments{"--sandbox", "--url", first.url(), "--url", second.url()});
  host.initialize();
  first.kill();
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");

  Backend local;
  local.start({"--unix", local.file("socket")});
  Host other(quick() + Arguments{"--sandbox", "ws+unix://" + local.file("socket")});
  other.initialize();
}

}  // namespace e2e
