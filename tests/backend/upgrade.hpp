#pragma once

#include <string>
#include <vector>

#include "json.hpp"

struct lws;

namespace backend {

/// Size of lws's buffer for one request's headers; upgrade_headers() must know it.
inline constexpr unsigned short kHeaderBytesMax = 32768;

/// The headers of the HTTP request `wsi` is about to answer, names in lower case, and its `uri`
/// (which lws has percent-decoded) with the query.
[[nodiscard]] Json upgrade_headers(lws* wsi);

/// The items of a comma-separated header value.
[[nodiscard]] std::vector<std::string> split_list(const std::string& value);

/// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key.
[[nodiscard]] std::string accept_key(const std::string& key);

}  // namespace backend
