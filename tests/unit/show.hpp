#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

/// How lists of texts look in a failed check. Every test file that compares such lists must include
/// this, or the linker may pick the form without text for all of them.
template <>
struct doctest::StringMaker<std::vector<std::string>> {
  static String convert(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out += "\n    " + text.substr(0, 300);
    return out.empty() ? "nothing" : out.c_str();
  }
};
