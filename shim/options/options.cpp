#include "shim/options/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <sstream>
#include <string_view>

#include "common/text.hpp"
#include "common/units.hpp"
#include "shim/io/certificate_files.hpp"
#include "shim/io/landlock.hpp"
#include "shim/io/libraries.hpp"
#include "shim/io/log.hpp"
#include "shim/io/secrets.hpp"
#include "shim/io/standard_stream.hpp"
#include "shim/io/tls.hpp"
#include "shim/io/token.hpp"
#include "shim/options/settings.hpp"
#include "shim/options/sources.hpp"
#include "shim/version.hpp"

namespace shim {
namespace {

using namespace std::chrono_literals;

constexpr const char* description =
    "An always-up bridge between an IDE's stdio and a WebSocket MCP daemon.\n"
    "Put it as the command of a stdio MCP server; it reconnects for ever.";

/// $XDG_CACHE_HOME/mcp-ws-shim or ~/.cache/mcp-ws-shim (XDG Base Directory Specification); empty if
/// the user has neither.
std::string default_cache_dir() {
  const char* const xdg = std::getenv("XDG_CACHE_HOME");
  if (xdg != nullptr && *xdg == '/') return std::string(xdg) + "/mcp-ws-shim";
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return std::string(home) + "/.cache/mcp-ws-shim";
  return {};
}

bool is_credential(const std::pair<std::string, std::string>& header) {
  return is_authorization(header.first);
}

/// What the settings say together. Throws UsageError.
void check_together(const Options& options) {
  if (options.core.backoff.cap < options.core.backoff.base)
    throw UsageError("--backoff-cap must not be less than --backoff-base");
  if (options.sandbox && landlock_version() == 0)
    throw UsageError("--sandbox: this kernel has no Landlock (Linux 5.13); leave it out");
  if (options.client_cert.empty() != options.client_key.empty())
    throw UsageError("--client-cert and --client-key go together");
  if (!options.client_cert.empty()) {
    const std::string error = check_client_cert(options.client_cert, options.client_key);
    if (!error.empty()) throw UsageError(error);
  }
  if (options.command == Command::bridge && !options.log.file.empty()) {
    const std::string error = check_log_file(options.log.file);
    if (!error.empty()) throw UsageError(error);
  }
  if (std::ranges::count_if(options.headers, is_credential) > 1)
    throw UsageError("at most one Authorization header can be given");
  if (!options.has_token() && !options.authorises()) return;
  if (options.command != Command::doctor) {  // to which that is one of its steps
    const std::string error = Token(options.token, options.token_file).read().error;
    if (!error.empty()) throw UsageError(error);
  }
  for (std::size_t i = 0; i < options.endpoints.size(); ++i) {
    if (options.endpoints[i].tls || options.endpoints[i].is_loopback()) continue;
    if (options.allow_plaintext_token) continue;
    throw UsageError("a token would go unencrypted to " + options.core.endpoints[i] +
                     "; use wss:// or, if you must, --allow-plaintext-token");
  }
}

/// The upgrade request must fit into the 16 KiB in which libwebsockets puts it together (loop.cpp),
/// else no attempt would ever get further. Throws UsageError.
void check_upgrade_size(const Options& options) {
  constexpr std::size_t most = std::size_t{14} << 10U;  // and what comes with any request
  std::size_t bytes = 0;
  for (const auto& [name, value] : options.headers) bytes += name.size() + value.size() + 4;
  if (options.has_token()) bytes += Token(options.token, options.token_file).read().token.size();
  std::size_t longest = 0;
  for (const Url& url : options.endpoints) longest = std::max(longest, url.path.size());
  if (bytes + longest > most)
    throw UsageError(
        "the headers, the token and the path of the URL are longer than 14KiB together");
}

/// Nobody who looks at our environment later finds a secret there (proc(5)).
void forget_secret_variables() {
  const auto forget = [](char* secret) {
    if (secret != nullptr) std::memset(secret, '*', std::strlen(secret));
  };
  forget(std::getenv("MCP_WS_SHIM_TOKEN"));
  forget(std::getenv("MCP_WS_SHIM_HEADER"));
  char* const urls = std::getenv("MCP_WS_SHIM_URL");
  if (urls != nullptr) forget(std::strchr(urls, '?'));
}

const char* example(Command command) {
  switch (command) {
    case Command::call: return "call --url ws://127.0.0.1:8765 tools/list";
    case Command::doctor: return "doctor ws://127.0.0.1:8765";
    case Command::bridge:
    case Command::status:
    case Command::config: break;
  }
  return "ws://127.0.0.1:8765";
}

const char* name(Origin origin) {
  switch (origin) {
    case Origin::flag: return "flag";
    case Origin::environment: return "environment";
    case Origin::env_file: return "env file";
    case Origin::config_file: return "config file";
    case Origin::fallback: return "default";
  }
  return "?";
}

/// CLI11's own messages can have several lines and repeat what was typed. Ours are escaped already.
std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return is_visible_ascii(text) ? text : printable(text, 400);
}

/// CLI11 would repeat what was given for a flag that takes true or false only.
std::string no_boolean(const CLI::ConversionError& error) {
  const std::string text = error.what();  // "Could not convert: --json = often"
  const std::size_t flag = text.find("--");
  if (flag == std::string::npos) return "a flag must be true or false";
  return text.substr(flag, text.find_first_of(" :=", flag) - flag) + ": must be true or false";
}

/// CLI11 would speak of types that are required.
std::string no_value(const CLI::ArgumentMismatch& error) {
  const std::string text = error.what();  // "--jitter: 1 required KIND missing"
  return text.substr(0, text.find(':')) + " needs a value";
}

/// The arguments as CLI11 wants them, last one first. It takes `--flag=` for a flag whose value is
/// the next argument; here it is a flag with an empty value. Throws UsageError for one that takes
/// true or false only.
std::vector<std::string> arguments_for_cli11(int argc, const char* const* argv,
                                             const std::vector<Setting>& settings) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      const std::string flag = argument.substr(0, argument.size() - 1);
      const auto setting = std::ranges::find(settings, flag, &Setting::flag);
      if (setting != settings.end() && setting->is_toggle)
        throw UsageError(flag + ": must be true or false");
      arguments.push_back(flag);
      arguments.emplace_back();
    } else {
      arguments.push_back(argument);
    }
  }
  std::ranges::reverse(arguments);
  return arguments;
}

std::string version_text() {
  return std::string("mcp-ws-shim ") + program_version + "\n" + library_versions() + "\n" +
         compiled_in;
}

/// The program's command line: CLI11's view of it, and what it fills in.
class CommandLine {
 public:
  CommandLine();

  /// Throws CLI::ParseError, also for --help, and UsageError.
  void parse(int argc, const char* const* argv);

  /// What --help or --version asks for.
  [[nodiscard]] std::string answer(const CLI::Success& help) const;
  /// After a CLI::ExtrasError, in place of its own text.
  [[nodiscard]] std::string unexpected() const;
  [[nodiscard]] Options take() { return std::move(options_); }

 private:
  void add_commands();
  [[nodiscard]] std::string commands_with(const std::string& flag) const;
  void check_words_of_call();
  void read_sources();
  void choose_credentials();
  void choose_format();
  void show_settings();
  [[nodiscard]] Setting& setting(const char* flag);  ///< which there is

  Options options_;
  std::string config_, env_file_, profile_;
  CLI::App app_{description, "mcp-ws-shim"};
  Flags flags_{app_};
};

CommandLine::CommandLine() {
  options_.core.shim_version = program_version;
  app_.set_version_flag("--version", version_text);
  add_settings(flags_, options_);
  const auto add_text = [this](const char* flag, const char* value, const char* help,
                               std::string& target) {
    flags_.add(
        flag, value, help,
        [&target](const std::string& text) -> std::string {
          target = text;
          return text.empty() ? "must not be empty" : "";
        },
        [&target] { return target.empty() ? "not set" : target; });
  };
  add_text("--config", "PATH", "TOML file with settings: ping-interval = \"15s\"", config_);
  add_text("--env-file", "PATH", "file with settings: MCP_WS_SHIM_PING_INTERVAL=15s", env_file_);
  add_text("--profile", "NAME", "section [profile.NAME] of the config file that overrides the rest",
           profile_);
  add_commands();
  app_.footer("Every flag --foo-bar is also read from the environment as MCP_WS_SHIM_FOO_BAR.");
}

std::string CommandLine::answer(const CLI::Success& help) const {
  std::ostringstream text;
  app_.exit(help, text, text);
  return text.str();
}

/// A misspelt flag may hold a secret, behind its `=` or as the next argument.
std::string CommandLine::unexpected() const {
  std::string help = "; see mcp-ws-shim ";
  for (const CLI::App* const command : app_.get_subcommands()) help += command->get_name() + " ";
  help += "--help";
  constexpr bool in_commands_too = true;
  const std::vector<std::string> arguments = app_.remaining(in_commands_too);
  const auto argument = std::ranges::find_if(
      arguments, [](const std::string& text) { return text.starts_with('-'); });
  if (argument == arguments.end()) return "there is an argument too many" + help;
  const std::string flag = argument->starts_with("--")
                               ? argument->substr(0, argument->find_first_of("=: "))
                               : argument->substr(0, 2);  // what else is there is its value
  if (!is_name(flag)) return "a flag is unknown" + help;
  if (flag == "--token")
    return "there is no flag for the token itself; use --token-file or MCP_WS_SHIM_TOKEN";
  if (const std::string commands = commands_with(flag); !commands.empty())
    return flag + " goes behind the command that it is for: " + commands;
  if (app_.get_option_no_throw(flag) != nullptr)
    return flag + " and its value must be two arguments, or one with = between them";
  return "unknown flag " + flag + help;
}

/// The commands that have a flag which mcp-ws-shim itself does not have.
std::string CommandLine::commands_with(const std::string& flag) const {
  std::string names;
  if (app_.get_option_no_throw(flag) != nullptr) return names;
  for (const CLI::App* const command : app_.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_option_no_throw(flag) == nullptr) continue;
    names += (names.empty() ? "" : ", ") + command->get_name();
  }
  return names;
}

void CommandLine::add_commands() {
  app_.require_subcommand(0, 1);
  const auto add = [this](const char* name, const char* help, Command command) {
    CLI::App* const sub = app_.add_subcommand(name, help);
    sub->fallthrough();
    sub->set_version_flag("--version", version_text);
    sub->footer(command == Command::doctor || command == Command::config
                    ? "URLs and all flags of mcp-ws-shim --help can be given too."
                    : "All flags of mcp-ws-shim --help can be given too.");
    sub->parse_complete_callback([this, command] { options_.command = command; });
    return sub;
  };
  // A setting as the others, but one that means nothing to the bridge.
  const auto add_switch = [this](CLI::App* sub, const char* flag, bool& target, const char* help) {
    Flags of_command(*sub);
    of_command.toggle(flag, target, help);
    of_command.settings().back().is_shown = false;
    flags_.settings().push_back(std::move(of_command.settings().back()));
  };
  CLI::App* const call =
      add("call", "send one request to the backend and print its result", Command::call);
  // Not as required: CLI11 would miss it even where a misspelt flag is the mistake.
  call->add_option("method", options_.call.method, "for example tools/list");
  call->add_option("params", options_.call.params, "JSON; - reads it from stdin");
  add_switch(call, "--notify", options_.call.notify, "send a notification; wait for no answer");
  Flags of_call(*call);
  of_call.duration("--timeout", options_.call.timeout, 1ms, 24h, "longest wait for the answer");
  std::ranges::move(of_call.settings(), std::back_inserter(flags_.settings()));
  CLI::App* const doctor = add("doctor", "check a backend step by step", Command::doctor);
  add_switch(doctor, "--json", options_.json, "one JSON object per URL");
  CLI::App* const status = add("status", "show every running shim of this user", Command::status);
  add_switch(status, "--json", options_.json, "one JSON array");
  add_switch(status, "--watch", options_.watch, "show it again and again");
  add_switch(status, "--prometheus", options_.prometheus, "text for a node exporter");
  CLI::App* const config =
      add("config", "show each setting and where it comes from", Command::config);
  add_switch(config, "--json", options_.json, "one JSON array");
}

void CommandLine::parse(int argc, const char* const* argv) {
  app_.parse(arguments_for_cli11(argc, argv, flags_.settings()));
  if (options_.command == Command::call) check_words_of_call();
  read_sources();
  choose_credentials();
  const Command command = options_.command;
  if (command == Command::status) choose_format();
  if (command == Command::call && options_.call.method.empty())
    throw UsageError(std::string("no method given; write mcp-ws-shim ") + example(command));
  if (options_.endpoints.empty() && command != Command::status && command != Command::config)
    throw UsageError(std::string("no backend given; write mcp-ws-shim ") + example(command));
  if (options_.cache_dir.empty()) options_.cache_dir = default_cache_dir();
  if (options_.ca_file.empty()) options_.ca_file = foreign_ca_file();
  options_.core.trace_messages = !options_.log.off && options_.log.level == LogLevel::trace;
  check_together(options_);
  check_upgrade_size(options_);
  if (command == Command::config || command == Command::doctor) show_settings();
}

/// JSON without quotes around it is several arguments to a shell. What stands behind the first of
/// them would be taken for URLs.
void CommandLine::check_words_of_call() {
  for (const std::string& text : setting("--url").positional->results()) {
    if (std::holds_alternative<std::string>(parse_url(text)))
      throw UsageError(
          R"(too many arguments; quote the params: call tools/call '{"name": "echo"}')");
  }
}

Setting& CommandLine::setting(const char* flag) {
  return *std::ranges::find(flags_.settings(), flag, &Setting::flag);
}

/// A token, a file with one and an Authorization header say the same thing: of several the one that
/// is given in the strongest place counts.
void CommandLine::choose_credentials() {
  Setting& token = setting("--token");
  Setting& token_file = setting("--token-file");
  const Origin header = options_.authorises() ? setting("--header").origin : Origin::fallback;
  const Origin strongest = std::min({token.origin, token_file.origin, header});
  if (strongest == Origin::fallback) return;
  if (token.origin == strongest && token_file.origin == strongest)
    throw UsageError("give either --token-file or MCP_WS_SHIM_TOKEN");
  if (header == strongest && (token.origin == strongest || token_file.origin == strongest))
    throw UsageError("give either a token or an Authorization header");
  const auto drop = [strongest](Setting& setting, std::string& value) {
    if (setting.origin == strongest) return;
    value.clear();
    setting.origin = Origin::fallback;
  };
  drop(token, options_.token);
  drop(token_file, options_.token_file);
  if (header != strongest) std::erase_if(options_.headers, is_credential);
}

/// Of two formats the one that is given in the stronger place counts.
void CommandLine::choose_format() {
  if (!options_.json || !options_.prometheus) return;
  const Origin json = setting("--json").origin;
  const Origin prometheus = setting("--prometheus").origin;
  if (json == prometheus) throw UsageError("give either --json or --prometheus");
  (json < prometheus ? options_.prometheus : options_.json) = false;
}

/// Each file is named by what is stronger than it.
void CommandLine::read_sources() {
  auto& settings = flags_.settings();
  std::vector<Source> sources{command_line(settings, app_.parse_order()), environment(settings)};
  const auto strongest = [&sources](const std::string& flag) -> std::string {
    for (const Source& source : sources) {
      const auto found = source.entries.find(flag);
      if (found != source.entries.end()) return found->second.values.back();
    }
    return {};
  };
  if (const std::string path = strongest("--env-file"); !path.empty())
    sources.push_back(env_file(path, settings));
  const std::string profile = strongest("--profile");
  if (const std::string path = strongest("--config"); !path.empty()) {
    sources.push_back(config_file(path, profile, settings));
  } else if (!profile.empty()) {
    throw UsageError("--profile needs a --config file");
  }
  apply_sources(sources, settings);
  forget_secret_variables();
}

void CommandLine::show_settings() {
  for (const std::string& name : unknown_variables(flags_.settings()))
    complain("there is no setting " + name + "; it is ignored");
  for (const Setting& setting : flags_.settings()) {
    if (setting.is_shown)
      options_.shown.push_back({setting.key(), setting.show(), name(setting.origin)});
  }
}

int usage_error(const std::string& text) {
  complain(one_line(text));
  return 2;
}

}  // namespace

bool Options::authorises() const { return std::ranges::any_of(headers, is_credential); }

bool Options::has_secret() const {
  return has_token() || !headers.empty() || !client_key.empty() ||
         std::ranges::any_of(endpoints, [](const Url& url) { return !url.query_values().empty(); });
}

ParsedOptions parse_options(int argc, const char* const* argv) {
  CommandLine line;
  try {
    line.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return {.text = line.answer(help)};
  } catch (const CLI::ExtrasError&) {
    return {.exit_status = usage_error(line.unexpected())};
  } catch (const CLI::ConversionError& error) {
    return {.exit_status = usage_error(no_boolean(error))};
  } catch (const CLI::ArgumentMismatch& error) {
    return {.exit_status = usage_error(no_value(error))};
  } catch (const CLI::ParseError& error) {
    return {.exit_status = usage_error(error.what())};
  } catch (const UsageError& error) {
    return {.exit_status = usage_error(error.what())};
  }
  return {.options = line.take()};
}

}  // namespace shim
