#include "shim/io/token.hpp"

#include <utility>

#include "common/text.hpp"
#include "shim/io/small_file.hpp"

namespace shim {
namespace {

constexpr std::size_t token_bytes_max = std::size_t{8} << 10U;

}  // namespace

std::string without_newline(std::string text) {
  text.erase(text.find_last_not_of("\r\n") + 1);
  return text;
}

std::string check_token(const std::string& token) {
  if (token.find_first_not_of(' ') == std::string::npos) return "the token is empty";
  if (token.size() > token_bytes_max) return "the token is longer than 8 KiB";
  if (!is_visible_ascii(token)) return "the token must be one line of visible ASCII";
  if (token.front() == ' ' || token.back() == ' ')
    return "the token must not begin or end with a space";
  if (starts_with_any_case(token, "bearer ")) return "give the token without the word Bearer";
  return {};
}

Token::Read Token::read() const {
  if (file_.empty()) return {.token = text_, .error = {}};
  SmallFile file = read_small_file(file_, token_bytes_max + 2, Trust::own_only);
  std::string error = std::move(file.error);
  if (error.empty()) {
    file.text = without_newline(std::move(file.text));
    error = check_token(file.text);
  }
  if (!error.empty())
    return {.token = {}, .error = "token file " + printable(file_) + ": " + error};
  return {.token = std::move(file.text), .error = {}};
}

}  // namespace shim
