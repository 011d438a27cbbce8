#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What a person writes as the params of a request, and what is added to it. Bytes that are not
/// ours stay as they are.
namespace shim {

/// Whether the text is what JSON-RPC allows as `params`: one JSON object or array (RFC 8259).
[[nodiscard]] bool are_params(std::string_view text);

/// Members of `_meta`: name and raw JSON value.
using MetaMembers = std::vector<std::pair<std::string, std::string>>;

/// `params` with these members in its `_meta`, where it does not have them yet. Empty params become
/// an object; an array, and an object whose `_meta` is none, stay as they are.
[[nodiscard]] std::string with_meta(std::string_view params, const MetaMembers& members);

/// Whether the params say themselves which protocol version of the modern era they are of.
[[nodiscard]] bool names_a_modern_version(std::string_view params);

}  // namespace shim
