#include "shim/commands/shown_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/json_value.hpp"
#include "common/jsonrpc.hpp"

namespace shim {
namespace {

constexpr std::size_t ordinary_number_bytes_max = 7;

/// Of the string or the number with which the text begins; 1 for anything else.
std::size_t token_size(std::string_view json) {
  if (json.front() != '"') {
    const std::size_t end = json.find_first_not_of("+-.0123456789eE");
    return std::clamp<std::size_t>(end, 1, json.size());
  }
  std::size_t end = 1;
  while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
  return std::min(end + 1, json.size());
}

std::string ascii_string(std::string_view value) {
  return nlohmann::json(value).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string shown_json(std::string_view json,
                       const std::function<std::string(std::string_view)>& without_secrets) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const std::string_view token = json.substr(0, token_size(json));
    json.remove_prefix(token.size());
    if (token.front() == '"') {
      out += ascii_string(without_secrets(jsonrpc::unquote(without_surrogates(token))));
    } else if (token.size() > ordinary_number_bytes_max && without_secrets(token) != token) {
      out += ascii_string(without_secrets(token));
    } else if (!jsonrpc::is_space(token.front())) {
      out += token;
    }
  }
  return out;
}

}  // namespace shim
