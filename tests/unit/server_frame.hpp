#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shim {

/// A frame as a server sends it; `first` is FIN and opcode.
inline std::string server_frame(unsigned first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  const std::uint64_t length = payload.size();
  unsigned length_bytes = 0;
  if (length < 126) {
    frame += static_cast<char>(length);
  } else {
    frame += static_cast<char>(length <= 0xffff ? 126 : 127);
    length_bytes = length <= 0xffff ? 2 : 8;
  }
  while (length_bytes > 0) frame += static_cast<char>(length >> (8 * --length_bytes));
  return frame.append(payload);
}

}  // namespace shim
