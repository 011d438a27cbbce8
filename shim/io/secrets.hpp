#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/url.hpp"

namespace shim {

/// What goes to the backend and to nobody else (contract 10, 11): tokens, values of headers and of
/// the URLs' queries. A backend may repeat them in whatever it says. What is shorter than four
/// characters is no secret. Nor is the value of a query or a cookie that is shorter than eight and
/// a word or a number (letters only, digits only): our own texts may hold it.
class Secrets {
 public:
  /// Each value, what stands behind its first space, such as a token behind `Bearer`, what is
  /// encoded behind `Basic` and the password in it, and each cookie.
  void add_headers(const std::vector<std::pair<std::string, std::string>>& headers);
  /// Each value of the query, as it is written, with its escapes in either case, and decoded, as a
  /// URL or as a form.
  void add_query(const Url& url);
  /// Of the tokens the last few are remembered: they may be renewed without end.
  void add_token(const std::string& token);

  /// `text`, perhaps made printable() before, with each of the secrets replaced by `...`, even if
  /// only the first eight characters or more of it are there: the other side may have cut it.
  [[nodiscard]] std::string removed_from(std::string_view text) const;

  /// Whether one that is long enough not to be a word stands in a JSON text, however escaped.
  [[nodiscard]] bool are_in(std::string_view json) const;

 private:
  static constexpr std::size_t tokens_max = 16;

  void add(std::string_view text);
  void add_unless_a_word(std::string_view text);
  void add_cookies(std::string_view header);
  void find_forms();
  [[nodiscard]] std::size_t length_at_start_of(std::string_view text) const;

  std::vector<std::string> texts_;
  std::deque<std::string> tokens_;  ///< the latest one last
  /// All of them, themselves and within JSON, each also as printable() shows it.
  std::vector<std::string> forms_;
};

/// Whether a header of this name carries what a token does.
[[nodiscard]] bool is_authorization(const std::string& header_name);

}  // namespace shim
