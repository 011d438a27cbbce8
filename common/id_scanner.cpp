#include "common/id_scanner.hpp"

#include "common/jsonrpc.hpp"

namespace shim {
namespace {

constexpr std::size_t captured_bytes_max = 256;
constexpr std::size_t ids_max = 4;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// An id goes into an answer as it is, so it must be valid JSON whatever surrounds it here.
bool is_id(std::string_view raw) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  return jsonrpc::is_string_or_number(raw) && reader.read(raw, message) == jsonrpc::Read::message;
}

}  // namespace

void IdScanner::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (dead_) return;
    if (in_string_) {
      if (depth_ == 1) take(c);
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
        if (depth_ == 1 && expect_ == Expect::key) expect_ = Expect::colon;
      }
    } else if (c == '"') {
      if (!started_) dead_ = true;
      in_string_ = true;
      if (depth_ == 1 && expect_ == Expect::key) key_.clear();
      if (depth_ == 1) take(c);
    } else if (!jsonrpc::is_space(c)) {
      structural(c);
    } else if (depth_ == 1 && expect_ == Expect::value && !value_.empty()) {
      take(c);  // so that `1 2` is not taken for 12
    }
  }
}

void IdScanner::structural(char c) {
  if (!started_) {
    if (mark_bytes_ < byte_order_mark.size() && c == byte_order_mark[mark_bytes_]) {
      ++mark_bytes_;
      return;
    }
    started_ = true;
    dead_ = c != '{';
    depth_ = 1;
    return;
  }
  switch (c) {
    case '{':
    case '[': ++depth_; break;
    case '}':
    case ']':
      if (depth_ == 1) {
        end_of_value();
        dead_ = true;
      }
      --depth_;
      break;
    case ':':
      if (depth_ == 1 && expect_ == Expect::colon) {
        expect_ = Expect::value;
        value_.clear();
        if (key_ == "\"method\"") has_method_ = true;
      }
      break;
    case ',':
      if (depth_ == 1) end_of_value();
      break;
    default:
      if (depth_ == 1) take(c);
  }
}

void IdScanner::end_of_value() {
  while (!value_.empty() && jsonrpc::is_space(value_.back())) value_.pop_back();
  if (value_.size() <= captured_bytes_max) {
    if (key_ == "\"id\"" && is_id(value_) && ids_.size() < ids_max) ids_.push_back(value_);
    if (key_ == "\"method\"" && value_.size() > 2) method_ = value_.substr(1, value_.size() - 2);
  }
  expect_ = Expect::key;
  key_.clear();
  value_.clear();
}

void IdScanner::take(char c) {
  std::string& target = expect_ == Expect::value ? value_ : key_;
  // A text longer than this is neither a key nor an id of interest; one byte past the limit marks
  // it.
  if (target.size() <= captured_bytes_max) target += c;
}

}  // namespace shim
