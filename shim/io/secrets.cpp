#include "shim/io/secrets.hpp"

#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "common/jsonrpc.hpp"
#include "common/text.hpp"

namespace shim {
namespace {

constexpr std::size_t secret_bytes_min = 4;
constexpr std::size_t part_bytes_min = 8;

/// A short value may well be an ordinary word of the backend's.
constexpr std::size_t unlike_a_word_bytes_min = 8;

std::size_t common_prefix(std::string_view one, std::string_view other) {
  const auto [end, ignored] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
  return static_cast<std::size_t>(end - one.begin());
}

constexpr std::string_view mark = "...";

void remove_whole(std::string& text, const std::string& secret) {
  for (std::size_t at = text.find(secret); at != std::string::npos;
       at = text.find(secret, at + mark.size()))
    text.replace(at, secret.size(), mark);
}

/// What begins like a long one.
void remove_part(std::string& text, const std::string& secret) {
  if (secret.size() <= part_bytes_min) return;
  const std::string_view start = std::string_view(secret).substr(0, part_bytes_min);
  for (std::size_t at = text.find(start); at != std::string::npos;
       at = text.find(start, at + mark.size()))
    text.replace(at, common_prefix(std::string_view(text).substr(at), secret), mark);
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
         {text, in_json, with_escaped_slashes(text), with_escaped_slashes(in_json)})
      forms_.push_back(printable(form, form.size()));
  };
  std::ranges::for_each(texts_, find);
  std::ranges::for_each(tokens_, find);
  std::ranges::sort(forms_, [](const std::string& one, const std::string& other) {
    return one.size() != other.size() ? one.size() > other.size() : one < other;
  });
  forms_.erase(std::unique(forms_.begin(), forms_.end()), forms_.end());
}

void Secrets::add(std::string_view text) {
  if (text.size() < secret_bytes_min || std::ranges::find(texts_, text) != texts_.end()) return;
  texts_.emplace_back(text);
  find_forms();
}

void Secrets::add_headers(const std::vector<std::pair<std::string, std::string>>& headers) {
  for (const auto& [name, value] : headers) {
    add(value);
    if (const std::size_t space = value.find(' '); space != std::string::npos)
      add(std::string_view(value).substr(space + 1));
  }
}

void Secrets::add_query(const Url& url) {
  for (const std::string& value : url.query_values()) {
    // These placeholders tell nobody anything, and logs name processes.
    if (value == std::to_string(::getpid()) || value == std::to_string(::getppid())) continue;
    add(value);
    if (const auto decoded = percent_decoded(value)) add(*decoded);
  }
}

void Secrets::add_token(const std::string& token) {
  if (token.size() < secret_bytes_min || (!tokens_.empty() && tokens_.back() == token)) return;
  std::erase(tokens_, token);
  tokens_.push_back(token);
  if (tokens_.size() > tokens_max) tokens_.pop_front();
  find_forms();
}

std::string Secrets::removed_from(std::string text) const {
  for (const std::string& form : forms_) remove_whole(text, form);
  for (const std::string& form : forms_) remove_part(text, form);
  return text;
}

bool Secrets::are_in(std::string_view json) const {
  if (forms_.empty()) return false;
  const std::string text = unescaped(json);
  const auto stands_in_text = [&text](const std::string& secret) {
    return secret.size() >= unlike_a_word_bytes_min && text.find(secret) != std::string::npos;
  };
  return std::ranges::any_of(texts_, stands_in_text) ||
         std::ranges::any_of(tokens_, stands_in_text);
}

bool is_authorization(const std::string& header_name) {
  return ::strcasecmp(header_name.c_str(), "authorization") == 0;
}

}  // namespace shim
