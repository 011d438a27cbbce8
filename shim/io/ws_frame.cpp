#include "shim/io/ws_frame.hpp"

#include <sys/random.h>

#include <cstring>
#include <stdexcept>

namespace shim {
namespace {

/// Copies and masks eight bytes at a time; the mask is in memory order.
void copy_masked(unsigned char* out, std::string_view payload, std::uint32_t mask) {
  std::uint64_t wide = mask;
  wide |= wide << 32U;
  const char* in = payload.data();
  std::size_t left = payload.size();
  for (; left >= sizeof wide; left -= sizeof wide, in += sizeof wide, out += sizeof wide) {
    std::uint64_t chunk = 0;
    std::memcpy(&chunk, in, sizeof chunk);
    chunk ^= wide;
    std::memcpy(out, &chunk, sizeof chunk);
  }
  std::array<unsigned char, sizeof wide> key{};
  std::memcpy(key.data(), &wide, sizeof wide);
  for (std::size_t i = 0; i < left; ++i) out[i] = static_cast<unsigned char>(in[i]) ^ key[i];
}

}  // namespace

std::uint32_t MaskSource::next() {
  if (used_ == keys_.size()) {
    // Up to 256 bytes come whole or not at all (getrandom(2)); more may be cut short by a signal.
    auto* bytes = reinterpret_cast<unsigned char*>(keys_.data());
    for (std::size_t done = 0; done < sizeof keys_; done += 256) {
      if (::getrandom(bytes + done, 256, 0) != 256)
        throw std::runtime_error("this system gives no random bytes");
    }
    used_ = 0;
  }
  return keys_[used_++];
}

std::size_t write_frame(unsigned char* out, Opcode opcode, bool final, std::string_view payload,
                        std::uint32_t mask) {
  unsigned char* at = out;
  *at++ = static_cast<unsigned char>((final ? 0x80U : 0U) | static_cast<unsigned>(opcode));
  const std::uint64_t length = payload.size();
  constexpr unsigned masked = 0x80;
  unsigned length_bytes = 0;
  if (length < 126) {
    *at++ = static_cast<unsigned char>(masked | length);
  } else if (length <= 0xffff) {
    *at++ = static_cast<unsigned char>(masked | 126U);
    length_bytes = 2;
  } else {
    *at++ = static_cast<unsigned char>(masked | 127U);
    length_bytes = 8;
  }
  while (length_bytes > 0) *at++ = static_cast<unsigned char>(length >> (8 * --length_bytes));
  std::memcpy(at, &mask, sizeof mask);
  at += sizeof mask;
  copy_masked(at, payload, mask);
  return static_cast<std::size_t>(at - out) + payload.size();
}

}  // namespace shim
