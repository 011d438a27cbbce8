#pragma once

#include <string>

namespace shim {

/// The text of a file or a variable as people write it, which may end with a line break.
[[nodiscard]] std::string without_newline(std::string text);

/// Whether the token can be sent in a header: visible ASCII and spaces within, at most 8 KiB.
/// Returns what is wrong, without the token in it, or an empty text.
[[nodiscard]] std::string check_token(const std::string& token);

/// What the backend is to know us by. The text of a token goes nowhere but into the upgrade
/// request.
class Token {
 public:
  /// `text` or `file` or neither.
  Token(std::string text, std::string file) : text_(std::move(text)), file_(std::move(file)) {}

  struct Read {
    std::string token;  ///< empty: none is wanted
    std::string error;  ///< one line; empty if all is well
  };
  /// The token as it is now: a file is read again each time, since it may have been renewed.
  [[nodiscard]] Read read() const;

 private:
  std::string text_;
  std::string file_;
};

}  // namespace shim
