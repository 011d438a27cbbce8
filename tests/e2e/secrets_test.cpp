// Contract 11: a secret goes to the backend and nowhere else.

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "backend.hpp"
#include "host.hpp"
#include "run.hpp"
#include "tcp_servers.hpp"

namespace e2e {
namespace {

namespace fs = std::filesystem;

// So unlike anything else that a part of one is enough.
const std::string token = "tok-5f0e2b7c91d84a36";
const std::string header_secret = "hdr-c4a1d09e7b3f5826";
const std::string query_secret = "qry-96b8e3f27d1a405c";

/// All that a shim and those who look at it have written, by name.
class Written {
 public:
  void add(const std::string& name, const std::string& text) {
    ++count_;
    for (const std::string& secret : {token, header_secret, query_secret}) {
      const bool found = text.find(secret.substr(4)) != std::string::npos;
      CHECK_MESSAGE(!found, secret.substr(0, 3) << " secret in " << name);
    }
    all_ += text;
  }
  void add_tree(const std::string& directory) {
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      add("the name of a file", entry.path().string());
      if (entry.is_regular_file()) add(entry.path().string(), read_file(entry.path().string()));
    }
  }
  void add_process(pid_t pid) {
    for (const char* const name : {"cmdline", "environ", "comm"}) {
      // The environment of a process that holds a secret is for root to read, if at all.
      add(name, read_file("/proc/" + std::to_string(pid) + "/" + name));
    }
  }

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const std::string& all() const { return all_; }

 private:
  std::size_t count_ = 0;
  std::string all_;
};

}  // namespace

TEST_CASE("secrets: nothing that is written, shown or answered holds one") {
  const TempDir secrets;  // what the user keeps
  const TempDir written;  // what the shim keeps
  Backend backend;
  replace_private(secrets.path("token"), token + "\n");
  replace_private(secrets.path("config.toml"),
                  "url = \"" + backend.url("/place?key=" + query_secret) + "\"\n");
  const std::vector<std::string> places{"XDG_RUNTIME_DIR=" + written.path(""),
                                        "TMPDIR=" + written.path(""),
                                        "XDG_CACHE_HOME=" + written.path("cache")};
  const std::vector<std::string> settings{"MCP_WS_SHIM_CONFIG=" + secrets.path("config.toml"),
                                          "MCP_WS_SHIM_TOKEN_FILE=" + secrets.path("token"),
                                          "MCP_WS_SHIM_HEADER=X-Api-Key: " + header_secret};
  auto environment = places;
  environment.insert(environment.end(), settings.begin(), settings.end());

  const auto as_wanted = [&](const std::string& wanted) {
    return Arguments{"--token", wanted, "--record-headers", secrets.path("headers")};
  };
  Written all;
  Host host(quick() + Arguments{"--log-level", "trace", "--log-file", written.path("log"),
                                "--offline", "cache"},
            {.environment = environment});
  const auto log_says = [&](const char* part) {
    return
        [&written, part] { return read_file(written.path("log")).find(part) != std::string::npos; };
  };
  const auto look = [&] {
    all.add_tree(written.path(""));
    all.add_process(host.pid());
    for (const char* const format : {"", "--json", "--prometheus"}) {
      const Outcome outcome =
          run(*format == '\0' ? Arguments{"status"} : Arguments{"status", format}, places);
      all.add("status", outcome.out + outcome.err);
    }
    const Outcome config = run({"config"}, environment);
    CHECK(config.status == 0);
    all.add("config", config.out + config.err);
  };

  host.expect("a refusal", log_says("refused"));
  look();
  backend.start(as_wanted("another"));
  host.expect("401", log_says("401"));
  look();
  backend.restart(as_wanted(token));
  host.shim().signal(SIGHUP);
  host.expect("a link", log_says("ready: "));
  host.initialize();
  host.expect_result(host.request("tools/list"));
  host.expect_text(host.call("echo", {{"text", "x"}}));
  look();
  const int lost = host.call("sleep", {{"ms", 60000}});
  host.expect("the call", backend.has_received("tools/call", 2));
  backend.kill();
  all.add("an error answer", host.expect_answer(lost).text);
  host.expect("another refusal", log_says("failed (attempt"));
  look();
  for (const Line& line : host.lines()) all.add("stdout", line.text);
  for (const std::string& line : host.log()) all.add("stderr", line);

  // That all this can fail: the secrets were in use, and there was something to find them in.
  const std::string sent = read_file(secrets.path("headers"));
  for (const std::string& secret : {token, header_secret, query_secret}) check_holds(sent, secret);
  CHECK(all.count() > 40);
  for (const char* const part : {"/place?key=", "outcome-unknown", "mcp_ws_shim_ready", "\"phase\"",
                                 "\"results\"", "--offline"})
    check_holds(all.all(), part);
}

TEST_CASE("secrets: a backend that repeats the token does not get it into logs or answers") {
  const TempDir places;
  RawServer server;
  Host host(quick() + Arguments{"--queue-timeout", "500ms", "--header", "X-Key: " + header_secret,
                                server.url()},
            {.environment = {"MCP_WS_SHIM_TOKEN=" + token, "XDG_RUNTIME_DIR=" + places.path("")}});
  const int id = host.request("tools/call", {{"name", "x"}});
  RawConnection connection = server.accept();
  check_holds(connection.upgrade(), token);
  connection.send_frame(Opcode::close, "\x11\x31no " + header_secret + " and no Bearer " + token);
  check_holds(host.expect_log("4401"), "(no ... and no Bearer ...)");
  Written all;
  all.add("an error answer", host.expect_answer(id).text);
  check_holds(all.all(), "4401");
  all.add_tree(places.path(""));
  for (const std::string& line : host.log()) all.add("stderr", line);
}

TEST_CASE(
    "secrets: nor does one that repeats a value of the URL or says it as method, id or name") {
  const TempDir places;
  RawServer server;
  const std::string decoded = "q y/" + query_secret;
  Host host(quick() + Arguments{"--log-level", "trace", "--offline", "cache", "--cache-dir",
                                places.path("cache"), "--queue-timeout", "300ms"},
            {.environment = {"MCP_WS_SHIM_URL=" + server.url() + "?" + header_secret +
                                 "&key=q%20y%2F" + query_secret + "&k=" + query_secret,
                             "MCP_WS_SHIM_TOKEN=" + token, "XDG_RUNTIME_DIR=" + places.path("")}});
  Written all;
  RawConnection connection = server.accept();
  connection.become_ready();
  all.add_process(host.pid());
  const int asked = host.request("initialize", {{"protocolVersion", "2025-11-25"},
                                                {"capabilities", Json::object()},
                                                {"clientInfo", {{"name", "x"}, {"version", "1"}}}});
  const Json request = Json::parse(connection.receive_text());
  for (const std::string& secret : {token, header_secret, query_secret}) {
    connection.send_text(Json{{"jsonrpc", "2.0"}, {"id", secret}, {"result", 1}}.dump());
    connection.send_text(Json{{"jsonrpc", "2.0"}, {"method", secret}}.dump());
  }
  // PHP writes slashes so.
  const std::string escaped = "q y\\/" + query_secret;
  connection.send_text(R"({"jsonrpc":"2.0","id":)" + request["id"].dump() +
                       R"(,"result":{"protocolVersion":"2025-11-25","capabilities":{},)"
                       R"("serverInfo":{"name":"x","version":"1"},"instructions":")" +
                       escaped + "\"}}");
  host.expect_result(asked);
  host.notify("notifications/initialized");
  host.expect_log("nothing is cached: the backend repeats a secret");
  connection.send_frame(Opcode::close, "\x11\x31" + header_secret + " " + decoded);
  check_holds(host.expect_log("4401"), "(... ...)");
  const int late = host.request("tools/list");
  RawConnection second = server.accept();
  second.become_ready();
  const Json again = Json::parse(second.receive_text());
  const Json result{{"protocolVersion", query_secret}, {"capabilities", Json::object()}};
  second.send_text(Json{{"jsonrpc", "2.0"}, {"id", again["id"]}, {"result", result}}.dump());
  host.expect_log("incompatible");
  all.add("an error answer", host.expect_answer(late).text);
  check_holds(all.all(), "last_error");
  all.add_tree(places.path(""));
  for (const std::string& line : host.log()) all.add("stderr", line);
}

TEST_CASE("secrets: a value in the URL alone is enough for the shim to leave no core dumps") {
  RawServer server;
  Host host(quick() + (server.url() + "?key=" + query_secret));
  server.accept().become_ready();
  host.expect_log("ready: ");
  const std::string limits = read_file("/proc/" + std::to_string(host.pid()) + "/limits");
  const std::size_t core = limits.find("Max core file size");
  REQUIRE(core != std::string::npos);
  const std::string line = limits.substr(core, limits.find('\n', core) - core);
  CHECK_MESSAGE(line.find("unlimited") == std::string::npos, line);
}

}  // namespace e2e
