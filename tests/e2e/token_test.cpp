// Tokens: where they come from, where they go and where not (contract 2 and 11).

#include <doctest/doctest.h>
#include <poll.h>

#include <filesystem>

#include "backend.hpp"
#include "host.hpp"
#include "run.hpp"
#include "tcp_servers.hpp"

namespace e2e {
namespace {

namespace fs = std::filesystem;

/// As a sidecar that rotates it does.
void write_token(const std::string& path, const std::string& token) {
  replace_private(path, token + "\n");
}

}  // namespace

TEST_CASE("token: from the environment or a file it is sent as a bearer token") {
  Backend backend({"--token", "hunter2"});
  {
    Host host(quick() + backend.url(), {.environment = {"MCP_WS_SHIM_TOKEN=hunter2"}});
    host.initialize();
  }
  write_token(backend.file("token"), "hunter2");
  Host host(quick() + Arguments{"--token-file", backend.file("token")} + backend.url());
  host.initialize();
}

TEST_CASE("token: one with a space is sent as it is") {
  Backend backend({"--token", "two words"});
  write_token(backend.file("token"), "two words");
  Host host(quick() + Arguments{"--token-file", backend.file("token")} + backend.url());
  host.initialize();
}

TEST_CASE("token: the file is read again at each attempt") {
  Backend backend;
  backend.start({"--token", "old"});
  write_token(backend.file("token"), "old");
  Host host(quick() + Arguments{"--token-file", backend.file("token")} + backend.url());
  host.initialize();
  backend.kill();
  host.expect_log("lost: ");
  write_token(backend.file("token"), "new");
  backend.start({"--token", "new"});
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
}

TEST_CASE("token: a file that goes bad later fails attempts, and no more") {
  Backend backend;
  backend.start({"--token", "t"});
  write_token(backend.file("token"), "t");
  Host host(quick() + Arguments{"--token-file", backend.file("token")} + backend.url());
  host.initialize();
  fs::permissions(backend.file("token"), fs::perms::all);
  backend.restart({"--token", "t"});
  check_holds(host.expect_log("failed (attempt 1)"), "token: ");
  write_token(backend.file("token"), "t");
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
}

TEST_CASE("token: a file that cannot be trusted is refused at the start") {
  TempDir files;
  const std::string path = files.path("token");
  const auto refused = [](const std::string& file) {
    check_usage_error({"--token-file", file, "ws://127.0.0.1:1/"});
  };
  refused(path);
  refused(files.path(""));
  refused("/dev/zero");
  write_file(path, "hunter2");
  fs::permissions(path, fs::perms::owner_read | fs::perms::group_read);
  refused(path);
  for (const char* bad : {"", "  ", "caf\xc3\xa9", "a\nb", "a\rb"}) {
    write_token(path, bad);
    refused(path);
  }
  write_token(path, filler(9000, 'x'));
  refused(path);
  write_token(path, "good");
  fs::create_symlink(path, files.path("link"));
  refused(files.path("link"));
}

TEST_CASE("token: two from one place are one too many, else the stronger place counts") {
  TempDir files;
  const std::string path = files.path("token");
  write_token(path, "hunter2");
  check_usage_error({"ws://127.0.0.1:1/"},
                    {"MCP_WS_SHIM_TOKEN=t", "MCP_WS_SHIM_TOKEN_FILE=" + path});
  check_usage_error({"ws://127.0.0.1:1/"},
                    {"MCP_WS_SHIM_TOKEN=t", "MCP_WS_SHIM_HEADER=authorization: Basic x"});
  Backend backend({"--token", "hunter2"});
  for (const Arguments& stronger :
       {Arguments{"--token-file", path}, Arguments{"--header", "Authorization: Bearer hunter2"}}) {
    Host host(quick() + stronger + backend.url(), {.environment = {"MCP_WS_SHIM_TOKEN=another"}});
    host.initialize();
  }
}

TEST_CASE("token: an Authorization header is one, wherever it is said") {
  const std::vector<std::string> header{"MCP_WS_SHIM_HEADER=AUTHORIZATION: Basic hunter2"};
  check_usage_error({"ws://example.org/"}, header);
  check_usage_error({"--header", "Authorization: Bearer x", "ws://10.0.0.1/"});
  CHECK(run({"config", "ws://127.0.0.1/"}, header).status == 0);
  CHECK(run({"config", "wss://example.org/"}, header).status == 0);
  CHECK(run({"config", "--allow-plaintext-token", "ws://10.0.0.1/"}, header).status == 0);
  CHECK(run({"config", "--header", "X-Other: x", "ws://10.0.0.1/"}).status == 0);
}

TEST_CASE("token: it does not go unencrypted to another machine unless somebody insists") {
  const std::vector<std::string> token{"MCP_WS_SHIM_TOKEN=hunter2"};
  for (const char* url : {"ws://example.org/", "ws://10.0.0.1:8765/", "ws://[2001:db8::1]/",
                          "ws://127.example.org/", "ws://127.0.0.1.example.org/", "ws://127.1/",
                          "ws://127.0.0.1.2/", "ws://128.0.0.1/", "ws://localhost.example.org/"})
    check_usage_error({url}, token);
  check_usage_error({"wss://example.org/", "ws://example.org/"}, token);
  for (const char* url : {"ws://127.0.0.1/", "ws://127.8.9.1/", "ws://localhost/", "ws://[::1]/",
                          "wss://example.org/", "ws+unix:///tmp/x.sock"}) {
    CAPTURE(std::string(url));
    CHECK(run({"config", url}, token).status == 0);
  }
  CHECK(run({"config", "--allow-plaintext-token", "ws://10.0.0.1/"}, token).status == 0);
}

TEST_CASE("token 11: proxies that the environment names get nothing of it") {
  const Port port;
  const File proxy = listening_socket(port.number(), 16);
  const std::string where = "127.0.0.1:" + std::to_string(port.number());
  const std::vector<std::string> environment{"http_proxy=" + where, "socks_proxy=" + where,
                                             "MCP_WS_SHIM_TOKEN=hunter2"};
  Backend backend({"--token", "hunter2"});
  Host host(quick() + backend.url(), {.environment = environment});
  host.initialize();
  CHECK(run({"call", "--url", backend.url(), "tools/list"}, environment).status == 0);
  CHECK(run({"doctor", backend.url()}, environment).status == 0);
  pollfd asked{.fd = proxy.get(), .events = POLLIN, .revents = 0};
  CHECK(::poll(&asked, 1, 0) == 0);
}

TEST_CASE("token: nobody finds it in /proc, in logs, in the cache or in answers") {
  Backend backend;
  const std::string secret = "hunter2hunter2";
  backend.start({"--token", secret});
  const std::string cache = backend.file("cache");
  Host host(quick() +
                Arguments{"--log-level", "trace", "--offline", "cache", "--cache-dir", cache} +
                backend.url(),
            {.environment = {"MCP_WS_SHIM_TOKEN=" + secret}});
  host.initialize();
  host.expect_result(host.request("tools/list"));
  const int call = host.call("sleep", {{"ms", 60000}});
  host.wait_until(backend.has_received("tools/call"));
  backend.restart({"--token", "another"});
  host.expect_answer(call);
  host.expect_log("401");
  const std::string proc = "/proc/" + std::to_string(host.pid());
  for (const char* file : {"/cmdline", "/environ"})
    CHECK(read_file(proc + file).find(secret) == std::string::npos);
  for (const std::string& line : host.log()) CHECK(line.find(secret) == std::string::npos);
  for (const Line& line : host.lines()) CHECK(line.text.find(secret) == std::string::npos);
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(cache)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    CHECK(read_file(entry.path()).find(secret) == std::string::npos);
  }
  CHECK(files > 0);
}

}  // namespace e2e
