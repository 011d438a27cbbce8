#pragma once

#include <charconv>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace shim {

/// Escapes of lone surrogates, which are legal JSON (RFC 8259 § 7, § 8.2) but which nlohmann/json
/// refuses, become U+FFFD: what a JavaScript peer sends that cuts a text in the middle of an emoji.
[[nodiscard]] inline std::string without_surrogates(std::string_view text) {
  const auto unit = [](std::string_view at) -> unsigned {
    if (at.size() < 6 || at[0] != '\\' || at[1] != 'u') return 0;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(at.data() + 2, at.data() + 6, value, 16);
    return error == std::errc() && end == at.data() + 6 ? value : 0;
  };
  std::string out(text);
  for (std::size_t at = out.find('\\'); at != std::string::npos; at = out.find('\\', at)) {
    const std::string_view rest = std::string_view(out).substr(at);
    const unsigned first = unit(rest);
    const bool high = first >= 0xd800 && first < 0xdc00;
    const unsigned second = high && rest.size() > 6 ? unit(rest.substr(6)) : 0;
    if (high && second >= 0xdc00 && second < 0xe000) {
      at += 12;
    } else if (first >= 0xd800 && first < 0xe000) {
      out.replace(at, 6, "\\ufffd");
      at += 6;
    } else {
      at += 2;
    }
  }
  return out;
}

/// The value of a text that the Reader has found valid. Discarded for what has no C++ value
/// (1e999).
template <typename Json = nlohmann::json>
[[nodiscard]] Json json_value(std::string_view text) {
  Json value = Json::parse(text, nullptr, false);
  if (!value.is_discarded() || text.find("\\u") == std::string_view::npos) return value;
  return Json::parse(without_surrogates(text), nullptr, false);
}

}  // namespace shim
