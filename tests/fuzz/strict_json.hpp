#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fuzz {

/// A second opinion on what is JSON: the grammar of RFC 8259 and the table of RFC 3629, written
/// down as they stand and sharing nothing with the reader of the core.
class StrictJson {
 public:
  /// Whether `text` is one JSON text. Nesting beyond `depth_max` is not looked into: false.
  [[nodiscard]] static bool accepts(std::string_view text, unsigned depth_max) {
    StrictJson json(text);
    if (!json.is_utf8() || !json.value(depth_max)) return false;
    json.space();
    return json.at_ == text.size();
  }

 private:
  explicit StrictJson(std::string_view text) : text_(text) {}

  [[nodiscard]] bool is(std::string_view any) const {
    return at_ < text_.size() && any.find(text_[at_]) != std::string_view::npos;
  }
  bool take(std::string_view any) { return is(any) && ++at_ > 0; }
  bool word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void space() {
    while (take(" \t\n\r")) {
    }
  }
  bool digits() {
    if (!is("0123456789")) return false;
    while (take("0123456789")) {
    }
    return true;
  }

  bool value(unsigned depth_left) {
    space();
    if (is("{[")) return depth_left > 0 && container(depth_left - 1);
    if (is("\"")) return string();
    return word("true") || word("false") || word("null") || number();
  }

  bool container(unsigned depth_left) {
    const bool object = take("{");
    if (!object) ++at_;
    const std::string_view close = object ? "}" : "]";
    space();
    if (take(close)) return true;
    do {
      if (object) {
        space();
        if (!string()) return false;
        space();
        if (!take(":")) return false;
      }
      if (!value(depth_left)) return false;
      space();
    } while (take(","));
    return take(close);
  }

  bool string() {
    if (!take("\"")) return false;
    while (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_++]);
      if (c == '"') return true;
      if (c < 0x20) return false;
      if (c != '\\' || take("\"\\/bfnrt")) continue;
      if (!take("u")) return false;
      for (int i = 0; i < 4; ++i) {
        if (!take("0123456789abcdefABCDEF")) return false;
      }
    }
    return false;
  }

  bool number() {
    take("-");
    if (!take("0") && !digits()) return false;
    if (take(".") && !digits()) return false;
    if (!take("eE")) return true;
    take("+-");
    return digits();
  }

  [[nodiscard]] bool is_utf8() const {
    for (std::size_t i = 0; i < text_.size();) {
      const auto byte = [&](std::size_t at) {
        return at < text_.size() ? static_cast<unsigned char>(text_[at]) : 0U;
      };
      const auto tails = [&](std::size_t count, unsigned least = 0x80, unsigned most = 0xbf) {
        if (byte(i + 1) < least || byte(i + 1) > most) return false;
        for (std::size_t k = 2; k <= count; ++k) {
          if (byte(i + k) < 0x80 || byte(i + k) > 0xbf) return false;
        }
        i += count + 1;
        return true;
      };
      const unsigned c = byte(i);
      const bool ok = c < 0x80                 ? tails(0, 0, 0xff)
                      : c >= 0xc2 && c <= 0xdf ? tails(1)
                      : c == 0xe0              ? tails(2, 0xa0)
                      : c == 0xed              ? tails(2, 0x80, 0x9f)
                      : c >= 0xe1 && c <= 0xef ? tails(2)
                      : c == 0xf0              ? tails(3, 0x90)
                      : c >= 0xf1 && c <= 0xf3 ? tails(3)
                      : c == 0xf4              ? tails(3, 0x80, 0x8f)
                                               : false;
      if (!ok) return false;
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace fuzz
