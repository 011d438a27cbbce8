#include "tests/fuzz/fuzz.hpp"

#include <algorithm>

namespace fuzz {

std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

bool is_one_printable_line(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

}  // namespace fuzz
