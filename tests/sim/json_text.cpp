#include "tests/sim/json_text.hpp"

#include <algorithm>
#include <array>

namespace sim {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

/// `at` is a quote; returns what follows the closing one.
std::size_t skip_string(std::string_view text, std::size_t at) {
  ++at;
  while (true) {  // memchr, twice: most of what the judge reads is the inside of long strings
    const std::size_t quote = std::min(text.find('"', at), text.size());
    const std::size_t escape = text.substr(0, quote).find('\\', at);
    if (escape == std::string_view::npos) return std::min(quote + 1, text.size());
    at = std::min(escape + 2, text.size());
  }
}

/// The end of the value that starts at `at`.
std::size_t skip_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
    } else if (c == '{' || c == '[') {
      ++depth;
      ++at;
    } else if (depth > 0 && (c == '}' || c == ']')) {
      --depth;
      ++at;
    } else if (depth == 0) {
      return std::min(text.find_first_of(",]} \t\r\n", at), text.size());
    } else {
      ++at;
      continue;
    }
    if (depth == 0) return at;
  }
  return at;
}

/// `text` with `by` in the place of a part of it; unchanged if that is empty.
std::string replaced(std::string_view text, std::string_view part, std::string_view by) {
  if (part.empty()) return std::string(text);
  const auto at = static_cast<std::size_t>(part.data() - text.data());
  return std::string(text.substr(0, at)).append(by).append(text.substr(at + part.size()));
}

bool is_surrogate(std::string_view escape) {
  return escape.size() == 6 && escape.starts_with("\\u") &&
         (escape[2] == 'd' || escape[2] == 'D') &&
         std::string_view("89abcdefABCDEF").find(escape[3]) != std::string_view::npos;
}

constexpr std::size_t filler_kept = 256;

/// Long runs of one letter cut short. Neither what is valid nor what it means depends on their
/// length, and reading them would be most of a run.
std::string without_filler(std::string_view text) {
  std::string rest;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t step = std::min(filler_kept, text.size() - at);
    const std::string_view part = text.substr(at, step);
    rest.append(part);
    at += step;
    const char c = part.back();
    const bool filler = step == filler_kept && c >= 'a' && c <= 'z' &&
                        part.find_first_not_of(c) == std::string_view::npos;
    if (filler) at = std::min(text.find_first_not_of(c, at), text.size());
  }
  return rest;
}

Json parse_mild(std::string_view text) {
  if (text.find("\\ud") == std::string_view::npos && text.find("\\uD") == std::string_view::npos) {
    return Json::parse(text, nullptr, false);
  }
  std::string mild(text);
  for (std::size_t at = mild.find('\\'); at != std::string::npos; at = mild.find('\\', at + 2)) {
    if (is_surrogate(std::string_view(mild).substr(at, 6))) mild.replace(at, 6, "\\ufffd");
  }
  return Json::parse(mild, nullptr, false);
}

}  // namespace

Json parse(std::string_view text) {
  if (text.size() > 2 * filler_kept) return parse_mild(without_filler(text));
  return parse_mild(text);
}

std::vector<Member> members(std::string_view object) {
  std::vector<Member> found;
  std::size_t at = skip_space(object, 0);
  if (at >= object.size() || object[at] != '{') return found;
  at = skip_space(object, at + 1);
  while (at < object.size() && object[at] == '"') {
    const std::size_t key_end = skip_string(object, at);
    const std::string_view key = object.substr(at + 1, key_end - at - 2);
    at = skip_space(object, skip_space(object, key_end) + 1);  // past the colon
    const std::size_t value_end = skip_value(object, at);
    found.push_back({key, object.substr(at, value_end - at)});
    at = skip_space(object, value_end);
    if (at < object.size() && object[at] == ',') at = skip_space(object, at + 1);
  }
  return found;
}

std::string_view raw_member(std::string_view object, std::string_view key) {
  std::string_view value;
  for (const Member& member : members(object)) {
    if (member.key == key) value = member.value;
  }
  return value;
}

std::string_view raw_member(std::string_view object, std::string_view outer, std::string_view key) {
  return raw_member(raw_member(object, outer), key);
}

std::string with_id(std::string_view object, std::string_view id) {
  return replaced(object, raw_member(object, "id"), id);
}

std::string with_member(std::string_view object, std::string_view outer, std::string_view key,
                        std::string_view value) {
  return replaced(object, raw_member(object, outer, key), value);
}

std::vector<std::string_view> elements(std::string_view array) {
  std::vector<std::string_view> found;
  std::size_t at = skip_space(array, 0);
  if (at >= array.size() || array[at] != '[') return found;
  at = skip_space(array, at + 1);
  while (at < array.size() && array[at] != ']') {
    const std::size_t end = skip_value(array, at);
    found.push_back(array.substr(at, end - at));
    at = skip_space(array, end);
    if (at < array.size() && array[at] == ',') at = skip_space(array, at + 1);
  }
  return found;
}

bool stands_twice(std::string_view object) {
  static constexpr std::array<std::string_view, 5> watched{"jsonrpc", "id", "method", "result",
                                                           "error"};
  const std::vector<Member> all = members(object);
  return std::ranges::any_of(watched, [&all](std::string_view key) {
    return std::ranges::count(all, key, &Member::key) > 1;
  });
}

unsigned nesting(std::string_view text) {
  unsigned depth = 0;
  unsigned deepest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      continue;
    }
    if (c == '{' || c == '[') deepest = std::max(deepest, ++depth);
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return deepest;
}

std::uint64_t number_at(const Json& value, const char* outer, const char* key) {
  if (!value.is_object()) return 0;
  const auto object = value.find(outer);
  if (object == value.end() || !object->is_object()) return 0;
  const auto number = object->find(key);
  return number != object->end() && number->is_number_unsigned() ? number->get<std::uint64_t>() : 0;
}

std::string string_at(const Json& value, const char* key) {
  if (!value.is_object()) return {};
  const auto found = value.find(key);
  return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace sim
