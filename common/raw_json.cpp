#include "common/raw_json.hpp"

#include <algorithm>
#include <functional>

#include "common/jsonrpc.hpp"

namespace shim::raw_json {
namespace {

constexpr std::size_t none = std::string_view::npos;

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && jsonrpc::is_space(text[at])) ++at;
  return at;
}

/// Where the string that begins at `at` has ended; `none` if it does not.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  const std::size_t start = ++at;
  for (;; ++at) {
    at = text.find('"', at);
    if (at == none) return none;
    std::size_t backslashes = 0;
    while (at - backslashes > start && text[at - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return at + 1;
  }
}

bool ends_scalar(char c) {
  return c == ',' || c == ':' || c == '}' || c == ']' || jsonrpc::is_space(c);
}

std::size_t end_of_scalar(std::string_view text, std::size_t at) {
  while (at < text.size() && !ends_scalar(text[at])) ++at;
  return at;
}

/// Where the value that begins at `at` has ended; `none` if there is no whole one.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    switch (text[at]) {
      case '"':
        at = end_of_string(text, at);
        if (at == none) return none;
        break;
      case '{':
      case '[':
        ++depth;
        ++at;
        break;
      case '}':
      case ']':
        if (depth == 0) return none;
        --depth;
        ++at;
        break;
      default: {
        if (depth > 0) {
          ++at;
          continue;
        }
        const std::size_t end = end_of_scalar(text, at);
        return end == at ? none : end;
      }
    }
    if (depth == 0) return at;
  }
  return none;
}

bool is_name(std::string_view token, std::string_view name) {
  const std::string_view inside = token.substr(1, token.size() - 2);
  return inside.find('\\') == none ? inside == name : jsonrpc::unquote(token) == name;
}

std::uint64_t mix(std::uint64_t value) {  // the end of SplitMix64
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

std::uint64_t hash_of(std::string_view token) {
  if (token.starts_with('"') && token.find('\\') != none)
    return std::hash<std::string_view>()(jsonrpc::token_key(token));
  return std::hash<std::string_view>()(token);
}

/// One pass over a text, however deep it nests.
class Fingerprint {
 public:
  explicit Fingerprint(std::string_view text) : text_(text) {}

  std::uint64_t value(unsigned depth) {
    at_ = skip_space(text_, at_);
    if (at_ >= text_.size()) return 0;
    const char c = text_[at_];
    if (depth > jsonrpc::depth_max || (c != '{' && c != '[')) return token();
    ++at_;
    const std::uint64_t parts = c == '{' ? object(depth) : array(depth);
    return mix(parts + static_cast<unsigned char>(c));
  }

 private:
  [[nodiscard]] bool at_end() {
    at_ = skip_space(text_, at_);
    if (at_ < text_.size() && text_[at_] == ',') at_ = skip_space(text_, at_ + 1);
    if (at_ < text_.size() && text_[at_] != '}' && text_[at_] != ']') return false;
    if (at_ < text_.size()) ++at_;
    return true;
  }

  std::uint64_t token() {
    const std::size_t end = std::min(end_of_value(text_, at_), text_.size());
    const std::string_view token = text_.substr(at_, end - at_);
    at_ = std::max(end, at_ + 1);
    return hash_of(token);
  }

  std::uint64_t object(unsigned depth) {
    std::uint64_t sum = 0;
    while (!at_end()) {
      const std::uint64_t key = token();
      at_ = skip_space(text_, at_);
      if (at_ < text_.size() && text_[at_] == ':') ++at_;
      sum += mix(mix(key) ^ value(depth + 1));  // a sum: the order does not matter
    }
    return sum;
  }

  std::uint64_t array(unsigned depth) {
    std::uint64_t all = 1;
    while (!at_end()) all = mix(all) + value(depth + 1);
    return all;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Parts::Parts(std::string_view container) : text_(container), at_(skip_space(container, 0)) {
  if (at_ == text_.size() || (text_[at_] != '{' && text_[at_] != '[')) return;
  end_ = text_[at_] == '{' ? '}' : ']';
  state_ = State::first;
  ++at_;
}

bool Parts::next() {
  if (state_ == State::done) return false;
  at_ = skip_space(text_, at_);
  const char c = at_ < text_.size() ? text_[at_] : '\0';
  if (c == end_) {
    complete_ = skip_space(text_, at_ + 1) == text_.size();
  } else if (state_ == State::first || c == ',') {
    if (state_ == State::between) ++at_;
    state_ = State::between;
    if (take_part()) return true;
  }
  state_ = State::done;
  return false;
}

bool Parts::take_part() {
  at_ = skip_space(text_, at_);
  if (end_ == '}') {
    if (at_ >= text_.size() || text_[at_] != '"') return false;
    const std::size_t end = end_of_string(text_, at_);
    if (end == none) return false;
    key_ = text_.substr(at_, end - at_);
    at_ = skip_space(text_, end);
    if (at_ >= text_.size() || text_[at_] != ':') return false;
    at_ = skip_space(text_, at_ + 1);
  }
  const std::size_t end = end_of_value(text_, at_);
  if (end == none) return false;
  value_ = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

std::string_view member(std::string_view object, std::string_view name) {
  std::string_view found;
  if (skip_space(object, 0) == object.size() || object[skip_space(object, 0)] != '{') return found;
  for (Parts parts(object); parts.next();) {
    if (is_name(parts.key(), name)) found = parts.value();
  }
  return found;
}

std::uint64_t fingerprint(std::string_view value) { return Fingerprint(value).value(1); }

}  // namespace shim::raw_json
