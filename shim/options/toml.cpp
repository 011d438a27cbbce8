#include "shim/options/toml.hpp"

#include <cctype>
#include <cstdint>
#include <string_view>

#include "shim/options/usage_error.hpp"

namespace shim {
namespace {

bool is_bare_key_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}

/// A code point in UTF-8; nothing if there is no such one, or it is NUL, which would end a path.
std::string utf_8(std::uint32_t code) {
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  const auto tail = [code](unsigned shift) {
    return static_cast<char>(0x80U | ((code >> shift) & 0x3fU));
  };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0U | (code >> 6U)), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xe0U | (code >> 12U)), tail(6), tail(0)};
  return {static_cast<char>(0xf0U | (code >> 18U)), tail(12), tail(6), tail(0)};
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  std::vector<TomlItem> read() {
    while (skip_to_content()) {
      if (rest_.front() == '[') {
        read_section();
      } else {
        read_item();
      }
      end_line();
    }
    return std::move(items_);
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw UsageError(name_ + ", line " + std::to_string(line_) + ": " + what);
  }

  [[nodiscard]] char front() const { return rest_.empty() ? '\n' : rest_.front(); }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '\n') ++line_;
    return c;
  }

  bool take_if(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    take();
    return true;
  }

  void skip_blanks() {
    while (front() == ' ' || front() == '\t' || front() == '\r') take();
  }

  void skip_comment() {
    while (front() != '\n') take();
  }

  /// Blank lines and comments; false at the end of the text. CLI11 takes `;` for a comment, too.
  bool skip_to_content() {
    for (;;) {
      skip_blanks();
      if (front() == '#') skip_comment();
      if (rest_.empty()) return false;
      if (rest_.front() != '\n') return true;
      take();
    }
  }

  void end_line() {
    skip_blanks();
    if (front() == '#') skip_comment();
    if (front() != '\n')
      fail("nothing but a comment may follow here; a list is written [\"a\", \"b\"]");
  }

  void read_section() {
    constexpr const char* wrong = "sections are named [profile.NAME]";
    take();
    std::vector<std::string> path = read_path(wrong);
    if (!take_if(']')) fail(wrong);
    section_ = path;
    items_.push_back({.line = line_, .section = std::move(path), .key = {}, .values = {}});
  }

  void read_item() {
    constexpr const char* wrong = "write it as key = value";
    if (front() == ';') {
      skip_comment();
      return;
    }
    TomlItem item{.line = line_, .section = section_, .key = {}, .values = {}};
    std::vector<std::string> path = read_path(wrong);
    if (!take_if('=')) fail(wrong);
    item.key = std::move(path.back());
    path.pop_back();
    item.section.insert(item.section.end(), path.begin(), path.end());
    skip_blanks();
    if (take_if('[')) {
      read_array(item.values);
    } else {
      item.is_bare = front() != '"' && front() != '\'';
      item.values.push_back(read_value("\n#"));
      if (item.is_bare && item.values.back().empty()) fail(wrong);
    }
    items_.push_back(std::move(item));
  }

  /// A key or a section's name, with dots between its parts.
  std::vector<std::string> read_path(const char* wrong) {
    std::vector<std::string> path;
    do {
      skip_blanks();
      std::string part;
      if (front() == '"' || front() == '\'') {
        part = read_string();
      } else {
        while (is_bare_key_character(front())) part += take();
      }
      if (part.empty()) fail(wrong);
      path.push_back(std::move(part));
      skip_blanks();
    } while (take_if('.'));
    return path;
  }

  void read_array(std::vector<std::string>& values) {
    for (bool wants_comma = false;;) {
      if (!skip_to_content()) fail("a list is not closed; it ends with ]");
      if (take_if(']')) return;
      if (wants_comma != take_if(',')) fail("a list is written [\"a\", \"b\"]");
      if (!wants_comma) {
        const bool is_quoted = front() == '"' || front() == '\'';
        values.push_back(read_value("\n#,]["));
        if (!is_quoted && values.back().empty()) fail("a list is written [\"a\", \"b\"]");
      }
      wants_comma = !wants_comma;
    }
  }

  /// A string, or what stands before one of `ends`.
  std::string read_value(std::string_view ends) {
    if (front() == '"' || front() == '\'') return read_string();
    std::string value;
    while (ends.find(front()) == std::string_view::npos) value += take();
    value.erase(value.find_last_not_of(" \t\r") + 1);
    return value;
  }

  std::string read_string() {
    const char quote = take();
    if (rest_.starts_with(std::string(2, quote)))
      fail("a text over several lines is not read; write it in one, with \\n");
    std::string text;
    for (;;) {
      if (front() == '\n') fail("a quote is not closed");
      const char c = take();
      if (c == quote) return text;
      if (c == '\\' && quote == '"') {
        text += read_escape();
      } else {
        text += c;
      }
    }
  }

  /// What a backslash in a basic string stands for.
  std::string read_escape() {
    constexpr const char* wrong = R"(there is no such escape; a backslash is written \\)";
    if (front() == '\n') fail("a quote is not closed");
    switch (const char c = take()) {
      case 'b': return "\b";
      case 't': return "\t";
      case 'n': return "\n";
      case 'f': return "\f";
      case 'r': return "\r";
      case '"':
      case '\\': return {c};
      case 'u':
      case 'U': {
        std::uint32_t code = 0;
        for (int i = 0; i < (c == 'u' ? 4 : 8); ++i) {
          if (std::isxdigit(static_cast<unsigned char>(front())) == 0) fail(wrong);
          const char digit = take();
          code = code * 16 +
                 static_cast<std::uint32_t>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
        }
        std::string text = utf_8(code);
        if (text.empty()) fail(wrong);
        return text;
      }
      default: fail(wrong);
    }
  }

  std::string_view rest_;
  const std::string& name_;
  unsigned line_ = 1;
  std::vector<std::string> section_;
  std::vector<TomlItem> items_;
};

}  // namespace

std::vector<TomlItem> read_toml(const std::string& text, const std::string& name) {
  return Reader(text, name).read();
}

}  // namespace shim
