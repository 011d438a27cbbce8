// As much of RFC 6455 as a benchmark needs, and quickly: neither the backend nor the client that is
// the zero line may be what is measured.

#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cctype>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "framing.hpp"

namespace bench {
namespace {

enum Opcode : std::uint8_t { continuation = 0, text = 1, close = 8, ping = 9, pong = 10 };

constexpr std::uint32_t mask_key = 0x9d3c57a1;

/// Applies a mask to bytes whose first is the first of the payload.
void mask(std::span<char> bytes, std::uint32_t key) {
  const std::uint64_t wide = std::uint64_t{key} << 32 | key;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    word ^= wide;
    std::memcpy(bytes.data() + at, &word, 8);
  }
  const auto key_bytes = std::bit_cast<std::array<char, 4>>(key);
  for (; at < bytes.size(); ++at) bytes[at] = static_cast<char>(bytes[at] ^ key_bytes[at % 4]);
}

void put_frame(Buffer& out, Role role, Opcode opcode, std::string_view payload) {
  char* const start = out.room(payload.size() + 14).data();
  char* at = start;
  const auto put = [&at](std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) *at++ = static_cast<char>(value >> (8 * i));
  };
  const unsigned masked = role == Role::client ? 0x80U : 0U;
  put(0x80U | opcode, 1);
  if (payload.size() < 126) {
    put(masked | payload.size(), 1);
  } else if (payload.size() < 65536) {
    put(masked | 126U, 1);
    put(payload.size(), 2);
  } else {
    put(masked | 127U, 1);
    put(payload.size(), 8);
  }
  if (role == Role::client) {
    std::memcpy(at, &mask_key, 4);
    at += 4;
  }
  std::memcpy(at, payload.data(), payload.size());
  if (role == Role::client) mask({at, payload.size()}, mask_key);
  out.commit(static_cast<std::size_t>(at - start) + payload.size());
}

struct Frame {
  Opcode opcode;
  bool final;
  std::string_view payload;
  std::size_t length;  // with its header
};

/// The frame at the start of `in`, its mask removed, once it is complete.
std::optional<Frame> take_frame(Buffer& in) {
  const std::span<char> bytes = in.bytes();
  const auto number = [bytes](std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    }
    return value;
  };
  if (bytes.size() < 2) return std::nullopt;
  const bool masked = (bytes[1] & 0x80) != 0;
  std::uint64_t payload = number(1, 1) & 0x7f;
  std::size_t header = 2;
  if (payload >= 126) {
    const std::size_t count = payload == 126 ? 2 : 8;
    if (bytes.size() < header + count) return std::nullopt;
    payload = number(header, count);
    header += count;
  }
  std::uint32_t key = 0;
  if (masked && bytes.size() >= header + 4) std::memcpy(&key, bytes.data() + header, 4);
  header += masked ? 4 : 0;
  if (bytes.size() < header || bytes.size() - header < payload) return std::nullopt;
  if (masked) mask(bytes.subspan(header, payload), key);
  return Frame{static_cast<Opcode>(bytes[0] & 0x0f), (bytes[0] & 0x80) != 0,
               in.view().substr(header, payload), header + payload};
}

/// The value of a header field of an HTTP head; empty if there is none.
std::string_view field(std::string_view head, std::string_view name) {
  for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at)) {
    at += 2;
    const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
    const auto colon = line.find(':');
    if (colon == name.size() &&
        std::equal(name.begin(), name.end(), line.begin(),
                   [](char a, char b) { return std::tolower(a) == std::tolower(b); })) {
      const auto value = line.find_first_not_of(' ', colon + 1);
      return value == std::string_view::npos ? "" : line.substr(value);
    }
  }
  return "";
}

std::string accept_value(std::string_view key) {
  const std::string input = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(input.data(), input.size(), digest.data(), &length, EVP_sha1(), nullptr) != 1) {
    throw std::runtime_error("no SHA-1");
  }
  std::array<unsigned char, 64> encoded{};
  const int size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(length));
  return {encoded.begin(), encoded.begin() + size};
}

class WebSocket : public Framing {
 public:
  WebSocket(Role role, Buffer& out) : role_(role) {
    if (role == Role::client) {
      out.append(
          "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    }
  }

  void put(Buffer& out, std::string_view message) override {
    // A client may not send before it is upgraded; the start measures the whole of it.
    if (open_) {
      put_frame(out, role_, text, message);
    } else {
      early_.append(message);
      early_.append("\n");
    }
  }

  std::optional<std::string_view> next(Buffer& in, Buffer& out) override {
    in.consume(taken_);
    taken_ = 0;
    if (complete_) assembled_.clear();
    if (!open_ && !upgrade(in, out)) return std::nullopt;
    while (const auto frame = take_frame(in)) {
      if (frame->opcode == text && frame->final) {
        taken_ = frame->length;
        return frame->payload;
      }
      if (frame->opcode == close) throw std::runtime_error("the other side has closed");
      if (frame->opcode == ping) put_frame(out, role_, pong, frame->payload);
      const bool is_part = frame->opcode == text || frame->opcode == continuation;
      if (is_part) assembled_ += frame->payload;
      complete_ = is_part && frame->final;
      in.consume(frame->length);
      if (complete_) return assembled_;
    }
    return std::nullopt;
  }

 private:
  bool upgrade(Buffer& in, Buffer& out) {
    const auto end = in.view().find("\r\n\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view head = in.view().substr(0, end + 2);
    if (role_ == Role::server) {
      answer_upgrade(head, out);
    } else if (!head.starts_with("HTTP/1.1 101")) {
      throw std::runtime_error("the upgrade was refused");
    }
    in.consume(end + 4);
    open_ = true;
    Lines lines;
    while (const auto message = lines.next(early_, out)) put_frame(out, role_, text, *message);
    return true;
  }

  static void answer_upgrade(std::string_view head, Buffer& out) {
    const std::string_view key = field(head, "Sec-WebSocket-Key");
    if (key.empty()) throw std::runtime_error("no upgrade request");
    out.append(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: ");
    out.append(accept_value(key));
    // Some clients fail if they offer subprotocols and none is selected: the first one then.
    const std::string_view offered = field(head, "Sec-WebSocket-Protocol");
    if (!offered.empty()) {
      out.append("\r\nSec-WebSocket-Protocol: ");
      out.append(offered.substr(0, offered.find_first_of(", ")));
    }
    out.append("\r\n\r\n");
  }

  Role role_;
  bool open_ = false;
  bool complete_ = false;  // assembled_ was given out
  std::size_t taken_ = 0;
  std::string assembled_;  // of a message in several frames
  Buffer early_;
};

}  // namespace

std::unique_ptr<Framing> make_websocket(Role role, Buffer& out) {
  return std::make_unique<WebSocket>(role, out);
}

}  // namespace bench
