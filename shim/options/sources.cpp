#include "shim/options/sources.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string_view>

#include "common/text.hpp"
#include "shim/io/small_file.hpp"
#include "shim/options/toml.hpp"

namespace shim {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20U;

/// The values that one variable holds.
std::vector<std::string> split(const std::string& text, char separator) {
  if (separator == '\0') return {text};
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) {
    if (separator == '\n' && part.ends_with('\r')) part.pop_back();
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

/// Set to nothing often means not set; only for this one it means something.
bool is_absent(std::string_view value, const Setting& setting) {
  const bool is_list = setting.separator != '\0';
  const bool is_empty =
      is_list ? value.find_first_not_of(" \t\r\n") == std::string_view::npos : value.empty();
  return is_empty && setting.flag != "--subprotocol";
}

/// What must stay private in these values, in words for a message; empty: nothing.
std::string secret_in(const Setting& setting, const std::vector<std::string>& values) {
  if (setting.flag == "--token") return "a token";
  if (setting.flag != "--header") return {};
  for (std::string value : values) {
    std::ranges::transform(value, value.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (value.starts_with("authorization")) return "an Authorization header";
    if (value.starts_with("proxy-authorization")) return "a Proxy-Authorization header";
    if (value.starts_with("cookie")) return "a Cookie header";
  }
  return {};
}

std::string read_file(const std::string& path) {
  auto file = read_small_file(path, file_bytes_max);
  if (file.error.empty() && file.text.find('\0') != std::string::npos)
    file.error = "it holds a NUL byte, so it is not text";
  if (!file.error.empty()) throw UsageError(printable(path) + ": " + file.error);
  static constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (file.text.starts_with(byte_order_mark)) file.text.erase(0, byte_order_mark.size());
  return std::move(file.text);
}

void check_secrecy(const std::string& path, const Source& source) {
  if (source.secret.empty()) return;
  const std::string error = check_private(path);
  if (!error.empty())
    throw UsageError(printable(path) + ": it holds " + source.secret + ", but " + error);
}

const Setting* find_by_variable(const std::vector<Setting>& settings, std::string_view name) {
  const auto found = std::ranges::find(settings, name, &Setting::variable);
  return found == settings.end() ? nullptr : &*found;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// What a shell would make of what stands behind the `=`.
std::string env_value(std::string_view text, const std::string& place) {
  const std::string_view trimmed = trim(text);
  if (trimmed.empty()) return {};
  const char quote = trimmed.front();
  if (quote != '"' && quote != '\'') {
    for (std::size_t hash = text.find('#'); hash != std::string_view::npos;
         hash = text.find('#', hash + 1)) {
      if (hash > 0 && (text[hash - 1] == ' ' || text[hash - 1] == '\t'))
        return std::string(trim(text.substr(0, hash)));
    }
    return std::string(trimmed);
  }
  const std::size_t close = trimmed.find(quote, 1);
  if (close == std::string_view::npos) throw UsageError(place + "a quote is not closed");
  const std::string_view behind = trim(trimmed.substr(close + 1));
  if (!behind.empty() && behind.front() != '#')
    throw UsageError(place + "nothing but a comment may follow the closing quote");
  return std::string(trimmed.substr(1, close - 1));
}

/// Where an item of a config file stands, for messages.
std::string place_of(const TomlItem& item, const std::string& file) {
  std::string place = file + ", line " + std::to_string(item.line);
  if (item.section.size() == 2 && is_name(item.section.back()))
    place += ", [profile." + item.section.back() + "]";
  return place + ": ";
}

/// Notes one `key = value` of a config file.
void add_config_item(TomlItem item, const std::string& file, const std::vector<Setting>& settings,
                     Source& source) {
  const std::string place = place_of(item, file);
  const auto setting = std::ranges::find(settings, item.key, &Setting::key);
  if (item.key == "token")
    throw UsageError(place + "the token itself does not belong here; give token-file");
  if (item.key == "config" || item.key == "profile" || item.key == "env-file")
    throw UsageError(place + item.key + " cannot be set in a config file");
  if (setting == settings.end())
    throw UsageError(place + (is_name(item.key) ? "unknown key " + item.key
                                                : "this key is the name of no setting"));
  if (item.is_bare && setting->separator != '\0')
    item.values = split(item.values.front(), setting->separator);
  if (source.secret.empty()) source.secret = secret_in(*setting, item.values);
  if (setting->separator == '\0' && item.values.size() != 1)
    throw UsageError(place + item.key + " takes one value");
  const bool is_first =
      source.entries
          .try_emplace(setting->flag,
                       Source::Entry{.label = place + item.key, .values = std::move(item.values)})
          .second;
  if (!is_first) throw UsageError(place + item.key + " is given twice");
}

/// The values of a flag and of arguments that need none, as they came.
std::vector<std::string> merged(const CLI::Option& flag, const CLI::Option& positional,
                                const std::vector<CLI::Option*>& order) {
  const std::vector<std::string>& with = flag.results();
  const std::vector<std::string>& without = positional.results();
  std::vector<std::string> values;
  auto next_with = with.begin();
  auto next_without = without.begin();
  for (const CLI::Option* const option : order) {
    if (option == &flag && next_with != with.end()) values.push_back(*next_with++);
    if (option == &positional && next_without != without.end()) values.push_back(*next_without++);
  }
  values.insert(values.end(), next_with, with.end());
  values.insert(values.end(), next_without, without.end());
  return values;
}

}  // namespace

Source command_line(const std::vector<Setting>& settings, const std::vector<CLI::Option*>& order) {
  Source source{.origin = Origin::flag, .entries = {}};
  for (const Setting& setting : settings) {
    if (setting.option == nullptr) continue;
    auto values = setting.option->results();
    if (setting.positional != nullptr) values = merged(*setting.option, *setting.positional, order);
    if (values.empty()) continue;
    if (setting.separator == '\0') values = {values.back()};  // said twice, the last word counts
    source.entries[setting.flag] = {.label = setting.flag, .values = std::move(values)};
  }
  return source;
}

Source environment(const std::vector<Setting>& settings) {
  Source source{.origin = Origin::environment, .entries = {}};
  for (const Setting& setting : settings) {
    const std::string name = setting.variable();
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr || is_absent(value, setting)) continue;
    source.entries[setting.flag] = {.label = name, .values = split(value, setting.separator)};
  }
  return source;
}

std::vector<std::string> unknown_variables(const std::vector<Setting>& settings) {
  std::vector<std::string> unknown;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (name.starts_with("MCP_WS_SHIM_") && find_by_variable(settings, name) == nullptr)
      unknown.push_back(printable(name, 80));
  }
  return unknown;
}

Source env_file(const std::string& path, const std::vector<Setting>& settings) {
  Source source = env_text(read_file(path), printable(path), settings);
  check_secrecy(path, source);
  return source;
}

Source env_text(const std::string& text, const std::string& name,
                const std::vector<Setting>& settings) {
  Source source{.origin = Origin::env_file, .entries = {}};
  std::istringstream lines(text);
  unsigned number = 0;
  for (std::string raw; std::getline(lines, raw);) {
    ++number;
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::string place = name + ", line " + std::to_string(number) + ": ";
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos)
      throw UsageError(place + "write it as MCP_WS_SHIM_NAME=value");
    std::string_view key = trim(line.substr(0, equals));
    if (key.starts_with("export ") || key.starts_with("export\t")) key = trim(key.substr(7));
    const Setting* const setting = find_by_variable(settings, key);
    if (setting == nullptr || setting->flag == "--env-file")
      throw UsageError(place + (is_name(key) ? "unknown key " + std::string(key)
                                             : "write it as MCP_WS_SHIM_NAME=value"));
    const std::string value = env_value(line.substr(equals + 1), place);
    source.entries.erase(setting->flag);
    if (is_absent(value, *setting)) continue;
    Source::Entry entry{.label = place + std::string(key),
                        .values = split(value, setting->separator)};
    if (source.secret.empty()) source.secret = secret_in(*setting, entry.values);
    source.entries.emplace(setting->flag, std::move(entry));
  }
  return source;
}

Source config_file(const std::string& path, const std::string& profile,
                   const std::vector<Setting>& settings) {
  Source source = config_text(read_file(path), printable(path), profile, settings);
  check_secrecy(path, source);
  return source;
}

Source config_text(const std::string& text, const std::string& name, const std::string& profile,
                   const std::vector<Setting>& settings) {
  Source source{.origin = Origin::config_file, .entries = {}};
  std::map<std::string, Source> profiles;  // what is wrong in the others is wrong all the same
  for (TomlItem& item : read_toml(text, name)) {
    const std::vector<std::string>& section = item.section;
    if (!section.empty() && (section.front() != "profile" || section.size() > 2 ||
                             (section.size() == 1 && !item.key.empty())))
      throw UsageError(name + ", line " + std::to_string(item.line) +
                       ": sections are named [profile.NAME]");
    if (item.key.empty()) {  // a section begins; it is there even if nothing is in it
      if (section.size() == 2) profiles.try_emplace(section.back());
      continue;
    }
    Source& target = section.size() == 2 ? profiles[section.back()] : source;
    add_config_item(std::move(item), name, settings, target);
  }
  if (!profile.empty() && !profiles.contains(profile))
    throw UsageError(name + ": there is no section [profile." + printable(profile, 64) + "]");
  for (auto& [flag, entry] : profiles[profile].entries) source.entries[flag] = std::move(entry);
  for (const auto& [ignored, one] : profiles) {
    if (source.secret.empty()) source.secret = one.secret;
  }
  return source;
}

void apply_sources(const std::vector<Source>& sources, std::vector<Setting>& settings) {
  for (Setting& setting : settings) {
    for (const Source& source : sources) {
      const auto entry = source.entries.find(setting.flag);
      if (entry == source.entries.end()) continue;
      const auto& [label, values] = entry->second;
      if (values.size() > 1 && setting.separator == '\0')
        throw UsageError(label + ": takes one value");
      for (const std::string& value : values) {
        const std::string error = setting.parse(value);
        if (!error.empty()) throw UsageError(std::string(label).append(": ").append(error));
      }
      setting.origin = source.origin;
      break;
    }
  }
}

}  // namespace shim
