#pragma once

#include <map>
#include <string>
#include <vector>

#include "shim/options/flags.hpp"
#include "shim/options/usage_error.hpp"

/// Where settings come from besides the command line (contract 2).
namespace shim {

/// Values by setting, and what to call each in an error message.
struct Source {
  struct Entry {
    std::string label;
    std::vector<std::string> values;
  };
  Origin origin = Origin::fallback;
  std::map<std::string, Entry> entries;  ///< by flag
  /// What must stay private and stands somewhere in the file, also where it has no effect; empty:
  /// nothing.
  std::string secret{};
};

/// What was given on the command line; `order` has each option once for each of its values.
[[nodiscard]] Source command_line(const std::vector<Setting>& settings,
                                  const std::vector<CLI::Option*>& order);

/// The process's environment. An empty variable counts as absent, and a list of nothing but white
/// space; not so an empty `--subprotocol`, which means none.
[[nodiscard]] Source environment(const std::vector<Setting>& settings);

/// Names of the environment that look like a setting's and are none's.
[[nodiscard]] std::vector<std::string> unknown_variables(const std::vector<Setting>& settings);

/// A file with lines `MCP_WS_SHIM_FOO_BAR=value`, as shells read them: `export` before it, quotes
/// around the value, and comments (` #`) are taken off; an empty value counts as it does there.
/// Throws UsageError for anything else, for names that are no setting, and for a file that holds a
/// secret and that others can read.
[[nodiscard]] Source env_file(const std::string& path, const std::vector<Setting>& settings);

/// The text of such a file, which is called `name` in error messages.
[[nodiscard]] Source env_text(const std::string& text, const std::string& name,
                              const std::vector<Setting>& settings);

/// A TOML file (see toml.hpp) with lines `foo-bar = value` and perhaps sections `[profile.NAME]`,
/// of which the one that is asked for overrides what stands before it. `profile` may be empty.
/// Throws like env_file().
[[nodiscard]] Source config_file(const std::string& path, const std::string& profile,
                                 const std::vector<Setting>& settings);

/// The text of such a file, which is called `name` in error messages.
[[nodiscard]] Source config_text(const std::string& text, const std::string& name,
                                 const std::string& profile, const std::vector<Setting>& settings);

/// Gives each setting the value of the first source that has one. Throws UsageError if that value
/// makes no sense.
void apply_sources(const std::vector<Source>& sources, std::vector<Setting>& settings);

}  // namespace shim
