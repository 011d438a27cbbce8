#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace backend {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, ping = 9 };

/// Appends one unmasked (server to client) WebSocket frame. Frames are made here and not by
/// lws_write(), so that many fit into one write and faults have every bit at hand.
inline void append_frame(std::string& out, Opcode opcode, bool final, std::string_view payload) {
  out.push_back(static_cast<char>((final ? 0x80 : 0) | static_cast<int>(opcode)));
  const std::uint64_t size = payload.size();
  int length_bytes = 0;
  if (size < 126) {
    out.push_back(static_cast<char>(size));
  } else if (size < 65536) {
    out.push_back(126);
    length_bytes = 2;
  } else {
    out.push_back(127);
    length_bytes = 8;
  }
  for (int shift = 8 * (length_bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((size >> shift) & 0xff));
  }
  out.append(payload);
}

/// One message in frames of at most `fragment_bytes`, with a ping between each two.
inline std::string fragmented(Opcode opcode, std::string_view payload, std::size_t fragment_bytes) {
  std::string out;
  do {
    const std::string_view part = payload.substr(0, fragment_bytes);
    payload.remove_prefix(part.size());
    append_frame(out, opcode, payload.empty(), part);
    if (!payload.empty()) append_frame(out, Opcode::ping, true, "between fragments");
    opcode = Opcode::continuation;
  } while (!payload.empty());
  return out;
}

}  // namespace backend
