#include "common/id_scanner.hpp"

#include "common/jsonrpc.hpp"

namespace shim {
namespace {

constexpr std::size_t key_bytes_max = 256;  // of method names, too
constexpr std::size_t ids_of_message_max = 4;
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
      if (at_members()) take(c);
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        end_of_string();
      }
    } else if (c == '"') {
      if (!started_) dead_ = true;
      in_string_ = true;
      if (!at_members()) continue;
      if (expect_ == Expect::key) key_.clear();
      take(c);
    } else if (!jsonrpc::is_space(c)) {
      structural(c);
    } else if (at_members() && expect_ == Expect::value && !value_.empty()) {
      take(c);  // so that `1 2` is not taken for 12
    }
  }
}

void IdScanner::structural(char c) {
  if (!started_) {
    start(c);
    return;
  }
  switch (c) {
    case '{':
    case '[':
      ++depth_;
      if (!in_message_ && c == '{' && depth_ == member_depth_) start_message();
      break;
    case '}':
    case ']':
      if (at_members()) {
        end_of_value();
        in_message_ = false;
      }
      if (--depth_ == 0) dead_ = true;
      break;
    case ':':
      if (!at_members() || expect_ != Expect::colon) break;
      expect_ = Expect::value;
      value_.clear();
      if (key_ == "\"method\"") messages_.back().has_method = true;
      if (key_ == "\"result\"" || key_ == "\"error\"") messages_.back().has_outcome = true;
      break;
    case ',':
      if (at_members()) end_of_value();
      break;
    default:
      if (at_members()) take(c);
  }
}

void IdScanner::start(char c) {
  if (mark_bytes_ < byte_order_mark.size() && c == byte_order_mark[mark_bytes_]) {
    ++mark_bytes_;
    return;
  }
  started_ = true;
  depth_ = 1;
  member_depth_ = c == '[' ? 2 : 1;
  if (c == '{') start_message();
  dead_ = c != '{' && c != '[';
}

void IdScanner::start_message() {
  const bool is_idle = !messages_.empty() && messages_.back().ids.empty();
  if (is_idle) {
    messages_.back() = Found();
  } else if (messages_.size() < messages_max && ids_bytes_ <= ids_bytes_max) {
    messages_.emplace_back();
  } else {
    dead_ = true;
    return;
  }
  in_message_ = true;
  ids_tried_ = 0;
  expect_ = Expect::key;
  key_.clear();
  value_.clear();
}

void IdScanner::end_of_string() {
  in_string_ = false;
  if (!at_members()) return;
  if (expect_ == Expect::key) {
    expect_ = Expect::colon;
  } else if (expect_ == Expect::value && key_ == "\"id\"" && value_.starts_with('"')) {
    // It is whole, even if the text is cut off here.
    note_id();
    value_.clear();
  }
}

void IdScanner::end_of_value() {
  while (!value_.empty() && jsonrpc::is_space(value_.back())) value_.pop_back();
  if (key_ == "\"id\"") note_id();
  if (key_ == "\"method\"" && value_.size() > 2 && value_.size() <= key_bytes_max)
    messages_.back().method = value_.substr(1, value_.size() - 2);
  expect_ = Expect::key;
  key_.clear();
  value_.clear();
}

void IdScanner::note_id() {
  if (value_.size() > id_bytes_max || ids_tried_ == ids_of_message_max) return;
  ++ids_tried_;
  if (!is_id(value_)) return;
  ids_bytes_ += value_.size();
  messages_.back().ids.push_back(value_);
}

void IdScanner::take(char c) {
  // A text longer than this is of no interest; one byte past the limit marks it.
  if (expect_ == Expect::value) {
    if (value_.size() <= (key_ == "\"id\"" ? id_bytes_max : key_bytes_max)) value_ += c;
  } else if (key_.size() <= key_bytes_max) {
    key_ += c;
  }
}

}  // namespace shim
