#include "common/line_framer.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/check.hpp"

namespace shim {
namespace {

/// From this size on a line takes the buffer over instead of being copied out of it.
constexpr std::size_t handover_bytes_min = 64 * 1024;

/// From this size on the longest line there may be is made room for.
constexpr std::size_t large_bytes_min = std::size_t{1} << 20U;

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

std::span<char> LineFramer::space(std::size_t bytes) {
  if (begin_ == end_) begin_ = end_ = scanned_ = 0;
  if (begin_ > 0 && buffer_.size() - end_ < bytes) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < bytes) {
    // To grow by and by would mean to hold a long line twice. Pages that are not touched cost
    // nothing. The line's end is found once "\r\n" is behind the limit.
    if (end_ + bytes > buffer_.capacity() && end_ >= large_bytes_min)
      buffer_.reserve(std::max(line_bytes_max_ + 2, end_) + bytes);
    buffer_.resize(end_ + bytes);
  }
  return {buffer_.data() + end_, buffer_.size() - end_};
}

void LineFramer::commit(std::size_t bytes) {
  SHIM_CHECK(bytes <= buffer_.size() - end_);
  end_ += bytes;
}

LineFramer::Pull LineFramer::pull(std::string& line) { return pull_until(line, false); }

LineFramer::Pull LineFramer::pull_last(std::string& line) { return pull_until(line, true); }

LineFramer::Pull LineFramer::pull_until(std::string& line, bool ended) {
  while (begin_ < end_ || (ended && skipping_)) {
    const char* data = buffer_.data();
    const void* found =
        scanned_ < end_ ? std::memchr(data + scanned_, '\n', end_ - scanned_) : nullptr;
    if (found == nullptr && !ended) {
      scanned_ = end_;
      if (skipping_ || end_ - begin_ > line_bytes_max_ + 1) start_skipping();  // + 1 for a '\r'
      return Pull::need_more;
    }
    const std::size_t stop =
        found != nullptr ? static_cast<std::size_t>(static_cast<const char*>(found) - data) : end_;
    std::string_view text(data + begin_, stop - begin_);
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (skipping_ || text.size() > line_bytes_max_) {
      if (!skipping_) oversize_ = IdScanner();
      oversize_.feed(text);
      skipping_ = false;
      begin_ = scanned_ = std::min(stop + 1, end_);
      return Pull::oversize;
    }
    if (is_blank(text)) {
      begin_ = scanned_ = std::min(stop + 1, end_);
      continue;
    }
    take_line(line, stop);
    return Pull::line;
  }
  return Pull::need_more;
}

void LineFramer::take_line(std::string& line, std::size_t end) {
  const std::size_t after = std::min(end + 1, end_);
  if (end > begin_ && buffer_[end - 1] == '\r') --end;
  const std::size_t length = end - begin_;
  if (begin_ == 0 && length >= handover_bytes_min) {
    std::string rest;
    rest.assign(buffer_, after, end_ - after);
    line = std::exchange(buffer_, std::move(rest));
    line.resize(length);
    end_ = buffer_.size();
    begin_ = scanned_ = 0;
  } else {
    line.assign(buffer_, begin_, length);
    begin_ = scanned_ = after;
  }
}

void LineFramer::start_skipping() {
  if (!skipping_) oversize_ = IdScanner();
  skipping_ = true;
  oversize_.feed({buffer_.data() + begin_, end_ - begin_});
  begin_ = end_ = scanned_ = 0;
  if (buffer_.size() > 2 * handover_bytes_min) std::string().swap(buffer_);
}

}  // namespace shim
