#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shim/io/ws_frame.hpp"

namespace shim {

/// What waits to be sent on one connection, and its way into frames.
class FrameQueue {
 public:
  explicit FrameQueue(MaskSource& masks) : masks_(masks) {}

  void add_message(std::string text) { messages_.push_back(std::move(text)); }

  // Control frames overtake messages. A ping or pong that still waits is replaced, which
  // RFC 6455 § 5.5.3 allows.
  void set_ping(std::string_view payload) { ping_ = payload; }
  void set_pong(std::string_view payload) { pong_ = payload; }

  [[nodiscard]] bool is_empty() const { return messages_.empty() && !ping_ && !pong_; }

  /// Whether the last frame was not the last one of its message.
  [[nodiscard]] bool is_mid_message() const { return offset_ != 0; }

  struct Filled {
    std::size_t bytes = 0;    ///< in the buffer
    std::size_t payload = 0;  ///< of them, bytes of messages
  };
  /// Frames as much as `room` holds, at least some hundred bytes: small messages together, large
  /// ones in pieces. Each piece is a frame of its own, so that pings and pongs may stand between
  /// them (RFC 6455 § 5.4).
  Filled fill(std::span<unsigned char> room);

 private:
  MaskSource& masks_;
  std::deque<std::string> messages_;
  std::size_t offset_ = 0;  ///< bytes of the first message already framed
  std::optional<std::string> ping_;
  std::optional<std::string> pong_;
};

}  // namespace shim
