#include "shim/options/flags.hpp"

#include <cctype>
#include <charconv>
#include <string_view>

#include "common/units.hpp"
#include "shim/options/usage_error.hpp"

namespace shim {

std::string variable_of(const std::string& flag) {
  std::string name = "MCP_WS_SHIM_";
  for (const char c : flag.substr(2)) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

Setting& Flags::add(const std::string& flag, const std::string& value_name, const std::string& help,
                    Parse parse, Show show) {
  CLI::Option* const option = app_.add_option(flag, help)->type_name(value_name);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  settings_.push_back(
      {.flag = flag, .parse = std::move(parse), .show = std::move(show), .option = option});
  return settings_.back();
}

Setting& Flags::add_list(const std::string& flag, const std::string& value_name,
                         const std::string& help, char separator, Parse parse, Show show) {
  Setting& setting = add(flag, value_name, help, std::move(parse), std::move(show));
  setting.separator = separator;
  setting.option->expected(1)->take_all();
  return setting;
}

CLI::Option* Flags::add_positional(const std::string& name, const std::string& value_name,
                                   const std::string& help) {
  return app_.add_option(name, help)->type_name(value_name)->expected(-1)->take_all();
}

void Flags::duration(const std::string& flag, Duration& target, Duration least, Duration most,
                     const std::string& help) {
  add(
      flag, "TIME", help + " [" + format_duration(target) + "]",
      [&target, least, most](const std::string& text) -> std::string {
        const auto value = parse_duration(text);
        if (!value || *value < least || *value > most)
          return shown_value(text) + " is not a duration from " + format_duration(least) + " to " +
                 format_duration(most) + "; write 250ms, 10s or 2m";
        target = *value;
        return {};
      },
      [&target] { return format_duration(target); });
}

void Flags::size(const std::string& flag, std::size_t& target, std::size_t least, std::size_t most,
                 const std::string& help) {
  add(
      flag, "SIZE", help + " [" + format_size(target) + "]",
      [&target, least, most](const std::string& text) -> std::string {
        const auto value = parse_size(text);
        if (!value || *value < least || *value > most)
          return shown_value(text) + " is not a size from " + format_size(least) + " to " +
                 format_size(most) + "; write 512, 64KiB or 16MiB";
        target = *value;
        return {};
      },
      [&target] { return format_size(target); });
}

void Flags::count(const std::string& flag, std::size_t& target, std::size_t least, std::size_t most,
                  const std::string& help) {
  add(
      flag, "N", help + " [" + std::to_string(target) + "]",
      [&target, least, most](const std::string& text) -> std::string {
        std::size_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data(), end, value);
        if (error != std::errc() || rest != end || value < least || value > most)
          return "must be a whole number from " + std::to_string(least) + " to " +
                 std::to_string(most);
        target = value;
        return {};
      },
      [&target] { return std::to_string(target); });
}

void Flags::toggle(const std::string& flag, bool& target, const std::string& help) {
  settings_.push_back({.flag = flag,
                       .parse = [&target](const std::string& text) -> std::string {
                         if (text != "true" && text != "false" && text != "1" && text != "0")
                           return "must be true or false";
                         target = text == "true" || text == "1";
                         return {};
                       },
                       .show = [&target] { return target ? "true" : "false"; },
                       .is_toggle = true,
                       .option = app_.add_flag(flag, help)});
}

}  // namespace shim
