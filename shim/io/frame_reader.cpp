#include "shim/io/frame_reader.hpp"

#include <algorithm>

#include "common/text.hpp"

namespace shim {
namespace {

bool is_control(Opcode opcode) { return (static_cast<unsigned>(opcode) & 0x8U) != 0; }

/// Length of a header by its second byte, which is there.
std::size_t header_length(unsigned char second) {
  switch (second & 0x7fU) {
    case 126: return 4;
    case 127: return 10;
    default: return 2;
  }
}

/// Codes that may be sent (RFC 6455 § 7.4, and IANA's registry).
bool is_close_code(unsigned code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

/// A close frame that RFC 6455 § 5.5.1 allows, or the violation that it is.
FrameReader::Piece judge_close(const FrameReader::Piece& close) {
  using Kind = FrameReader::Kind;
  if (close.bytes.empty()) return close;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(close.bytes[i]); };
  if (close.bytes.size() == 1 || !is_close_code(byte(0) * 256U + byte(1)))
    return {.kind = Kind::violation, .bytes = "a close frame without a valid code"};
  if (!is_utf8(close.bytes.substr(2)))
    return {.kind = Kind::violation,
            .bytes = "the reason of a close frame is not UTF-8",
            .close_code = 1007};
  return close;
}

}  // namespace

FrameReader::Piece FrameReader::next(std::string_view& bytes) {
  if (!in_payload_) {
    if (!take_header(bytes)) return {};
    if (const char* const wrong = read_header(); wrong != nullptr)
      return {.kind = Kind::violation, .bytes = wrong};
    in_payload_ = true;
  }
  return is_control(opcode_) ? take_control(bytes) : take_data(bytes);
}

bool FrameReader::take_header(std::string_view& bytes) {
  while (!bytes.empty() && (header_bytes_ < 2 || header_bytes_ < header_length(header_[1]))) {
    header_[header_bytes_++] = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
  }
  return header_bytes_ >= 2 && header_bytes_ == header_length(header_[1]);
}

/// What is wrong with the header; nullptr if nothing is.
const char* FrameReader::read_header() {
  const unsigned first = header_[0];
  const unsigned second = header_[1];
  left_ = second & 0x7fU;
  if (header_bytes_ > 2) left_ = 0;
  for (std::size_t i = 2; i < header_bytes_; ++i) left_ = left_ << 8U | header_[i];
  header_bytes_ = 0;

  final_ = (first & 0x80U) != 0;
  opcode_ = static_cast<Opcode>(first & 0x0fU);
  if ((first & 0x70U) != 0) return "a reserved bit is set";
  if ((second & 0x80U) != 0) return "a server's frame is masked";
  if (left_ >> 63U != 0) return "a frame length is negative";
  switch (opcode_) {
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      control_bytes_ = 0;
      if (!final_) return "a control frame is fragmented";
      return left_ > control_bytes_max ? "a control frame is too long" : nullptr;
    case Opcode::text:
    case Opcode::binary:
      if (in_message_) return "a message starts within another one";
      in_message_ = true;
      starts_message_ = true;
      binary_ = opcode_ == Opcode::binary;
      return nullptr;
    case Opcode::continuation: return in_message_ ? nullptr : "a continuation of no message";
  }
  return "an unknown opcode";
}

FrameReader::Piece FrameReader::take_control(std::string_view& bytes) {
  const std::size_t count = std::min<std::size_t>(left_, bytes.size());
  std::copy_n(bytes.data(), count, control_.data() + control_bytes_);
  control_bytes_ += count;
  left_ -= count;
  bytes.remove_prefix(count);
  if (left_ > 0) return {};
  in_payload_ = false;
  const Kind kind = opcode_ == Opcode::ping   ? Kind::ping
                    : opcode_ == Opcode::pong ? Kind::pong
                                              : Kind::close;
  const Piece piece{.kind = kind, .bytes = {control_.data(), control_bytes_}};
  return kind == Kind::close ? judge_close(piece) : piece;
}

FrameReader::Piece FrameReader::take_data(std::string_view& bytes) {
  if (bytes.empty() && left_ > 0) return {};
  const std::size_t count = std::min<std::size_t>(left_, bytes.size());
  left_ -= count;
  const Piece piece{.kind = Kind::data,
                    .bytes = bytes.substr(0, count),
                    .binary = binary_,
                    .first = starts_message_,
                    .last = final_ && left_ == 0,
                    .to_come = left_};
  bytes.remove_prefix(count);
  starts_message_ = false;
  if (left_ == 0) in_payload_ = false;
  if (piece.last) in_message_ = false;
  return piece;
}

}  // namespace shim
