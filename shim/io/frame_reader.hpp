#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/io/ws_frame.hpp"

namespace shim {

/// Takes apart what a WebSocket server sends (RFC 6455 § 5), in pieces of any size and without a
/// copy of what messages consist of. It looks at headers only; libwebsockets looks at each byte,
/// which was half of what an echoed megabyte cost.
class FrameReader {
 public:
  enum class Kind : std::uint8_t {
    need_more,  ///< the bytes are used up
    data,       ///< a part of a message, perhaps an empty one
    ping,
    pong,
    close,
    violation,  ///< the server broke the protocol and cannot be understood any more
  };
  struct Piece {
    Kind kind = Kind::need_more;
    /// Of data: points into what next() was given. Of ping, pong and close: the whole payload, at
    /// most 125 bytes, valid until the next call. Of a violation: what it is.
    std::string_view bytes{};
    bool binary = false;        ///< data: the message is no text
    bool first = false;         ///< data: the message starts here
    bool last = false;          ///< data: the message ends with these bytes
    std::uint64_t to_come = 0;  ///< data: what is still missing of this frame; the server's word
    std::uint16_t close_code = 1002;  ///< violation: how the server is told (RFC 6455 § 7.4.1)
  };

  /// Takes the next piece from the front of `bytes`. Call it until it says need_more, and not again
  /// after a violation.
  Piece next(std::string_view& bytes);

 private:
  [[nodiscard]] bool take_header(std::string_view& bytes);
  [[nodiscard]] const char* read_header();
  [[nodiscard]] Piece take_control(std::string_view& bytes);
  [[nodiscard]] Piece take_data(std::string_view& bytes);

  static constexpr std::size_t header_bytes_max = 10;  // a server's frames carry no mask
  static constexpr std::size_t control_bytes_max = 125;

  std::array<unsigned char, header_bytes_max> header_{};
  std::size_t header_bytes_ = 0;
  bool in_payload_ = false;

  // The present frame.
  Opcode opcode_ = Opcode::continuation;
  bool final_ = false;
  bool starts_message_ = false;
  std::uint64_t left_ = 0;
  std::array<char, control_bytes_max> control_{};
  std::size_t control_bytes_ = 0;

  // The present message; control frames may stand between its frames.
  bool in_message_ = false;
  bool binary_ = false;
};

}  // namespace shim
