#include "upgrade.hpp"

#include <libwebsockets.h>

#include <cctype>
#include <string_view>

namespace backend {
namespace {

std::string copy_header(lws* wsi, lws_token_indexes token) {
  const int length = lws_hdr_total_length(wsi, token);
  if (length <= 0) return {};
  // lws puts a comma between fragments without counting it, hence the slack.
  std::string value(static_cast<std::size_t>(length) + 256, '\0');
  if (lws_hdr_copy(wsi, value.data(), static_cast<int>(value.size()), token) < 0) return {};
  value.resize(value.find('\0'));
  return value;
}

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}

std::string query_of(lws* wsi) {
  std::string query;
  char argument[4096];
  for (int n = 0;
       lws_hdr_copy_fragment(wsi, argument, sizeof argument, WSI_TOKEN_HTTP_URI_ARGS, n) > 0; ++n) {
    query += n == 0 ? '?' : '&';
    query += argument;
  }
  return query;
}

/// lws 4.1 finds a custom header by its name but cannot list the names. They do lie in its header
/// buffer, near the start of which the request's path is: whatever stands before a colon in there
/// is a candidate, and the lookup through lws's own function decides.
void add_custom_headers(lws* wsi, Json& headers) {
  char* start = nullptr;
  int path_bytes = 0;
  if (lws_http_get_uri_and_method(wsi, &start, &path_bytes) < 0 || start == nullptr) return;
  const std::string_view buffer(start, kHeaderBytesMax - 256);
  std::size_t at = buffer.find(':');
  for (; at != buffer.npos; at = buffer.find(':', at + 1)) {
    for (std::size_t first = at; first > 0 && is_name_char(buffer[first - 1]);) {
      --first;
      const std::string name(buffer.substr(first, at + 1 - first));
      const int name_bytes = static_cast<int>(name.size());
      const int length = lws_hdr_custom_length(wsi, name.c_str(), name_bytes);
      if (length < 0) continue;
      std::string value(static_cast<std::size_t>(length) + 1, '\0');
      lws_hdr_custom_copy(wsi, value.data(), length + 1, name.c_str(), name_bytes);
      value.resize(static_cast<std::size_t>(length));
      headers[name.substr(0, name.size() - 1)] = value;
    }
  }
}

}  // namespace

Json upgrade_headers(lws* wsi) {
  Json headers = Json::object();
  headers["uri"] = copy_header(wsi, WSI_TOKEN_GET_URI) + query_of(wsi);
  for (int index = 0; index < WSI_TOKEN_COUNT; ++index) {
    const auto token = static_cast<lws_token_indexes>(index);
    if (token == WSI_TOKEN_GET_URI || token == WSI_TOKEN_HTTP_URI_ARGS) continue;
    const unsigned char* raw_name = lws_token_to_string(token);
    if (raw_name == nullptr) continue;
    std::string name(reinterpret_cast<const char*>(raw_name));
    if (name.size() < 2 || name.back() != ':' || name.front() == ':') continue;
    name.pop_back();
    std::string value = copy_header(wsi, token);
    if (!value.empty()) headers[name] = std::move(value);
  }
  add_custom_headers(wsi, headers);
  return headers;
}

std::vector<std::string> split_list(const std::string& value) {
  std::vector<std::string> items;
  std::string item;
  for (const char c : value + ",") {
    if (c == ',') {
      if (!item.empty()) items.push_back(std::move(item));
      item.clear();
    } else if (c != ' ' && c != '\t') {
      item.push_back(c);
    }
  }
  return items;
}

std::string accept_key(const std::string& key) {
  const std::string input = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char hash[20];
  lws_SHA1(reinterpret_cast<const unsigned char*>(input.data()), input.size(), hash);
  char encoded[64];
  if (lws_b64_encode_string(reinterpret_cast<const char*>(hash), sizeof hash, encoded,
                            sizeof encoded) < 0) {
    return {};
  }
  return encoded;
}

}  // namespace backend
