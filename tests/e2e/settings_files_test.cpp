// Settings from files, their precedence, and `config` (contract 2).

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "backend.hpp"
#include "host.hpp"
#include "run.hpp"

namespace e2e {
namespace {

namespace fs = std::filesystem;

/// Value and origin of a setting as `config` shows it.
std::pair<std::string, std::string> shown(const Arguments& arguments, const std::string& name,
                                          const std::vector<std::string>& environment = {}) {
  const Outcome outcome = run(Arguments{"config", "--json"} + arguments, environment);
  CAPTURE(outcome.err);
  REQUIRE(outcome.status == 0);
  for (const Json& setting : Json::parse(outcome.out)) {
    if (setting["name"] == name) return {setting["value"], setting["origin"]};
  }
  FAIL("no such setting: " << name);
  return {};
}

void make_private(const std::string& path) {
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

using Shown = std::pair<std::string, std::string>;

}  // namespace

TEST_CASE("settings: flag, environment, env file, config file, default, in this order") {
  TempDir files;
  write_file(files.path("env"), "# comment\n\nMCP_WS_SHIM_PING_INTERVAL = '3s'\r\n");
  write_file(files.path("toml"), "ping-interval = \"4s\" # comment\n");
  Arguments arguments;
  CHECK(shown(arguments, "ping-interval") == Shown{"15s", "default"});
  arguments = arguments + Arguments{"--config", files.path("toml")};
  CHECK(shown(arguments, "ping-interval") == Shown{"4s", "config file"});
  arguments = arguments + Arguments{"--env-file", files.path("env")};
  CHECK(shown(arguments, "ping-interval") == Shown{"3s", "env file"});
  const std::vector<std::string> environment{"MCP_WS_SHIM_PING_INTERVAL=2s"};
  CHECK(shown(arguments, "ping-interval", environment) == Shown{"2s", "environment"});
  arguments = arguments + Arguments{"--ping-interval", "1s"};
  CHECK(shown(arguments, "ping-interval", environment) == Shown{"1s", "flag"});
}

TEST_CASE("settings: a # inside quotes is part of the value, and begins a comment elsewhere") {
  TempDir files;
  write_file(files.path("toml"),
             "# it's a comment\n"
             "log-file = \"a#b\" # \"c\"\n"
             "cache-dir = '/tmp/#d'#e\n"
             "subprotocol = chat # it's\n");
  const Arguments config{"--config", files.path("toml")};
  CHECK(shown(config, "log-file").first == "a#b");
  CHECK(shown(config, "cache-dir").first == "/tmp/#d");
  CHECK(shown(config, "subprotocol").first == "chat");
  // Set to nothing, the one variable for which that means something.
  CHECK(shown({}, "subprotocol", {"MCP_WS_SHIM_SUBPROTOCOL="}) == Shown{"", "environment"});
  CHECK(shown({}, "queue-max", {"MCP_WS_SHIM_QUEUE_MAX="}).second == "default");
}

TEST_CASE("settings: a profile overrides the rest of its file, and others do not") {
  TempDir files;
  write_file(files.path("toml"),
             "queue-max = 5\nreplay = \"never\"\nheader = [\"A: 1\", \"B: 2\"]\n"
             "[profile.home]\nqueue-max = 6\n[profile.work]\nqueue-max = 7\n");
  const Arguments config{"--config", files.path("toml")};
  CHECK(shown(config, "queue-max").first == "5");
  CHECK(shown(config + Arguments{"--profile", "work"}, "queue-max").first == "7");
  CHECK(shown(config + Arguments{"--profile", "work"}, "replay").first == "never");
  CHECK(shown(config + Arguments{"--profile", "home"}, "header").first == "A: set, B: set");
  CHECK(run(Arguments{"config"} + config + Arguments{"--profile", "play"}).status == 2);
  CHECK(run({"config", "--profile", "work"}).status == 2);
}

TEST_CASE("settings: the files can be named in the environment, and the config in the env file") {
  TempDir files;
  write_file(files.path("toml"), "queue-max = 5\n");
  write_file(files.path("env"), "MCP_WS_SHIM_CONFIG=" + files.path("toml") + "\n");
  CHECK(shown({}, "queue-max", {"MCP_WS_SHIM_ENV_FILE=" + files.path("env")}).first == "5");
}

TEST_CASE("settings: what is wrong with a file is one line and exit 2") {
  struct Row {
    const char* name;
    std::string flag;
    std::string content;
  };
  for (const Row& row :
       {Row{"unknown key", "--config", "no-such-thing = 1\n"},
        Row{"unknown key in another profile", "--config", "[profile.x]\nfoo = 1\n"},
        Row{"unknown section", "--config", "[server]\nreplay = \"safe\"\n"},
        Row{"bad value", "--config", "ping-interval = \"often\"\n"},
        Row{"two values for one", "--config", "queue-max = [1, 2]\n"},
        Row{"the token", "--config", "token = \"x\"\n"},
        Row{"a config in a config", "--config", "config = \"x\"\n"},
        Row{"unknown variable", "--env-file", "MCP_WS_SHIM_NO_SUCH_THING=1\n"},
        Row{"foreign variable", "--env-file", "PATH=/bin\n"},
        Row{"no variable", "--env-file", "hello\n"},
        Row{"bad value", "--env-file", "MCP_WS_SHIM_REPLAY=often\n"},
        Row{"huge", "--env-file", filler(2'000'000, '#')}}) {
    CAPTURE(std::string(row.name));
    TempDir files;
    write_file(files.path("file"), row.content);
    check_usage_error({row.flag, files.path("file"), "ws://127.0.0.1:1/"});
  }
  TempDir files;
  for (const char* flag : {"--config", "--env-file"}) {
    check_usage_error({flag, files.path("missing"), "ws://127.0.0.1:1/"});
    check_usage_error({flag, files.path(""), "ws://127.0.0.1:1/"});
    check_usage_error({flag, "/dev/zero", "ws://127.0.0.1:1/"});
  }
}

TEST_CASE("settings: a file with a token must be private") {
  TempDir files;
  for (const auto& [flag, content] :
       {std::pair{"--env-file", "MCP_WS_SHIM_TOKEN=hunter2\n"},
        std::pair{"--config", "header = \"Authorization: Bearer hunter2\"\n"}}) {
    const std::string path = files.path(flag + 2);
    write_file(path, content);
    const Outcome refused = run({"config", flag, path});
    CHECK(refused.status == 2);
    check_holds(refused.err, "chmod 600");
    make_private(path);
    const Outcome accepted = run({"config", flag, path});
    CHECK(accepted.status == 0);
    CHECK(accepted.out.find("hunter2") == std::string::npos);
    check_holds(accepted.out, flag == std::string("--config") ? "Authorization: set" : " set ");
  }
}

TEST_CASE("settings: config shows secrets as set or not set, and needs no backend") {
  const Outcome outcome = run({"config", "ws://127.0.0.1/p?key=hunter2", "--header", "X: hunter3"},
                              {"MCP_WS_SHIM_TOKEN=hunter4"});
  CHECK(outcome.status == 0);
  CHECK(outcome.out.find("hunter") == std::string::npos);
  check_holds(outcome.out, "token");
  const Outcome bare = run({"config"});
  CHECK(bare.status == 0);
  CHECK(std::ranges::count(bare.out, '\n') > 40);
}

TEST_CASE("settings 2: config --json holds what is so, and the table what a terminal can show") {
  const std::string path = "/jos\xc3\xa9\\x" + filler(300, '/');
  CHECK(shown({"--log-file", path}, "log-file").first == path);
  CHECK(shown({"--log-file", "/a\xff"}, "log-file").first == "/a\xef\xbf\xbd");
  const Outcome json = run({"config", "--json", "--log-file", path + "\x7f"});
  CHECK(std::ranges::all_of(json.out, [](char c) { return c == '\n' || (c >= 32 && c < 127); }));
  const Outcome table = run({"config", "--log-file", path + "\x1b[2J"});
  check_holds(table.out, R"(/jos\xc3\xa9\\x)" + filler(300, '/') + R"(\x1b[2J )");
}

TEST_CASE("settings: a whole session on a config file alone") {
  Backend backend(Arguments{});
  write_file(backend.file("shim.toml"), "url = \"" + backend.url() + "\"\n");
  Host host({"--config", backend.file("shim.toml")});
  host.initialize();
  CHECK(host.expect_text(host.call("echo", {{"text", "x"}})) == "x");
}

}  // namespace e2e
