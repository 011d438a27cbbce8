#include "shim/options/placeholders.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace shim {
namespace {

/// A UUID of version 4 (RFC 9562 § 5.4).
std::string random_uuid() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("this system gives no random bytes");
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", bytes[i]);
    text += digits.data();
  }
  return text;
}

/// None of the values holds anything that a URL would want percent-encoded.
std::string value_of(std::string_view name) {
  static const std::string session = random_uuid();
  if (name == "{pid}") return std::to_string(::getpid());
  if (name == "{ppid}") return std::to_string(::getppid());
  if (name == "{session}") return session;
  return {};
}

}  // namespace

std::string fill_placeholders(Url& url) {
  std::string filled;
  std::string_view rest = url.path;
  for (;;) {
    const std::size_t open = rest.find_first_of("{}");
    filled += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = rest.find('}', open);
    const std::string_view name =
        close == std::string_view::npos ? rest.substr(open) : rest.substr(open, close - open + 1);
    const std::string value = value_of(name);
    if (value.empty())
      return "unknown placeholder in the URL; there are {pid}, {ppid} and {session}, and a brace "
             "is written %7B or %7D";
    filled += value;
    rest.remove_prefix(close + 1);
  }
  url.path = std::move(filled);
  return {};
}

}  // namespace shim
