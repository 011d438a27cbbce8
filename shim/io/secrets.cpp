#include "shim/io/secrets.hpp"

#include <algorithm>

#include "common/text.hpp"

namespace shim {
namespace {

constexpr std::size_t secret_bytes_min = 4;
constexpr std::size_t part_bytes_min = 8;

std::size_t common_prefix(std::string_view one, std::string_view other) {
  const auto [end, ignored] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
  return static_cast<std::size_t>(end - one.begin());
}

void remove(std::string& text, const std::string& secret) {
  const std::string_view start =
      std::string_view(secret).substr(0, std::min(secret.size(), part_bytes_min));
  constexpr std::string_view mark = "...";
  for (std::size_t at = text.find(start); at != std::string::npos;
       at = text.find(start, at + mark.size())) {
    text.replace(at, common_prefix(std::string_view(text).substr(at), secret), mark);
  }
}

}  // namespace

std::vector<std::string> secrets_in(
    const std::vector<std::pair<std::string, std::string>>& headers) {
  std::vector<std::string> secrets;
  const auto add = [&secrets](std::string_view secret) {
    if (secret.size() >= secret_bytes_min) secrets.push_back(printable(secret, secret.size()));
  };
  for (const auto& [name, value] : headers) {
    add(value);
    if (const std::size_t space = value.find(' '); space != std::string::npos)
      add(std::string_view(value).substr(space + 1));
  }
  return secrets;
}

std::string without_secrets(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) remove(text, secret);
  return text;
}

}  // namespace shim
