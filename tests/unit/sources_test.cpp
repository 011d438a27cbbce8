#include "shim/options/sources.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "environment.hpp"
#include "shim/options/settings.hpp"
#include "temporary_directory.hpp"

namespace shim {
namespace {

/// All settings as the program has them.
struct Settable {
  Options options;
  CLI::App app;
  Flags flags{app};

  Settable() {
    add_settings(flags, options);
    const auto ignore = [](const std::string&) { return ""; };
    for (const char* const flag : {"--config", "--env-file", "--profile"})
      flags.add(flag, "PATH", "", ignore, [] { return ""; });
  }
  const std::vector<Setting>& settings() { return flags.settings(); }
  void apply(const Source& source) { apply_sources({source}, flags.settings()); }
};

std::string usage_error_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

std::string env_error(const std::string& text) {
  Settable program;
  return usage_error_of([&] { static_cast<void>(env_text(text, "file", program.settings())); });
}

std::string config_error(const std::string& text) {
  Settable program;
  return usage_error_of([&] { program.apply(config_text(text, "file", "", program.settings())); });
}

/// The one header that an env file sets.
std::string header_in(const std::string& line) {
  Settable program;
  program.apply(env_text(line, "file", program.settings()));
  REQUIRE(program.options.headers.size() == 1);
  return program.options.headers.front().second;
}

}  // namespace

TEST_CASE("env file 2: a value is what a shell would make of it") {
  const std::string name = "MCP_WS_SHIM_HEADER=";
  CHECK(header_in(name + "X: a b") == "a b");
  CHECK(header_in(name + "X: a#b # c") == "a#b");
  CHECK(header_in(name + "X: a\t# c") == "a");
  CHECK(header_in(name + "\"X: a # b\" # c") == "a # b");
  CHECK(header_in(name + "'X: a\"b'#c") == "a\"b");
  CHECK(header_in(name + "X: \"q\"") == "\"q\"");
  CHECK(header_in("  export \t" + name + "X: a\r\n") == "a");
  CHECK(header_in(name + "X: 1\n" + name + "X: 2\n") == "2");
  for (const char* bad : {"\"hunter2", "'hunter2\"", "\"hunter2\" x", "\"a\" \"hunter2\"", "\""}) {
    const std::string error = env_error("MCP_WS_SHIM_TOKEN=" + std::string(bad));
    CHECK_MESSAGE(error.starts_with("file, line 1: "), bad);
    CHECK(error.find("hunter2") == std::string::npos);
  }
}

TEST_CASE("env file 2: an empty value means not set, but for the subprotocol") {
  Settable program;
  const Source source = env_text(
      "MCP_WS_SHIM_TOKEN=\nMCP_WS_SHIM_URL=''\nMCP_WS_SHIM_SUBPROTOCOL=\n"
      "MCP_WS_SHIM_REPLAY=never\nMCP_WS_SHIM_REPLAY= # again\n",
      "file", program.settings());
  CHECK(source.entries.size() == 1);
  CHECK(source.entries.contains("--subprotocol"));
  CHECK(source.secret.empty());
}

TEST_CASE("settings files 2: what stands in the wrong place is not repeated, its line is told") {
  const std::string secrets[] = {"Authorization: Bearer SEKRIT", "c2VjcmV0LXRva2Vu0",
                                 "SEKRITx9SEKRITx9"};
  for (const std::string& secret : secrets) {
    for (const std::string& text : {secret,
                                    secret + "=",
                                    secret + "==",
                                    secret + " = 1",
                                    "\"" + secret + "\",",
                                    "\"" + secret + "\" = 1",
                                    "[" + secret + "]",
                                    "[profile.\"" + secret + "\"]\nx = 1",
                                    "header = [\n\"" + secret + "\"\n\"" + secret + "\"\n]",
                                    "header: \"" + secret + "\"",
                                    "token: " + secret,
                                    "token = " + secret,
                                    "queue-max = \"" + secret + "\"",
                                    "ping-interval = \"" + secret + "\"",
                                    "max-message = " + secret,
                                    "replay = " + secret,
                                    "url = " + secret,
                                    "header = " + secret.substr(secret.find(':') + 1),
                                    "MCP_WS_SHIM_TOKEN=\"" + secret,
                                    "header = \"\"\"\n" + secret + "\n\"\"\""}) {
      CAPTURE(text);
      for (const std::string& error : {config_error("\n" + text), env_error("\n" + text)}) {
        CAPTURE(error);
        CHECK(error.starts_with("file, line "));
        CHECK(error.find(secret) == std::string::npos);
        CHECK(error.find("SEKRIT") == std::string::npos);
        CHECK(error.find("c2Vj") == std::string::npos);
      }
    }
  }
  CHECK(config_error("a = 1\n") == "file, line 1: unknown key a");
  CHECK(config_error("[profile.work]\nping_interval = 1\n") ==
        "file, line 2, [profile.work]: unknown key ping_interval");
  CHECK(config_error("\nping-interval = often\n")
            .starts_with("file, line 2: ping-interval: 'often'"));
  CHECK(env_error("MCP_WS_SHIM_PING_INTREVAL=1s") ==
        "file, line 1: unknown key MCP_WS_SHIM_PING_INTREVAL");
}

TEST_CASE("config file 2: keys that no config file can set, sections that are none, keys twice") {
  for (const char* bad :
       {"env-file = \"x\"", "config = \"x\"", "profile = \"x\"", "token = \"x\"", "[foo]",
        "[profile.a.b]", "[profile]\nreplay = \"safe\"", "[foo]\nreplay = \"safe\"", "=",
        "foo.replay = \"safe\"", "queue-max = 1\nqueue-max = 2", "queue-max = [1, 2]",
        "queue-max = []", "url = \"ws://a\"\nurl = \"ws://b\"", "url = []\nurl = [\"ws://b\"]",
        "header = \"A: b\"\nheader = \"C: d\""}) {
    CHECK_MESSAGE(!config_error(bad).empty(), bad);
  }
  CHECK(config_error("[profile.a]\nqueue-max = 1\n[profile.b]\nqueue-max = 2\n").empty());
}

TEST_CASE("config file 2: several URLs and headers, in each way to write them") {
  for (const char* text : {"url = [\n  \"ws://a\",\n  \"ws://b\", # second\n]\n",
                           "url = [\"ws://a\",\"ws://b\"]", "url = ws://a ws://b\n"}) {
    CAPTURE(text);
    Settable program;
    program.apply(config_text(text, "file", "", program.settings()));
    REQUIRE(program.options.endpoints.size() == 2);
    CHECK(program.options.endpoints[1].host == "b");
  }
  Settable program;
  program.apply(config_text("header = X: a, b\n", "file", "", program.settings()));
  REQUIRE(program.options.headers.size() == 1);
  CHECK(program.options.headers[0].second == "a, b");
}

TEST_CASE("settings 2: several in one variable, and nothing but white space for none") {
  Settable program;
  const auto given = [&](const std::string& value, const char* variable) {
    const test::Environment in_environment(variable, value);
    return environment(program.settings()).entries;
  };
  for (const char* const nothing : {" ", "  ", "\n", " \t\r\n"}) {
    CHECK(given(nothing, "MCP_WS_SHIM_URL").empty());
    CHECK(given(nothing, "MCP_WS_SHIM_HEADER").empty());
  }
  CHECK(given(" ", "MCP_WS_SHIM_SUBPROTOCOL").contains("--subprotocol"));
  CHECK(env_text("MCP_WS_SHIM_URL='  '\n", "file", program.settings()).entries.empty());
  using Values = std::vector<std::string>;
  CHECK(given(" ws://a  ws://b ", "MCP_WS_SHIM_URL").at("--url").values ==
        Values{"ws://a", "ws://b"});
  CHECK(given("A: b\r\nC: d\r\n", "MCP_WS_SHIM_HEADER").at("--header").values ==
        Values{"A: b", "C: d"});
}

TEST_CASE("settings files 2: a NUL byte is no text") {
  test::TemporaryDirectory files;
  Settable program;
  for (const char* const text : {"log-file = \"/a?b\"\n", "# ?\n"}) {
    std::string content = text;
    std::ranges::replace(content, '?', '\0');
    test::write_text(files / "toml", content);
    const std::string error = usage_error_of(
        [&] { static_cast<void>(config_file(files / "toml", "", program.settings())); });
    CHECK(error.find("NUL") != std::string::npos);
  }
}

TEST_CASE("settings files 2: a byte order mark is no part of them") {
  test::TemporaryDirectory files;
  Settable program;
  test::write_text(files / "toml", "\xef\xbb\xbfqueue-max = 5\n");
  test::write_text(files / "env", "\xef\xbb\xbfMCP_WS_SHIM_QUEUE_MAX=5\n");
  CHECK(config_file(files / "toml", "", program.settings()).entries.contains("--queue-max"));
  CHECK(env_file(files / "env", program.settings()).entries.contains("--queue-max"));
}

TEST_CASE("settings files 2: a secret makes a file private, also where it has no effect") {
  const std::string secret = "header = \"authorization: Bearer x\"\n";
  struct Row {
    std::string text;
    const char* named = "an Authorization header";
  };
  for (const auto& [text, named] :
       {Row{secret}, Row{secret + "queue-max = 5\n"}, Row{"[profile.other]\n" + secret},
        Row{secret + "[profile.work]\nheader = \"X: y\"\n"},
        Row{"header = \"Proxy-Authorization: x\"\n", "a Proxy-Authorization header"},
        Row{"header = [\"X: y\",\n\"Cookie: z\"]\n", "a Cookie header"}}) {
    CAPTURE(text);
    test::TemporaryDirectory files;
    Settable program;
    test::write_text(files / "toml", text + "[profile.work]\n");
    REQUIRE(::chmod((files / "toml").c_str(), 0644) == 0);
    const auto read = [&] {
      return usage_error_of(
          [&] { static_cast<void>(config_file(files / "toml", "work", program.settings())); });
    };
    CHECK(read().find(std::string(": it holds ") + named + ", but others") != std::string::npos);
    CHECK(read().find("chmod 600") != std::string::npos);
    REQUIRE(::chmod((files / "toml").c_str(), 0600) == 0);
    CHECK(read().empty());
  }
  Settable program;
  CHECK(env_text("MCP_WS_SHIM_TOKEN=x\nMCP_WS_SHIM_TOKEN=\n", "file", program.settings()).secret ==
        "a token");
}

}  // namespace shim
