// Contract 2: every setting, from every place where it can be given.

#include "shim/options/options.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/environment.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace shim::test {
namespace {

/// What goes to a descriptor while this lives.
class Captured {
 public:
  Captured(int fd, std::FILE* stream)
      : fd_(fd), stream_(stream), before_(::dup(fd)), file_(std::tmpfile()) {
    std::fflush(stream_);
    ::dup2(::fileno(file_), fd_);
  }
  ~Captured() {
    ::dup2(before_, fd_);
    ::close(before_);
    std::fclose(file_);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  [[nodiscard]] std::string text() const {
    std::fflush(stream_);
    std::string out(1 << 16, '\0');
    const ssize_t count = ::pread(::fileno(file_), out.data(), out.size(), 0);
    out.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return out;
  }

 private:
  int fd_;
  std::FILE* stream_;
  int before_;
  std::FILE* file_;
};

struct Parsed {
  std::optional<Options> options;
  int status = 0;
  std::string out;
  std::string err;

  [[nodiscard]] const ShownSetting& shown(const std::string& name) const {
    const auto found = std::ranges::find(options->shown, name, &ShownSetting::name);
    REQUIRE(found != options->shown.end());
    return *found;
  }
};

Parsed parse(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"mcp-ws-shim"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  const Captured out(STDOUT_FILENO, stdout);
  const Captured err(STDERR_FILENO, stderr);
  ParsedOptions parsed = parse_options(static_cast<int>(argv.size()), argv.data());
  return {.options = std::move(parsed.options),
          .status = parsed.exit_status,
          .out = out.text() + parsed.text,
          .err = err.text()};
}

/// Exit 2, one printable line on stderr that holds this, nothing on stdout.
void check_refused(const Parsed& parsed, const std::string& part = {}) {
  CAPTURE(parsed.err);
  CHECK(parsed.status == 2);
  CHECK_FALSE(parsed.options.has_value());
  CHECK(parsed.out.empty());
  CHECK(parsed.err.starts_with("mcp-ws-shim: "));
  CHECK(parsed.err.size() < 600);
  CHECK(std::ranges::count(parsed.err, '\n') == 1);
  CHECK(std::ranges::all_of(parsed.err, [](char c) { return c == '\n' || (c >= 32 && c < 127); }));
  CHECK_MESSAGE(parsed.err.find(part) != std::string::npos, part);
}

std::string variable_for(std::string name) {
  std::ranges::transform(name, name.begin(), [](char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return "MCP_WS_SHIM_" + name;
}

/// One setting given in one place.
struct Place {
  const char* name;
  const char* origin;
};
constexpr std::array<Place, 6> places{{{"flag", "flag"},
                                       {"flag=", "flag"},
                                       {"environment", "environment"},
                                       {"env file", "env file"},
                                       {"config file", "config file"},
                                       {"profile", "config file"}}};

/// Files for a place, private as a token wants it.
class Given {
 public:
  Given(const Place& place, const std::string& name, const std::string& value)
      : place_(place.name), variable_(variable_for(name)) {
    const std::string line = name + " = \"" + value + "\"\n";
    if (place_ == "flag") {
      arguments_ = {"config", "--" + name, value};
    } else if (place_ == "flag=") {
      arguments_ = {"config", "--" + name + "=" + value};
    } else if (place_ == "environment") {
      environment_ = std::make_unique<Environment>(variable_.c_str(), value);
    } else if (place_ == "env file") {
      in_file("--env-file", variable_ + "=" + value + "\n");
    } else if (place_ == "config file") {
      in_file("--config", line);
    } else {
      in_file("--config", "[profile.other]\n[profile.mine]\n" + line);
      arguments_.insert(arguments_.end(), {"--profile", "mine"});
    }
  }

  [[nodiscard]] Parsed parsed() const { return parse(arguments_); }

 private:
  void in_file(const char* flag, const std::string& text) {
    write_text(files_ / "file", text);
    REQUIRE(::chmod((files_ / "file").c_str(), 0600) == 0);
    arguments_.insert(arguments_.end(), {flag, files_ / "file"});
  }

  std::string place_;
  std::string variable_;
  TemporaryDirectory files_;
  std::vector<std::string> arguments_{"config"};
  std::unique_ptr<Environment> environment_;
};

/// Whether a setting can be given there at all.
bool belongs(const std::string& name, bool is_toggle, const Place& place) {
  const std::string where = place.name;
  if (where == "flag" || where == "flag=")
    return name != "token" && name != "timeout" && !(is_toggle && where == "flag");
  if (where == "env file") return name != "env-file";
  if (where == "environment") return true;
  return name != "token" && name != "env-file" && name != "config" && name != "profile";
}

}  // namespace

TEST_CASE("options 2: every setting is heard from every place, and shown with where it is from") {
  const TemporaryDirectory files;
  for (const char* const file : {"token", "env", "toml"}) {
    write_text(files / file, std::string(file) == "token" ? "secret\n" : "");
    REQUIRE(::chmod((files / file).c_str(), 0600) == 0);
  }
  const std::map<std::string, std::string> values{
      {"url", "ws://127.0.0.1/"}, {"header", "X: y"},
      {"token", "secret"},        {"token-file", files / "token"},
      {"health-file", "/h"},      {"cache-dir", "/c"},
      {"log-file", "/l"},         {"env-file", files / "env"},
      {"config", files / "toml"}};
  const Parsed plain = parse({"config"});
  REQUIRE(plain.options.has_value());
  CHECK(plain.options->shown.size() > 40);
  int tried = 0;
  for (const auto& [name, fallback, origin] : plain.options->shown) {
    CAPTURE(name);
    CHECK(origin == "default");
    const auto given = values.find(name);
    const std::string value = given == values.end() ? fallback : given->second;
    if (value == "not set") continue;  // ca-file and the like: they want certificates
    const bool is_toggle = fallback == "true" || fallback == "false";
    for (const Place& place : places) {
      CAPTURE(place.name);
      if (!belongs(name, is_toggle, place)) continue;
      const Parsed parsed = Given(place, name, value).parsed();
      CAPTURE(parsed.err);
      REQUIRE(parsed.options.has_value());
      CHECK(parsed.err.empty());
      CHECK(parsed.shown(name).origin == place.origin);
      CHECK(parsed.shown(name).value.find("secret") == std::string::npos);
      ++tried;
    }
  }
  CHECK(tried > 200);
}

TEST_CASE("options 2: an absurd value of any setting, from any place, is one line and exit 2") {
  const Parsed plain = parse({"config"});
  REQUIRE(plain.options.has_value());
  for (const auto& [name, fallback, origin] : plain.options->shown) {
    const bool is_toggle = fallback == "true" || fallback == "false";
    const bool any_path = name == "cache-dir" || name == "log-file" || name == "health-file";
    for (const Place& place : places) {
      CAPTURE(name);
      CAPTURE(place.name);
      if (!belongs(name, is_toggle, place)) continue;
      const Parsed parsed = Given(place, name, "absurd@SEKRIT0123\x1b[1m\xff").parsed();
      if (any_path) {
        CHECK(parsed.options.has_value());
        CHECK(parsed.err.empty());
        continue;
      }
      check_refused(parsed);
      const bool is_path = name.ends_with("file") || name == "config" || name == "client-cert" ||
                           name == "client-key";
      CHECK((is_path || parsed.err.find("SEKRIT") == std::string::npos));
    }
  }
}

TEST_CASE("options 2: URLs are tried as they stand on the command line, with or without the flag") {
  const auto order = [](const std::vector<std::string>& arguments) {
    std::string all;
    const Parsed parsed = parse(arguments);
    REQUIRE(parsed.options.has_value());
    for (const Url& url : parsed.options->endpoints) all += url.host;
    return all;
  };
  CHECK(order({"ws://a", "--url", "ws://b", "ws://c", "--url=ws://d"}) == "abcd");
  CHECK(order({"--url", "ws://a", "ws://b", "--url", "ws://c"}) == "abc");
  CHECK(order({"config", "ws://a", "--url", "ws://b"}) == "ab");
  CHECK(order({"--url", "ws://a", "doctor", "ws://b", "--url", "ws://c"}) == "abc");
}

TEST_CASE("options 2: of a token, a file with one and a header the one from the strongest place") {
  const TemporaryDirectory files;
  const auto file = [&files](const char* name, const std::string& text) {
    write_text(files / name, text);
    REQUIRE(::chmod((files / name).c_str(), 0600) == 0);
    return files / name;
  };
  const std::string token_file = file("token", "of-the-file\n");
  const std::string config = file("toml", "header = [\"Authorization: Basic x\", \"X: y\"]\n");
  const std::string env = file("env", "MCP_WS_SHIM_TOKEN_FILE=" + token_file + "\n");
  const auto chosen = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"config", "ws://127.0.0.1/"});
    const Parsed parsed = parse(arguments);
    CAPTURE(parsed.err);
    REQUIRE(parsed.options.has_value());
    const Options& options = *parsed.options;
    for (const auto& [name, is_set] : {std::pair{"token", !options.token.empty()},
                                       std::pair{"token-file", !options.token_file.empty()}})
      CHECK((parsed.shown(name).origin == "default") != is_set);
    return options.token + (options.token_file.empty() ? "" : "file") +
           (options.authorises() ? "header" : "") + std::to_string(options.headers.size());
  };
  const std::vector<std::string> header{"--header", "authorization: Basic x", "--header", "X: y"};
  const auto in_files = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--config", config, "--env-file", env});
    return arguments;
  };
  CHECK(chosen({"--config", config}) == "header2");
  CHECK(chosen(in_files({})) == "file1");
  const auto chosen_with_token = [&](const std::vector<std::string>& arguments) {
    const Environment token("MCP_WS_SHIM_TOKEN", "secret");  // which is overwritten once it is read
    return chosen(arguments);
  };
  CHECK(chosen_with_token({}) == "secret0");
  CHECK(chosen_with_token({"--token-file", token_file}) == "file0");
  CHECK(chosen_with_token(header) == "header2");
  CHECK(chosen_with_token(in_files({})) == "secret1");
  CHECK(chosen_with_token(in_files(header)) == "header2");
  CHECK(chosen_with_token(in_files({"--token-file", token_file})) == "file1");

  std::vector<std::string> both{"config", "ws://127.0.0.1/", "--token-file", token_file};
  both.insert(both.end(), header.begin(), header.end());
  check_refused(parse(both), "give either a token or an Authorization header");
  const Environment token("MCP_WS_SHIM_TOKEN", "secret");
  const Environment file_too("MCP_WS_SHIM_TOKEN_FILE", token_file);
  check_refused(parse({"config", "ws://127.0.0.1/"}),
                "give either --token-file or MCP_WS_SHIM_TOKEN");
}

TEST_CASE("options 2: two Authorization headers are one too many") {
  check_refused(parse({"config", "ws://127.0.0.1/", "--header", "Authorization: Basic x",
                       "--header", "AUTHORIZATION: Basic y"}),
                "at most one Authorization header");
}

TEST_CASE("options 2: a switch with nothing behind its = wants true or false") {
  check_refused(parse({"--sandbox=", "ws://h"}), "--sandbox: must be true or false");
  check_refused(parse({"call", "--url", "ws://h", "x", "--notify="}),
                "--notify: must be true or false");
  CHECK(parse({"config", "--forward-heartbeats=true", "ws://h"}).options.has_value());
}

TEST_CASE("options 2: what libwebsockets would cut out of the request is refused") {
  const std::size_t uuid = 36;
  const auto path = [](std::size_t bytes) { return "/" + std::string(bytes - 1, 'p'); };
  const auto is_accepted = [](const std::string& url) {
    return parse({"config", url}).options.has_value();
  };
  CHECK(is_accepted("ws://h" + path(2032)));
  check_refused(parse({"config", "ws://h" + path(2033)}), "path and query are longer than 2032");
  CHECK(is_accepted("ws://h" + path(2032 - uuid) + "{session}"));
  check_refused(parse({"config", "ws://h" + path(2033 - uuid) + "{session}"}), "filled in");
  CHECK(is_accepted("ws://" + std::string(116, 'h') + ":80/"));
  check_refused(parse({"config", "ws://" + std::string(117, 'h') + ":80/"}),
                "host name and port are longer than 119");
}

TEST_CASE("options 2: flags of the commands, from the environment too, the last one counts") {
  const std::vector<std::string> call{"call", "--url", "ws://h", "x"};
  CHECK(parse(call).options->call.timeout == std::chrono::minutes(1));
  {
    const Environment timeout("MCP_WS_SHIM_TIMEOUT", "3s");
    const Environment notify("MCP_WS_SHIM_NOTIFY", "true");
    const Environment json("MCP_WS_SHIM_JSON", "1");
    CHECK(parse(call).options->call.timeout == std::chrono::seconds(3));
    CHECK(parse(call).options->call.notify);
    CHECK(parse({"status"}).options->json);
    CHECK(parse({"config", "ws://h"}).options->json);
    CHECK_FALSE(parse({"status", "--json=false"}).options->json);
    const Parsed metrics = parse({"status", "--prometheus"});
    REQUIRE(metrics.options.has_value());
    CHECK(metrics.options->prometheus);
    CHECK_FALSE(metrics.options->json);
  }
  {
    const TemporaryDirectory files;
    write_text(files / "env", "MCP_WS_SHIM_JSON=true\nMCP_WS_SHIM_WATCH=0\n");
    const Environment env_file("MCP_WS_SHIM_ENV_FILE", files / "env");
    CHECK(parse({"status"}).options->json);
    CHECK(parse({"ws://h"}).options.has_value());
    const Environment prometheus("MCP_WS_SHIM_PROMETHEUS", "1");
    CHECK_FALSE(parse({"status"}).options->json);
    CHECK(parse({"status"}).options->prometheus);
    const Parsed shown = parse({"config"});
    REQUIRE(shown.options.has_value());
    CHECK(std::ranges::find(shown.options->shown, "json", &ShownSetting::name) ==
          shown.options->shown.end());
  }
  check_refused(parse({"status", "--json", "--prometheus"}), "give either --json or --prometheus");
  std::vector<std::string> twice = call;
  twice.insert(twice.end(), {"--timeout", "1s", "--timeout", "2s", "--notify", "--notify"});
  const Parsed parsed = parse(twice);
  REQUIRE(parsed.options.has_value());
  CHECK(parsed.options->call.timeout == std::chrono::seconds(2));
  CHECK(parsed.options->call.notify);
  check_refused(parse({"call", "--url", "ws://h", "x", "--timeout", "0"}), "from 1ms to 24h");
  const Environment watch("MCP_WS_SHIM_WATCH", "SEKRIT");
  const Parsed bad = parse({"status"});
  check_refused(bad, "MCP_WS_SHIM_WATCH: must be true or false");
  CHECK(bad.err.find("SEKRIT") == std::string::npos);
}

TEST_CASE("options 2: a flag in the wrong place or shape is not called unknown") {
  check_refused(parse({"--ping-interval 5s", "ws://h"}),
                "--ping-interval and its value must be two arguments, or one with = between them");
  check_refused(parse({"--url ws://h"}), "--url and its value must be two arguments");
  check_refused(parse({"--json", "doctor", "ws://h"}),
                "--json goes behind the command that it is for: doctor, status, config");
  check_refused(parse({"doctor", "--watch", "ws://h"}), "the command that it is for: status");
  check_refused(parse({"--token", "SEKRIT", "ws://h"}),
                "no flag for the token itself; use --token-file or MCP_WS_SHIM_TOKEN");
  CHECK(parse({"--token", "SEKRIT", "ws://h"}).err.find("SEKRIT") == std::string::npos);
  check_refused(parse({"ws://h", "--ping-interval"}), "--ping-interval needs a value");
  check_refused(parse({"status", "--jsno"}), "unknown flag --jsno; see mcp-ws-shim status --help");
  check_refused(parse({"ws://h", "--jsno"}), "unknown flag --jsno; see mcp-ws-shim --help");
  check_refused(parse({"call", "--url", "ws://h", "tools/call", "{name:", "echo}"}),
                "too many arguments; quote the params: call tools/call '{");
  check_refused(parse({"call", "--url", "ws://h", "tools/list", "{}", "more"}),
                "too many arguments");
}

TEST_CASE("options 2: a token as people write it") {
  const auto token = [](const char* text) {
    const Environment variable("MCP_WS_SHIM_TOKEN", text);
    Parsed parsed = parse({"ws://127.0.0.1:1"});
    return parsed.options ? parsed.options->token : parsed.err;
  };
  CHECK(token("t0ken\r\n") == "t0ken");
  CHECK(token("two words") == "two words");
  const auto check = [&token](const char* text, const char* said) {
    CHECK(token(text).find(said) != std::string::npos);
  };
  check("two\nlines", "the token must be one line of visible ASCII");
  check("bEARER t0ken", "give the token without the word Bearer");
  check("t0ken ", "the token must not begin or end with a space");
  check(" t0ken", "the token must not begin or end with a space");
}

TEST_CASE("options 2: a variable that is no setting's is named by config and doctor alone") {
  const Environment misspelt("MCP_WS_SHIM_PING_INTERVALL", "SEKRIT");
  for (const char* command : {"config", "doctor"}) {
    const Parsed parsed = parse({command, "ws://h"});
    CHECK(parsed.options.has_value());
    CHECK(parsed.err.find("there is no setting MCP_WS_SHIM_PING_INTERVALL; it is ignored") !=
          std::string::npos);
    CHECK(parsed.err.find("SEKRIT") == std::string::npos);
  }
  CHECK(parse({"ws://h"}).err.empty());
}

TEST_CASE("options 2: what is said about a mistake leads on") {
  check_refused(parse({"docter", "ws://h"}), "'docter' is neither a URL");
  check_refused(parse({"docter", "ws://h"}), "doctor");
  check_refused(parse({"doctor"}), "write mcp-ws-shim doctor ws://");
  check_refused(parse({"--config", "/none\n\\"}), R"(/none\n\\: )");
  check_refused(parse({"-tSEKRIT", "ws://h"}), "unknown flag -t;");
  CHECK(parse({"-tSEKRIT", "ws://h"}).err.find("SEKRIT") == std::string::npos);
  check_refused(parse({"call", "--fooo"}), "unknown flag --fooo;");
  check_refused(parse({"call", "--url", "ws://h"}),
                "no method given; write mcp-ws-shim call --url");
  check_refused(parse({"--ping-interval", "99999h", "ws://h"}), "from 0 to 24h; write 250ms");
  check_refused(parse({"--max-message", "9999999GiB", "ws://h"}), "from 1KiB to 1GiB; write 512");
  check_refused(parse({"--queue-max", "99999999999999999999", "ws://h"}), "from 1 to 1000000");
  for (const char* const command : {"call", "doctor", "status", "config"}) {
    const Parsed version = parse({command, "--version"});
    CHECK(version.status == 0);
    CHECK(version.out.starts_with("mcp-ws-shim "));
    CHECK(version.err.empty());
  }
  CHECK(parse({"doctor", "--help"}).out.find("URL") != std::string::npos);
}

}  // namespace shim::test
