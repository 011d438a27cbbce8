#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace bench {

/// Bytes that are appended at the end and consumed from the start. Unlike std::string it neither
/// fills new room with zeros nor moves everything whenever a message is taken out.
class Buffer {
 public:
  [[nodiscard]] std::span<char> bytes() { return {data_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }

  /// At least `count` bytes of room behind the end; what was written there is then committed.
  [[nodiscard]] std::span<char> room(std::size_t count) {
    if (capacity_ - end_ < count) make_room(count);
    return {data_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t count) { end_ += count; }

  void append(std::string_view text) {
    std::memcpy(room(text.size()).data(), text.data(), text.size());
    commit(text.size());
  }

  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }

 private:
  void make_room(std::size_t count) {
    const std::size_t held = size();
    if (capacity_ >= 2 * held + count) {
      std::memmove(data_.get(), data_.get() + begin_, held);
    } else {
      capacity_ = std::max(2 * capacity_, 2 * held + count);
      auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
      if (held > 0) std::memcpy(larger.get(), data_.get() + begin_, held);
      data_ = std::move(larger);
    }
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<char[]> data_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace bench
