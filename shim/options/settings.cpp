#include "shim/options/settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <string_view>
#include <utility>

#include "common/text.hpp"
#include "shim/io/certificate_files.hpp"
#include "shim/io/token.hpp"
#include "shim/options/placeholders.hpp"
#include "shim/options/usage_error.hpp"

namespace shim {
namespace {

using namespace std::chrono_literals;

std::string parse_jitter(const std::string& text, Jitter& jitter) {
  if (text == "full") {
    jitter = {Jitter::Kind::full, 0};
  } else if (text == "equal") {
    jitter = {Jitter::Kind::equal, 0};
  } else {
    double ratio = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, ratio, std::chars_format::fixed);
    const bool is_plain = text.find_first_not_of("0123456789.") == std::string::npos;
    if (!is_plain || error != std::errc() || rest != end || ratio > 1)
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

std::string show_jitter(const Jitter& jitter) {
  switch (jitter.kind) {
    case Jitter::Kind::full: return "full";
    case Jitter::Kind::equal: return "equal";
    case Jitter::Kind::ratio: break;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", jitter.ratio);
  return text.data();
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

/// libwebsockets 4.1.6 cuts the request line at 2,047 bytes and the line of the Host header at 127
/// (lws_generate_client_handshake), which no backend would understand.
std::string check_request_lines(const Url& url) {
  constexpr std::size_t path_max = 2047 - std::string_view("GET  HTTP/1.1\r\n").size();
  constexpr std::size_t host_max = 127 - std::string_view("Host: \r\n").size();
  if (url.path.size() > path_max)
    return "path and query are longer than " + std::to_string(path_max) +
           " bytes, placeholders filled in";
  if (url.host_header().size() > host_max)
    return "host name and port are longer than " + std::to_string(host_max) + " bytes";
  return {};
}

std::string parse_endpoint(const std::string& text, Options& options) {
  constexpr std::size_t endpoints_max = 16;
  if (options.endpoints.size() == endpoints_max) return "at most 16 URLs can be given";
  if (is_name(text))
    return shown_value(text) +
           " is neither a URL (ws://, wss://, ws+unix://) nor a command (call, doctor, status, "
           "config)";
  auto parsed = parse_url(text);
  if (auto* error = std::get_if<std::string>(&parsed)) return std::move(*error);
  Url url = std::get<Url>(std::move(parsed));
  // Everybody but the backend calls it by what was written: each process has its own values.
  options.core.endpoints.push_back(url.redacted());
  std::string error = fill_placeholders(url);
  if (error.empty()) error = check_request_lines(url);
  options.endpoints.push_back(std::move(url));
  return error;
}

/// A path is stored as it is; that there is something is all that can be known of it yet.
Flags::Parse path_parser(std::string& target) {
  return [&target](const std::string& text) -> std::string {
    if (text.empty()) return "must not be empty";
    target = text;
    return {};
  };
}

Flags::Show show_text(const std::string& text) {
  return [&text] { return text.empty() ? "not set" : text; };
}

void add_backend_flags(Flags& flags, Options& options) {
  Setting& url = flags.add_list(
      "--url", "URL", "the backend: ws://, wss:// or ws+unix:///path.sock; several: in order", ' ',
      [&options](const std::string& text) { return parse_endpoint(text, options); },
      [&options] {
        std::string all;
        for (const std::string& one : options.core.endpoints) all += (all.empty() ? "" : " ") + one;
        return all.empty() ? std::string("not set") : all;
      });
  // An option of its own, for it may take several at once: behind the flag comes only one.
  url.positional = flags.add_positional("url", "URL", "the same without the flag");
  flags.add_list(
      "--header", "'Name: value'", "further header of the upgrade request; repeatable", '\n',
      [&options](const std::string& text) { return parse_header(text, options); },
      [&options] {
        std::string names;
        for (const auto& [name, value] : options.headers)
          names += (names.empty() ? "" : ", ") + name + ": set";
        return names.empty() ? std::string("not set") : names;
      });
  flags.settings().push_back(
      {.flag = "--token",  // no flag: a command line is public
       .parse = [&options](const std::string& text) -> std::string {
         options.token = without_newline(text);
         return check_token(options.token);
       },
       .show = [&options] { return options.token.empty() ? "not set" : "set"; }});
  flags.add("--token-file", "PATH",
            "file with a token, sent as Authorization: Bearer; read anew "
            "at each attempt",
            path_parser(options.token_file), show_text(options.token_file));
  flags.toggle("--allow-plaintext-token", options.allow_plaintext_token,
               "send a token over ws:// to other machines too");
  flags.add(
      "--subprotocol", "NAME", "WebSocket subprotocol to offer; empty: none [mcp]",
      [&options](const std::string& text) { return parse_subprotocol(text, options); },
      [&options] { return options.subprotocol; });
  flags.add(
      "--ca-file", "PATH", "PEM certificates to trust instead of the system's (wss://)",
      [&options](const std::string& text) -> std::string {
        options.ca_file = text;
        return check_ca_file(text);
      },
      show_text(options.ca_file));
  flags.add("--client-cert", "PATH", "PEM certificate chain that the shim shows to the backend",
            path_parser(options.client_cert), show_text(options.client_cert));
  flags.add("--client-key", "PATH", "PEM key of that certificate", path_parser(options.client_key),
            show_text(options.client_key));
  flags.toggle("--sandbox", options.sandbox,
               "let the kernel keep the bridge from files and ports that it does not need (Linux)");
}

void add_link_flags(Flags& flags, Options& options) {
  Settings& core = options.core;
  flags.duration("--connect-timeout", core.connect_timeout, 10ms, 1h,
                 "lookup, TCP, TLS and upgrade together");
  flags.duration("--validate-timeout", core.validate_timeout, 10ms, 1h, "the first pong");
  flags.duration("--resume-timeout", core.resume_timeout, 10ms, 1h,
                 "taking the session up on a new link");
  flags.duration("--backoff-base", core.backoff.base, 1ms, 1h,
                 "base of the delay between attempts");
  flags.duration("--backoff-cap", core.backoff.cap, 1ms, 24h, "longest delay between attempts");
  flags.add(
      "--jitter", "KIND", "spread of the delays: full, equal, or a ratio from 0 to 1 [full]",
      [&core](const std::string& text) { return parse_jitter(text, core.backoff.jitter); },
      [&core] { return show_jitter(core.backoff.jitter); });
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

std::string show_keepalive(const KeepaliveModes& modes) {
  std::string text;
  if (modes.progress) text += ",progress";
  if (modes.log) text += ",log";
  if (modes.whitespace) text += ",whitespace";
  return text.empty() ? "off" : text.substr(1);
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
  flags.add(
      "--health-file", "PATH", "file in which the backend says that it is alive",
      [&options](const std::string& text) -> std::string {
        if (text.empty()) return "must not be empty";
        options.health_file = text;
        options.core.has_health_file = true;
        return {};
      },
      show_text(options.health_file));
  flags.duration("--health-max-age", core.health_max_age, 100ms, 168h,
                 "how long the health file may stay as it is");
  flags.duration("--request-timeout", core.request_timeout, 0s, 168h,
                 "longest silence about one request in flight; 0: no limit");
  flags.add(
      "--keepalive", "LIST",
      "how hosts are told that a request takes long: off, or any of progress, log, "
      "whitespace [progress]",
      [&core](const std::string& text) { return parse_keepalive(text, core.keepalive); },
      [&core] { return show_keepalive(core.keepalive); });
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
            path_parser(options.cache_dir), show_text(options.cache_dir));
  flags.duration(
      "--drain-timeout", core.drain_timeout, 0s, 1h,
      "how long pending requests may still be answered, and the last notifications may take to "
      "reach the backend, after the end of input");
}

std::string name_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace: return "trace";
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warn: return "warn";
    case LogLevel::error: return "error";
  }
  return {};
}

void add_log_flags(Flags& flags, Options& options) {
  flags.add(
      "--log-level", "NAME", "trace, debug, info, warn, error or off [info]",
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
      },
      [&log = options.log] { return log.off ? std::string("off") : name_of(log.level); });
  flags.add("--log-file", "PATH", "log there instead of to stderr (5 files of 10MiB, rotated)",
            path_parser(options.log.file),
            [&log = options.log] { return log.file.empty() ? "stderr" : log.file; });
  flags.choice("--log-format", options.log.format,
               std::to_array<std::pair<const char*, Log::Format>>(
                   {{"text", Log::Format::text}, {"json", Log::Format::json}}),
               "how log lines are written");
}

}  // namespace

void add_settings(Flags& flags, Options& options) {
  add_backend_flags(flags, options);
  add_link_flags(flags, options);
  add_liveness_flags(flags, options);
  add_message_flags(flags, options);
  add_log_flags(flags, options);
}

}  // namespace shim
