#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/time.hpp"

namespace shim {

/// Where the value of a setting came from, the strongest first (contract 2).
enum class Origin : std::uint8_t { flag, environment, env_file, config_file, fallback };

/// What a flag is called in the environment: `--foo-bar` is MCP_WS_SHIM_FOO_BAR.
[[nodiscard]] std::string variable_of(const std::string& flag);

/// One setting: how it is named, read and shown. Its flag `--foo-bar` is `MCP_WS_SHIM_FOO_BAR` in
/// the environment and in an env file, and `foo-bar` in a config file.
struct Setting {
  std::string flag;
  /// Stores one value and returns an error text, or an empty one.
  std::function<std::string(const std::string&)> parse;
  /// The present value without secrets, as it is: perhaps not printable.
  std::function<std::string()> show;
  /// Separates several values in one variable; '\0': the setting has one value.
  char separator = '\0';
  bool is_toggle = false;
  bool is_shown = true;  ///< by `config`
  CLI::Option* option = nullptr;
  CLI::Option* positional = nullptr;  ///< more values, without the flag; or none
  Origin origin = Origin::fallback;

  [[nodiscard]] std::string variable() const { return variable_of(flag); }
  [[nodiscard]] std::string key() const { return flag.substr(2); }
};

/// All settings. CLI11 reads the command line; values from elsewhere are applied afterwards, each
/// to its setting, by the same parsers.
class Flags {
 public:
  explicit Flags(CLI::App& app) : app_(app) {}

  using Parse = std::function<std::string(const std::string&)>;
  using Show = std::function<std::string()>;

  Setting& add(const std::string& flag, const std::string& value_name, const std::string& help,
               Parse parse, Show show);
  /// The same for one that may be given several times.
  Setting& add_list(const std::string& flag, const std::string& value_name, const std::string& help,
                    char separator, Parse parse, Show show);

  /// Arguments that are no flags, any number; for Setting::positional.
  CLI::Option* add_positional(const std::string& name, const std::string& value_name,
                              const std::string& help);

  void duration(const std::string& flag, Duration& target, Duration least, Duration most,
                const std::string& help);
  void size(const std::string& flag, std::size_t& target, std::size_t least, std::size_t most,
            const std::string& help);
  void count(const std::string& flag, std::size_t& target, std::size_t least, std::size_t most,
             const std::string& help);
  /// A flag without a value; elsewhere `true` or `false`.
  void toggle(const std::string& flag, bool& target, const std::string& help);

  template <typename Enum, std::size_t N>
  void choice(const std::string& flag, Enum& target,
              const std::array<std::pair<const char*, Enum>, N>& choices, const std::string& help) {
    std::string names;
    for (const auto& [name, value] : choices)
      names += (names.empty() ? "" : ", ") + std::string(name);
    const auto current = [&target, choices]() -> std::string {
      for (const auto& [name, value] : choices) {
        if (value == target) return name;
      }
      return {};
    };
    add(
        flag, "NAME", help + ": " + names + " [" + current() + "]",
        [&target, choices, names](const std::string& text) -> std::string {
          for (const auto& [name, value] : choices) {
            if (text != name) continue;
            target = value;
            return {};
          }
          return "must be one of " + names;
        },
        current);
  }

  [[nodiscard]] std::vector<Setting>& settings() { return settings_; }

 private:
  CLI::App& app_;
  std::vector<Setting> settings_;
};

}  // namespace shim
