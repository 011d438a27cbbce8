#include "shim/options/sources.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <string_view>

#include "common/text.hpp"
#include "shim/io/private_file.hpp"

namespace shim {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20U;

/// The values that one variable holds.
std::vector<std::string> split(const std::string& text, char separator) {
  if (separator == '\0') return {text};
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

bool holds_a_secret(const Source& source) {
  if (source.entries.contains("--token")) return true;
  const auto header = source.entries.find("--header");
  if (header == source.entries.end()) return false;
  return std::ranges::any_of(header->second.values, [](std::string value) {
    std::ranges::transform(value, value.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return value.starts_with("authorization") || value.starts_with("cookie");
  });
}

std::string read_file(const std::string& path) {
  auto file = read_plain_file(path, file_bytes_max);
  if (!file.error.empty()) throw UsageError(printable(path) + ": " + file.error);
  return std::move(file.text);
}

void check_secrecy(const std::string& path, const Source& source) {
  if (!holds_a_secret(source)) return;
  const std::string error = check_private(path);
  if (!error.empty()) throw UsageError(printable(path) + ": it holds a token, but " + error);
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

std::string_view unquote(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

/// Notes one `key = value` of a config file.
void add_config_item(const CLI::ConfigItem& item, const std::string& file,
                     const std::vector<Setting>& settings, Source& source) {
  const auto setting = std::ranges::find(settings, item.name, &Setting::key);
  if (setting == settings.end() || item.name == "config" || item.name == "profile" ||
      item.name == "token")
    throw UsageError(file + ": unknown key " + printable(item.name, 64));
  source.entries[setting->flag] = {.label = file + ": " + item.name, .values = item.inputs};
}

}  // namespace

Source command_line(const std::vector<Setting>& settings) {
  Source source{.origin = Origin::flag, .entries = {}};
  for (const Setting& setting : settings) {
    if (setting.option == nullptr) continue;
    auto values = setting.option->results();
    if (setting.positional != nullptr)
      std::ranges::copy(setting.positional->results(), std::back_inserter(values));
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
    // Set to nothing often means not set; only for this one it means something.
    if (value == nullptr || (*value == '\0' && setting.flag != "--subprotocol")) continue;
    source.entries[setting.flag] = {.label = name, .values = split(value, setting.separator)};
  }
  return source;
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
    const std::string_view key = trim(line.substr(0, equals));
    const Setting* const setting = find_by_variable(settings, key);
    if (setting == nullptr || setting->flag == "--env-file")
      throw UsageError(place + "unknown key " + printable(key, 64));
    source.entries[setting->flag] = {
        .label = place + std::string(key),
        .values = split(std::string(unquote(trim(line.substr(equals + 1)))), setting->separator)};
  }
  return source;
}

Source config_file(const std::string& path, const std::string& profile,
                   const std::vector<Setting>& settings) {
  Source source = config_text(read_file(path), printable(path), profile, settings);
  check_secrecy(path, source);
  return source;
}

/// CLI11 2.1 takes every # for the beginning of a comment, also inside quotes (TOML 1.0, Comment).
std::string without_comments(const std::string& text) {
  std::string out;
  char quote = '\0';
  char before = '=';  // the last that is no white space
  bool in_comment = false;
  for (const char c : text) {
    if (c == '\n') {
      quote = '\0';
      in_comment = false;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '#') {
      in_comment = true;
    } else if (!in_comment && (c == '"' || c == '\'') &&
               std::string_view("=[,").find(before) != std::string_view::npos) {
      quote = c;
    }
    if (c != ' ' && c != '\t') before = c;
    if (!in_comment) out += c;
  }
  return out;
}

Source config_text(const std::string& text, const std::string& name, const std::string& profile,
                   const std::vector<Setting>& settings) {
  Source source{.origin = Origin::config_file, .entries = {}};
  Source of_profile;
  bool has_profile = false;
  std::istringstream in(without_comments(text));
  std::vector<CLI::ConfigItem> items;
  try {
    CLI::ConfigTOML toml;
    toml.comment('\0');
    items = toml.from_config(in);
  } catch (const std::exception& error) {
    throw UsageError(name + ": " + printable(error.what(), 120));
  }
  for (const CLI::ConfigItem& item : items) {
    if (item.parents.empty()) {
      add_config_item(item, name, settings, source);
      continue;
    }
    if (item.parents.size() != 2 || item.parents.front() != "profile") {
      if (item.name == "++" || item.name == "--") continue;  // where a section begins and ends
      throw UsageError(name + ": sections are named [profile.NAME]");
    }
    const bool is_ours = item.parents.back() == profile;
    has_profile = has_profile || is_ours;
    if (item.name == "++" || item.name == "--") continue;
    // What is wrong in the others is wrong all the same.
    Source ignored;
    add_config_item(item, name, settings, is_ours ? of_profile : ignored);
  }
  if (!profile.empty() && !has_profile)
    throw UsageError(name + ": there is no section [profile." + printable(profile, 64) + "]");
  for (auto& [flag, entry] : of_profile.entries) source.entries[flag] = std::move(entry);
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
