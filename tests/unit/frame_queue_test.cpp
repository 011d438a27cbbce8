// Outgoing messages in frames (contract 12, RFC 6455 § 5).

#include "shim/io/frame_queue.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shim {
namespace {

std::uint64_t number(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

/// Takes a client's frame from the front of `bytes` and shows it as `81 payload`.
std::string take_frame(std::string_view& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  CHECK((second & 0x80U) != 0);
  std::uint64_t length = second & 0x7fU;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (extended > 0) length = number(bytes.substr(2, extended));
  const std::string_view mask = bytes.substr(2 + extended, 4);
  std::string shown{digits[first >> 4U], digits[first & 0xfU], ' '};
  const std::string_view payload = bytes.substr(2 + extended + 4, length);
  REQUIRE(payload.size() == length);
  for (std::size_t i = 0; i < payload.size(); ++i)
    shown += static_cast<char>(payload[i] ^ mask[i % 4]);
  bytes.remove_prefix(2 + extended + 4 + length);
  return shown;
}

std::vector<std::string> fill(FrameQueue& queue, std::size_t room, std::size_t payload) {
  std::vector<unsigned char> buffer(room);
  const auto filled = queue.fill(buffer);
  CHECK(filled.bytes <= room);
  CHECK(filled.payload == payload);
  std::string_view bytes(reinterpret_cast<const char*>(buffer.data()), filled.bytes);
  std::vector<std::string> frames;
  while (!bytes.empty()) frames.push_back(take_frame(bytes));
  return frames;
}

using Frames = std::vector<std::string>;

}  // namespace

TEST_CASE("FrameQueue 12: small messages go together, as far as there is room") {
  MaskSource masks;
  FrameQueue queue(masks);
  CHECK(queue.is_empty());
  for (int i = 0; i < 3; ++i) queue.add_message(std::string(40, static_cast<char>('a' + i)));
  CHECK(fill(queue, 130, 80) == Frames{"81 " + std::string(40, 'a'), "81 " + std::string(40, 'b')});
  CHECK_FALSE(queue.is_empty());
  CHECK(fill(queue, 130, 40) == Frames{"81 " + std::string(40, 'c')});
  CHECK(queue.is_empty());
}

TEST_CASE("FrameQueue 12: a large message goes in frames between which others may stand") {
  MaskSource masks;
  FrameQueue queue(masks);
  queue.add_message(std::string(250, 'x') + "end");
  queue.add_message("next");
  CHECK(fill(queue, 140, 126) == Frames{"01 " + std::string(126, 'x')});
  CHECK(queue.is_mid_message());
  queue.set_ping("still there?");
  queue.set_pong("yes");
  const Frames between = fill(queue, 140, 0);
  CHECK(between == Frames{"8a yes", "89 still there?"});
  CHECK(queue.is_mid_message());
  CHECK(fill(queue, 140, 126) == Frames{"00 " + std::string(124, 'x') + "en"});
  CHECK(fill(queue, 140, 5) == Frames{"80 d", "81 next"});
  CHECK_FALSE(queue.is_mid_message());
  CHECK(queue.is_empty());
}

TEST_CASE("FrameQueue 12: only the last of several pings is answered") {
  MaskSource masks;
  FrameQueue queue(masks);
  queue.set_pong("first");
  queue.set_pong("last");
  CHECK(fill(queue, 200, 0) == Frames{"8a last"});
  CHECK(queue.is_empty());
}

TEST_CASE("FrameQueue 12: an empty message is a message") {
  MaskSource masks;
  FrameQueue queue(masks);
  queue.add_message("");
  CHECK(fill(queue, 200, 0) == Frames{"81 "});
  CHECK(queue.is_empty());
}

}  // namespace shim
