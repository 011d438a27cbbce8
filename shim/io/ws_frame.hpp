#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shim {

/// Frames of a WebSocket client (RFC 6455 § 5), built here because libwebsockets masks one byte at
/// a time, which costs more than everything else that is done to a large message.
enum class Opcode : std::uint8_t {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xa,
};

/// Longest header of a client's frame: two bytes, eight of length, four of mask.
inline constexpr std::size_t frame_header_bytes_max = 14;

/// Random bytes for masking keys, which RFC 6455 § 5.3 wants unpredictable: from the kernel,
/// fetched by the page instead of one system call per frame.
class MaskSource {
 public:
  [[nodiscard]] std::uint32_t next();

 private:
  std::array<std::uint32_t, 256> keys_{};
  std::size_t used_ = keys_.size();
};

/// Writes one masked frame to `out`, which must have room for frame_header_bytes_max plus the
/// payload, and returns its length. `final` says that it is the last one of its message.
std::size_t write_frame(unsigned char* out, Opcode opcode, bool final, std::string_view payload,
                        std::uint32_t mask);

}  // namespace shim
