#include "shim/io/secrets.hpp"

#include <openssl/evp.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "common/jsonrpc.hpp"
#include "common/text.hpp"

namespace shim {
namespace {

constexpr std::size_t secret_bytes_min = 4;
constexpr std::size_t part_bytes_min = 8;

/// A short value may well be an ordinary word of the backend's.
constexpr std::size_t unlike_a_word_bytes_min = 8;

constexpr std::string_view mark = "...";

std::size_t common_prefix(std::string_view one, std::string_view other) {
  const auto [end, ignored] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
  return static_cast<std::size_t>(end - one.begin());
}

/// `link`, `2601`: what any log line may hold by itself.
bool is_like_a_word(std::string_view text) {
  const auto all = [text](int (*are)(int)) {
    return std::ranges::all_of(text, [are](unsigned char c) { return are(c) != 0; });
  };
  return text.size() < unlike_a_word_bytes_min && (all(std::isalpha) || all(std::isdigit));
}

bool is_named(const std::string& header_name, const char* name) {
  return ::strcasecmp(header_name.c_str(), name) == 0;
}

/// With the hexadecimal digits of each escape in one case: `%2f` and `%2F` mean the same.
std::string with_escapes(std::string_view text, int (*to_case)(int)) {
  std::string out(text);
  for (std::size_t at = out.find('%'); at != std::string::npos; at = out.find('%', at + 1)) {
    for (std::size_t digit = at + 1; digit < std::min(at + 3, out.size()); ++digit)
      out[digit] = static_cast<char>(to_case(static_cast<unsigned char>(out[digit])));
  }
  return out;
}

/// `user:password` behind `Basic` (RFC 7617); empty if this is nothing of the kind.
std::string basic_credentials(std::string_view header) {
  constexpr std::string_view scheme = "Basic ";
  if (::strncasecmp(header.data(), scheme.data(), std::min(scheme.size(), header.size())) != 0)
    return {};
  std::string text(
      header.substr(std::min(header.find_first_not_of(' ', scheme.size()), header.size())));
  text.erase(text.find_last_not_of(" =") + 1);
  const std::size_t bytes = text.size() * 3 / 4;
  text.append((4 - text.size() % 4) % 4, '=');
  std::string out(text.size() / 4 * 3, '\0');
  if (::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()),
                        static_cast<int>(text.size())) < 0)
    return {};
  out.resize(bytes);
  return out;
}

std::string with_escaped_slashes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '/') out += '\\';
    out += c;
  }
  return out;
}

/// A JSON text with its escapes of ASCII undone; no JSON any more.
std::string unescaped(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] != '\\' || at + 1 == json.size()) {
      out += json[at];
      continue;
    }
    ++at;
    unsigned code = 0;
    const std::string_view digits = json[at] == 'u' ? json.substr(at + 1, 4) : std::string_view();
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16).ptr;
    if (digits.size() == 4 && end == digits.data() + 4 && code < 0x80) {
      out += static_cast<char>(code);
      at += 4;
    } else {
      out += json[at];
    }
  }
  return out;
}

}  // namespace

void Secrets::find_forms() {
  forms_.clear();
  const auto find = [this](const std::string& text) {
    const std::string quoted = jsonrpc::quote(text);
    const std::string in_json = quoted.substr(1, quoted.size() - 2);
    for (const std::string& form :
         {text, in_json, with_escaped_slashes(text), with_escaped_slashes(in_json)}) {
      forms_.push_back(form);
      forms_.push_back(printable(form, form.size()));
    }
  };
  std::ranges::for_each(texts_, find);
  std::ranges::for_each(tokens_, find);
  std::ranges::sort(forms_);
  forms_.erase(std::unique(forms_.begin(), forms_.end()), forms_.end());
}

void Secrets::add(std::string_view text) {
  if (text.size() < secret_bytes_min || std::ranges::find(texts_, text) != texts_.end()) return;
  texts_.emplace_back(text);
  find_forms();
}

void Secrets::add_unless_a_word(std::string_view text) {
  if (!is_like_a_word(text)) add(text);
}

void Secrets::add_headers(const std::vector<std::pair<std::string, std::string>>& headers) {
  for (const auto& [name, value] : headers) {
    add(value);
    if (is_named(name, "cookie")) {
      add_cookies(value);
    } else if (const std::size_t space = value.find(' '); space != std::string::npos) {
      add(std::string_view(value).substr(space + 1));
      const std::string credentials = basic_credentials(value);
      add(credentials);
      add(std::string_view(credentials)
              .substr(std::min(credentials.find(':') + 1, credentials.size())));
    }
  }
}

/// RFC 6265 § 4.2.1: `name=value; name="value"`.
void Secrets::add_cookies(std::string_view header) {
  while (!header.empty()) {
    const std::string_view cookie = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(cookie.size() + 1, header.size()));
    std::string_view value = cookie.substr(std::min(cookie.find('=') + 1, cookie.size()));
    value.remove_prefix(std::min(value.find_first_not_of(" \""), value.size()));
    add_unless_a_word(value.substr(0, value.find_last_not_of(" \"") + 1));
  }
}

void Secrets::add_query(const Url& url) {
  for (const std::string& value : url.query_values()) {
    // These placeholders tell nobody anything, and logs name processes.
    if (value == std::to_string(::getpid()) || value == std::to_string(::getppid())) continue;
    std::string from_form = value;  // a form's `+` is a space
    std::ranges::replace(from_form, '+', ' ');
    for (const std::string& written : {value, from_form}) {
      add_unless_a_word(written);
      add_unless_a_word(with_escapes(written, std::tolower));
      add_unless_a_word(with_escapes(written, std::toupper));
      if (const auto decoded = percent_decoded(written)) add_unless_a_word(*decoded);
    }
  }
}

void Secrets::add_token(const std::string& token) {
  if (token.size() < secret_bytes_min || (!tokens_.empty() && tokens_.back() == token)) return;
  std::erase(tokens_, token);
  tokens_.push_back(token);
  if (tokens_.size() > tokens_max) tokens_.pop_front();
  find_forms();
}

/// How much of the start of a text is a secret, or the first part of one.
std::size_t Secrets::length_at_start_of(std::string_view text) const {
  std::size_t longest = 0;
  for (const std::string& form : forms_) {
    const std::size_t common = common_prefix(text, form);
    if (common == form.size() || common >= part_bytes_min) longest = std::max(longest, common);
  }
  return longest;
}

std::string Secrets::removed_from(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  std::size_t end = 0;  // of the secret that was found last; another one may begin within it
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (const std::size_t length = length_at_start_of(text.substr(at)); length > 0) {
      if (at >= end) out += mark;
      end = std::max(end, at + length);
    }
    if (at >= end) out += text[at];
  }
  return out;
}

bool Secrets::are_in(std::string_view json) const {
  if (forms_.empty()) return false;
  const std::string text = unescaped(json);
  const auto stands_in_text = [&text](const std::string& secret) {
    return text.find(secret) != std::string::npos;
  };
  return std::ranges::any_of(texts_,
                             [&](const std::string& secret) {
                               return secret.size() >= unlike_a_word_bytes_min &&
                                      stands_in_text(secret);
                             }) ||
         std::ranges::any_of(tokens_, [&](const std::string& token) {
           return !is_like_a_word(token) && stands_in_text(token);
         });
}

bool is_authorization(const std::string& header_name) {
  return is_named(header_name, "authorization");
}

}  // namespace shim
