#include "shim/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "common/text.hpp"
#include "common/units.hpp"
#include "shim/io/libraries.hpp"
#include "shim/io/tls.hpp"
#include "shim/version.hpp"

namespace shim {
namespace {

using namespace std::chrono_literals;

constexpr const char* description =
    "An always-up bridge between an IDE's stdio and a WebSocket MCP daemon.\n"
    "Put it as the command of a stdio MCP server; it reconnects for ever.";

/// The environment name of a flag: --foo-bar is MCP_WS_SHIM_FOO_BAR.
std::string environment_name(std::string_view flag) {
  std::string name = "MCP_WS_SHIM_";
  for (const char c : flag.substr(2)) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

/// Adds flags to a CLI11 app: each takes its text to a value of its own type, is known by its
/// environment name too, and complains in one line.
class Flags {
 public:
  explicit Flags(CLI::App& app) : app_(app) {}

  /// `parse` stores the value and returns an error text, or an empty one.
  CLI::Option* add(const std::string& flag, const std::string& value_name, const std::string& help,
                   std::function<std::string(const std::string&)> parse) {
    return app_
        .add_option_function<std::string>(
            flag,
            [flag, parse = std::move(parse)](const std::string& text) {
              const std::string error = parse(text);
              if (!error.empty()) throw CLI::ValidationError(flag, error);
            },
            help)
        ->type_name(value_name)
        ->envname(environment_name(flag));
  }

  void duration(const std::string& flag, Duration& target, Duration least, Duration most,
                const std::string& help) {
    add(flag, "TIME", help + " [" + format_duration(target) + "]",
        [&target, least, most](const std::string& text) -> std::string {
          const auto value = parse_duration(text);
          if (!value) return "'" + printable(text, 40) + "' is no duration; write 250ms, 10s or 2m";
          if (*value < least || *value > most)
            return "must be from " + format_duration(least) + " to " + format_duration(most);
          target = *value;
          return {};
        });
  }

  void size(const std::string& flag, std::size_t& target, std::size_t least, std::size_t most,
            const std::string& help) {
    add(flag, "SIZE", help + " [" + format_size(target) + "]",
        [&target, least, most](const std::string& text) -> std::string {
          const auto value = parse_size(text);
          if (!value) return "'" + printable(text, 40) + "' is no size; write 512, 64KiB or 16MiB";
          if (*value < least || *value > most)
            return "must be from " + format_size(least) + " to " + format_size(most);
          target = *value;
          return {};
        });
  }

  /// A flag without a value; in the environment `true` or `1`, `false` or `0`.
  void toggle(const std::string& flag, bool& target, const std::string& help) {
    app_.add_flag(flag, target, help)->envname(environment_name(flag));
  }

  void count(const std::string& flag, std::size_t& target, std::size_t least, std::size_t most,
             const std::string& help) {
    add(flag, "N", help + " [" + std::to_string(target) + "]",
        [&target, least, most](const std::string& text) -> std::string {
          std::size_t value = 0;
          const char* const end = text.data() + text.size();
          const auto [rest, error] = std::from_chars(text.data(), end, value);
          if (error != std::errc() || rest != end) return "must be a whole number";
          if (value < least || value > most)
            return "must be from " + std::to_string(least) + " to " + std::to_string(most);
          target = value;
          return {};
        });
  }

  template <typename Enum, std::size_t N>
  void choice(const std::string& flag, Enum& target,
              const std::array<std::pair<const char*, Enum>, N>& choices, const std::string& help) {
    std::string names;
    std::string current;
    for (const auto& [name, value] : choices) {
      names += (names.empty() ? "" : ", ") + std::string(name);
      if (value == target) current = name;
    }
    add(flag, "NAME", help + ": " + names + " [" + current + "]",
        [&target, choices, names](const std::string& text) -> std::string {
          for (const auto& [name, value] : choices) {
            if (text != name) continue;
            target = value;
            return {};
          }
          return "must be one of " + names;
        });
  }

 private:
  CLI::App& app_;
};

std::string parse_jitter(const std::string& text, Jitter& jitter) {
  if (text == "full") {
    jitter = {Jitter::Kind::full, 0};
  } else if (text == "equal") {
    jitter = {Jitter::Kind::equal, 0};
  } else {
    char* end = nullptr;
    const double ratio = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(ratio >= 0 && ratio <= 1))
      return "must be full, equal or a ratio from 0 to 1";
    jitter = {Jitter::Kind::ratio, ratio};
  }
  return {};
}

/// Headers that belong to the opening handshake itself (RFC 6455 § 4.1).
bool is_reserved(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name == "host" || name == "upgrade" || name == "connection" || name == "content-length" ||
         name == "transfer-encoding" || name.starts_with("sec-websocket-");
}

std::string parse_header(const std::string& text, Options& options) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0) return "write it as 'Name: value'";
  const std::string name = text.substr(0, colon);
  const bool is_token = std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!is_token) return "the header name holds characters that no header name has";
  if (is_reserved(name)) return "the header " + name + " belongs to the handshake itself";
  std::string value = text.substr(colon + 1);
  value.erase(0, value.find_first_not_of(' '));
  if (!is_visible_ascii(value)) return "the value of " + name + " must be visible ASCII";
  options.headers.emplace_back(name, value);
  return {};
}

std::string parse_subprotocol(const std::string& text, Options& options) {
  const bool plain = std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
  if (!plain || text.size() > 64) return "must be up to 64 letters, digits, dots, - and _";
  options.subprotocol = text;
  return {};
}

void add_connection_flags(Flags& flags, Options& options) {
  flags
      .add("--header", "'Name: value'", "further header of the upgrade request; repeatable",
           [&options](const std::string& text) { return parse_header(text, options); })
      ->take_all()
      ->trigger_on_parse();
  flags.add("--subprotocol", "NAME", "WebSocket subprotocol to offer; empty: none [mcp]",
            [&options](const std::string& text) { return parse_subprotocol(text, options); });
  flags.add("--ca-file", "PATH", "PEM certificates to trust instead of the system's (wss://)",
            [&options](const std::string& text) -> std::string {
              options.ca_file = text;
              return check_ca_file(text);
            });
  Settings& core = options.core;
  flags.duration("--connect-timeout", core.connect_timeout, 10ms, 1h,
                 "lookup, TCP, TLS and upgrade together");
  flags.duration("--validate-timeout", core.validate_timeout, 10ms, 1h, "the first pong");
  flags.duration("--resume-timeout", core.resume_timeout, 10ms, 1h,
                 "taking the session up on a new link");
  flags.duration("--backoff-base", core.backoff.base, 1ms, 1h,
                 "base of the delay between attempts");
  flags.duration("--backoff-cap", core.backoff.cap, 1ms, 24h, "longest delay between attempts");
  flags.add("--jitter", "KIND", "spread of the delays: full, equal, or a ratio from 0 to 1 [full]",
            [&core](const std::string& text) { return parse_jitter(text, core.backoff.jitter); });
  flags.duration("--min-uptime", core.min_uptime, 0s, 24h,
                 "how long a link must stay ready before the delays start afresh");
}

std::string parse_keepalive(const std::string& text, KeepaliveModes& modes) {
  KeepaliveModes chosen{.progress = false};
  if (text != "off") {
    std::string_view rest = text;
    for (;;) {
      const std::size_t comma = rest.find(',');
      const std::string_view mode = rest.substr(0, comma);
      if (mode == "progress") {
        chosen.progress = true;
      } else if (mode == "log") {
        chosen.log = true;
      } else if (mode == "whitespace") {
        chosen.whitespace = true;
      } else {
        return "must be off, or any of progress, log, whitespace with commas between";
      }
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  modes = chosen;
  return {};
}

void add_liveness_flags(Flags& flags, Options& options) {
  Settings& core = options.core;
  flags.duration("--ping-interval", core.ping_interval, 0s, 24h,
                 "silence after which the backend is pinged; 0: never");
  flags.duration("--pong-timeout", core.pong_timeout, 10ms, 1h,
                 "how long any byte may take after that");
  flags.duration("--stall-timeout", core.stall_timeout, 0s, 168h,
                 "longest silence with requests in flight; 0: no limit");
  flags.duration("--busy-timeout", core.busy_timeout, 0s, 168h,
                 "the same while the health file is fresh; 0: no limit");
  flags.duration("--heartbeat-timeout", core.heartbeat_timeout, 0s, 168h,
                 "how long heartbeats may be missing once they came; 0: for ever");
  flags.toggle("--forward-heartbeats", core.forward_heartbeats,
               "let the host see the backend's heartbeats");
  flags.toggle("--request-heartbeats", core.request_heartbeats,
               "ask the backend for log level debug, at which heartbeats come");
  flags.add("--health-file", "PATH", "file in which the backend says that it is alive",
            [&options](const std::string& text) -> std::string {
              if (text.empty()) return "must not be empty";
              options.health_file = text;
              options.core.has_health_file = true;
              return {};
            });
  flags.duration("--health-max-age", core.health_max_age, 100ms, 168h,
                 "how long the health file may stay as it is");
  flags.duration("--request-timeout", core.request_timeout, 0s, 168h,
                 "longest silence about one request in flight; 0: no limit");
  flags.add("--keepalive", "LIST",
            "how hosts are told that a request takes long: off, or any of progress, log, "
            "whitespace [progress]",
            [&core](const std::string& text) { return parse_keepalive(text, core.keepalive); });
  flags.duration("--keepalive-interval", core.keepalive_interval, 10ms, 1h,
                 "after how long the host is told again");
}

void add_message_flags(Flags& flags, Options& options) {
  Settings& core = options.core;
  flags.duration("--queue-timeout", core.queue_timeout, 0s, 24h,
                 "longest wait of a request that cannot be sent; 0: no limit");
  flags.count("--queue-max", core.queue_max, 1, 1'000'000,
              "messages waiting for the backend at most");
  flags.size("--queue-bytes", core.queue_bytes, 1024, std::size_t{1} << 30U,
             "bytes waiting in either direction at most");
  flags.size("--max-message", core.max_message, 1024, std::size_t{1} << 30U,
             "longest message in either direction");
  flags.choice("--replay", core.replay,
               std::to_array<std::pair<const char*, Replay>>(
                   {{"safe", Replay::safe}, {"never", Replay::never}, {"always", Replay::always}}),
               "which requests in flight are sent again after a loss");
  flags.choice("--tool-errors", core.tool_errors,
               std::to_array<std::pair<const char*, ToolErrors>>(
                   {{"result", ToolErrors::result}, {"error", ToolErrors::error}}),
               "how a failed tools/call is answered");
  flags.choice(
      "--protocol", core.protocol,
      std::to_array<std::pair<const char*, Protocol>>(
          {{"auto", Protocol::automatic}, {"mcp", Protocol::mcp}, {"jsonrpc", Protocol::jsonrpc}}),
      "what meaning is read into messages");
  flags.choice("--offline", core.offline,
               std::to_array<std::pair<const char*, Offline>>(
                   {{"cache", Offline::cache}, {"wait", Offline::wait}}),
               "what hosts get while the backend has not come yet");
  flags.duration("--init-grace", core.init_grace, 0s, 1h,
                 "how long initialize and lists wait for the backend before the cache answers");
  flags.duration("--init-timeout", core.init_timeout, 0s, 1h,
                 "how long initialize waits when nothing is cached");
  flags.add("--cache-dir", "PATH", "where answers are cached [the user's cache directory]",
            [&options](const std::string& text) -> std::string {
              if (text.empty()) return "must not be empty";
              options.cache_dir = text;
              return {};
            });
  flags.duration("--drain-timeout", core.drain_timeout, 0s, 1h,
                 "how long pending requests may still be answered after the end of input");
}

void add_log_flags(Flags& flags, Options& options) {
  flags.add("--log-level", "NAME", "trace, debug, info, warn, error or off [info]",
            [&log = options.log](const std::string& text) -> std::string {
              static constexpr auto levels =
                  std::to_array<std::pair<const char*, LogLevel>>({{"trace", LogLevel::trace},
                                                                   {"debug", LogLevel::debug},
                                                                   {"info", LogLevel::info},
                                                                   {"warn", LogLevel::warn},
                                                                   {"error", LogLevel::error}});
              log.off = text == "off";
              for (const auto& [name, level] : levels) {
                if (text == name) log.level = level;
                if (text == name || log.off) return {};
              }
              return "must be one of trace, debug, info, warn, error, off";
            });
  flags.add("--log-file", "PATH", "log there instead of to stderr (5 files of 10MiB, rotated)",
            [&log = options.log](const std::string& text) -> std::string {
              log.file = text;
              return {};
            });
}

/// $XDG_CACHE_HOME/mcp-ws-shim or ~/.cache/mcp-ws-shim (XDG Base Directory Specification); empty if
/// the user has neither.
std::string default_cache_dir() {
  const char* const xdg = std::getenv("XDG_CACHE_HOME");
  if (xdg != nullptr && *xdg == '/') return std::string(xdg) + "/mcp-ws-shim";
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return std::string(home) + "/.cache/mcp-ws-shim";
  return {};
}

/// What can only be checked once all flags are known. Returns an error text, or an empty one.
std::string finish_options(Options& options, const std::vector<std::string>& urls) {
  if (urls.empty()) return "no backend given; write mcp-ws-shim ws://127.0.0.1:8765";
  if (urls.size() > 1) return "give exactly one backend URL";
  auto parsed = parse_url(urls.front());
  if (const auto* error = std::get_if<std::string>(&parsed)) return "--url: " + *error;
  options.endpoints.push_back(std::get<Url>(std::move(parsed)));
  options.core.endpoints.push_back(options.endpoints.back().redacted());
  options.core.shim_version = version;
  if (options.cache_dir.empty()) options.cache_dir = default_cache_dir();
  if (options.ca_file.empty()) options.ca_file = foreign_ca_file();
  if (options.core.backoff.cap < options.core.backoff.base)
    return "--backoff-cap must not be less than --backoff-base";
  return {};
}

/// CLI11's own messages can have several lines and repeat what was typed.
std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return printable(text, 400);
}

/// The arguments as CLI11 wants them, last one first. It takes `--flag=` for a flag whose value is
/// the next argument; here it is a flag with an empty value.
std::vector<std::string> arguments_for_cli11(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      arguments.push_back(argument.substr(0, argument.size() - 1));
      arguments.emplace_back();
    } else {
      arguments.push_back(argument);
    }
  }
  std::ranges::reverse(arguments);
  return arguments;
}

int usage_error(const std::string& text) {
  std::fprintf(stderr, "mcp-ws-shim: %s\n", one_line(text).c_str());
  return 2;
}

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
  Options options;
  options.subprotocol = "mcp";
  std::vector<std::string> urls;

  CLI::App app(description, "mcp-ws-shim");
  app.set_version_flag("--version", [] {
    return std::string("mcp-ws-shim ") + version + "\n" + library_versions() + "\n" + compiled_in;
  });
  app.add_option("--url,url", urls, "the backend: ws://, wss:// or ws+unix:///path.sock")
      ->type_name("URL")
      ->envname("MCP_WS_SHIM_URL");
  Flags flags(app);
  add_connection_flags(flags, options);
  add_liveness_flags(flags, options);
  add_message_flags(flags, options);
  add_log_flags(flags, options);
  app.footer("Every flag --foo-bar is also read from the environment as MCP_WS_SHIM_FOO_BAR.");

  try {
    app.parse(arguments_for_cli11(argc, argv));
  } catch (const CLI::Success& help) {
    return {.options = std::nullopt, .exit_status = app.exit(help)};
  } catch (const CLI::ParseError& error) {
    return {.options = std::nullopt, .exit_status = usage_error(error.what())};
  }
  const std::string error = finish_options(options, urls);
  if (!error.empty()) return {.options = std::nullopt, .exit_status = usage_error(error)};
  return {.options = std::move(options), .exit_status = 0};
}

}  // namespace shim
