#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace backend {

/// Keeps the order of members, so that what goes out reads as it was written down here.
using Json = nlohmann::ordered_json;

/// Never throws: bytes that are no UTF-8 become U+FFFD.
inline std::string to_text(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

/// The member `key` of `object`, or null if it is no object or has no such member.
inline const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

inline std::string string_or(const Json& value, std::string fallback) {
  return value.is_string() ? value.get<std::string>() : std::move(fallback);
}

/// Numbers out of range and values that are no number give the nearer bound or the fallback.
inline long number_or(const Json& value, long fallback, long min, long max) {
  if (!value.is_number()) return fallback;
  const double number = value.get<double>();
  if (!(number > static_cast<double>(min))) return min;
  if (number > static_cast<double>(max)) return max;
  return value.get<long>();
}

}  // namespace backend
