#pragma once

#include <string>
#include <vector>

namespace shim {

/// One `key = value` of a TOML file, or the beginning of a section.
struct TomlItem {
  unsigned line = 0;                 ///< from 1; where it begins
  std::vector<std::string> section;  ///< `[a.b]`, and what stands before the last dot of the key
  std::string key;                   ///< empty: a section begins
  std::vector<std::string> values;   ///< one, or those of an array
  bool is_bare = false;              ///< the value stands without quotes and brackets
};

/// Reads as much of TOML 1.0 as settings need: comments, sections, plain, quoted and dotted keys,
/// strings in one line, arrays over any number of lines. A value without quotes is taken as it
/// stands, up to a comment. Throws UsageError, which calls the text `name` and gives the line, for
/// anything else. Read here and by no library, since CLI11's reader (2.1) knows no arrays over
/// several lines, no escapes and no line numbers, and skips or accepts much that is wrong, while
/// those of TOML refuse the values without quotes that CLI11's format has (contract 2).
[[nodiscard]] std::vector<TomlItem> read_toml(const std::string& text, const std::string& name);

}  // namespace shim
