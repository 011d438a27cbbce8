#include "shim/io/frame_queue.hpp"

#include <utility>

namespace shim {

FrameQueue::Filled FrameQueue::fill(std::span<unsigned char> room) {
  Filled filled;
  const auto put = [&](Opcode opcode, bool final, std::string_view payload) {
    filled.bytes += write_frame(room.data() + filled.bytes, opcode, final, payload, masks_.next());
  };
  if (const auto payload = std::exchange(pong_, std::nullopt)) put(Opcode::pong, true, *payload);
  if (const auto payload = std::exchange(ping_, std::nullopt)) put(Opcode::ping, true, *payload);
  while (!messages_.empty()) {
    const std::string_view rest = std::string_view(messages_.front()).substr(offset_);
    const std::size_t left = room.size() - filled.bytes;
    if (filled.bytes > 0 && rest.size() + frame_header_bytes_max > left) break;
    const std::string_view piece = rest.substr(0, left - frame_header_bytes_max);
    const bool final = piece.size() == rest.size();
    put(offset_ == 0 ? Opcode::text : Opcode::continuation, final, piece);
    filled.payload += piece.size();
    if (!final) {
      offset_ += piece.size();
      break;
    }
    messages_.pop_front();
    offset_ = 0;
  }
  return filled;
}

}  // namespace shim
