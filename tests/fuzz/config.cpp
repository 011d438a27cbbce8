// Invariant: a file with settings gives values in range, or one clear line.

#include <CLI/CLI.hpp>

#include "common/text.hpp"
#include "shim/options/settings.hpp"
#include "shim/options/sources.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace shim;
using namespace std::chrono_literals;

/// All settings as the program has them, but for the one that looks into a file when it is set.
struct Program {
  Options options;
  CLI::App app;
  Flags flags{app};

  Program() {
    add_settings(flags, options);
    for (Setting& setting : flags.settings()) {
      if (setting.flag == "--ca-file") setting.parse = [](const std::string&) { return ""; };
    }
  }
};

void check_ranges(const Options& options) {
  const Settings& core = options.core;
  for (const Duration timeout :
       {core.connect_timeout, core.validate_timeout, core.resume_timeout, core.pong_timeout}) {
    SHIM_CHECK(timeout >= 10ms && timeout <= 1h);
  }
  SHIM_CHECK(core.backoff.base >= 1ms && core.backoff.cap >= 1ms && core.backoff.cap <= 24h);
  SHIM_CHECK(core.backoff.jitter.ratio >= 0 && core.backoff.jitter.ratio <= 1);
  SHIM_CHECK(core.keepalive_interval >= 10ms);
  SHIM_CHECK(core.queue_max >= 1 && core.queue_max <= 1'000'000);
  SHIM_CHECK(core.queue_bytes >= 1024 && core.max_message >= 1024);
  SHIM_CHECK(options.endpoints.size() <= 16);
  SHIM_CHECK(options.endpoints.size() == core.endpoints.size());
  SHIM_CHECK(options.subprotocol.size() <= 64);
  for (const auto& [name, value] : options.headers)
    SHIM_CHECK(!name.empty() && is_visible_ascii(name) && is_visible_ascii(value));
  SHIM_CHECK(is_visible_ascii(options.token));
}

/// That what `config` shows of a time, a size or a choice can be written back.
void check_shown(std::vector<Setting>& settings) {
  for (Setting& setting : settings) {
    const std::string shown = setting.show();
    const std::string type = setting.option == nullptr ? "" : setting.option->get_type_name();
    if (type != "TIME" && type != "SIZE" && type != "N" && type != "NAME" && type != "LIST" &&
        type != "KIND")
      continue;
    SHIM_CHECK(setting.parse(shown).empty());
    SHIM_CHECK(setting.show() == shown);
  }
}

}  // namespace

/// `e` and an env file's text, or `c`, a line with the profile and a config file's text.
FUZZ_TARGET(config) {
  fuzz::Bytes bytes(input);
  Program program;
  std::vector<Setting>& settings = program.flags.settings();
  try {
    Source source;
    if (bytes.byte() == 'e') {
      source = env_text(std::string(bytes.rest()), "file", settings);
    } else {
      const std::string profile(bytes.line());
      source = config_text(std::string(bytes.rest()), "file", profile, settings);
    }
    apply_sources({source}, settings);
  } catch (const UsageError& error) {
    SHIM_CHECK(fuzz::is_one_printable_line(error.what()));
    return;
  }
  check_ranges(program.options);
  check_shown(settings);
}
