#include "shim/options/usage_error.hpp"

#include <algorithm>
#include <cctype>

namespace shim {

bool is_name(std::string_view text) {
  constexpr std::size_t most = 40;
  bool upper = false;
  bool lower = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    upper = upper || std::isupper(byte) != 0;
    lower = lower || std::islower(byte) != 0;
    if (std::isalpha(byte) == 0 && c != '-' && c != '_') return false;
  }
  return !text.empty() && text.size() <= most && !(upper && lower);
}

std::string shown_value(std::string_view text) {
  constexpr std::size_t most = 10;
  const bool plain = std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == ' ';
  });
  if (!plain || text.size() > most) return "this";
  return "'" + std::string(text) + "'";
}

}  // namespace shim
