#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

/// JSON as the simulator reads it: nlohmann::json for values, and a little scanner for spellings,
/// which a value does not keep. Shares nothing with the reader of the core, on purpose.
namespace sim {

using Json = nlohmann::json;

/// The value, or a discarded one if `text` is not one strictly valid UTF-8 JSON text. Escapes of
/// lone surrogates are legal (RFC 8259 § 7) though they mean nothing: they are read as U+FFFD.
[[nodiscard]] Json parse(std::string_view text);

/// One member of an object as it is spelled.
struct Member {
  std::string_view key;    ///< between the quotes
  std::string_view value;  ///< raw JSON
};

/// The members of the top-level object of a valid JSON text; nothing for any other value.
[[nodiscard]] std::vector<Member> members(std::string_view object);

/// The raw value of a top-level member of a valid JSON text; the last one if it stands several
/// times, empty if never.
[[nodiscard]] std::string_view raw_member(std::string_view object, std::string_view key);

/// Like raw_member(), one level down.
[[nodiscard]] std::string_view raw_member(std::string_view object, std::string_view outer,
                                          std::string_view key);

/// `object` with another raw value for its top-level `id`.
[[nodiscard]] std::string with_id(std::string_view object, std::string_view id);

/// `object` with another raw value for `object[outer][key]`, if that is there.
[[nodiscard]] std::string with_member(std::string_view object, std::string_view outer,
                                      std::string_view key, std::string_view value);

/// The raw elements of the array that a valid JSON text is.
[[nodiscard]] std::vector<std::string_view> elements(std::string_view array);

/// Whether one of the members that make up a JSON-RPC message stands more than once.
[[nodiscard]] bool stands_twice(std::string_view object);

/// Deepest nesting of a valid JSON text; 1 for `{}`.
[[nodiscard]] unsigned nesting(std::string_view text);

/// `value[outer][key]` as a number, 0 if it is not there.
[[nodiscard]] std::uint64_t number_at(const Json& value, const char* outer, const char* key);

/// `value[key]` if it is a string, else empty.
[[nodiscard]] std::string string_at(const Json& value, const char* key);

}  // namespace sim
