#include "shim/io/message_assembler.hpp"

#include <algorithm>
#include <utility>

namespace shim {
namespace {

constexpr std::size_t large_bytes_min = std::size_t{1} << 20U;

/// On its way to the host a message gets a newline and perhaps an id of ours.
constexpr std::size_t spare_bytes = 64;

}  // namespace

std::optional<Event> MessageAssembler::add(const FrameReader::Piece& piece) {
  if (piece.first) {
    message_.clear();
    skipping_ = false;
  }
  if (piece.binary) {
    if (piece.last) return event::LinkBinary{epoch_};
    return std::nullopt;
  }
  if (skipping_ || piece.bytes.size() > message_bytes_max_ - message_.size()) {
    skip(piece.bytes);
  } else {
    const std::uint64_t room = message_bytes_max_ - piece.bytes.size();
    if (message_.empty())
      message_.reserve(piece.bytes.size() +
                       static_cast<std::size_t>(std::min(piece.to_come, room)) + spare_bytes);
    // To grow by and by would mean to hold it twice. Pages that are not touched cost nothing.
    if (message_.size() + piece.bytes.size() >= message_.capacity() &&
        message_.size() >= large_bytes_min)
      message_.reserve(message_bytes_max_ + spare_bytes);
    message_.append(piece.bytes);
  }
  if (!piece.last) return std::nullopt;
  if (skipping_) return event::LinkMessageTooLong{epoch_, std::move(scanner_)};
  return event::LinkMessage{epoch_, std::exchange(message_, {})};
}

void MessageAssembler::skip(std::string_view bytes) {
  if (!std::exchange(skipping_, true)) {
    scanner_ = IdScanner();
    scanner_.feed(message_);
    std::string().swap(message_);
  }
  scanner_.feed(bytes);
}

}  // namespace shim
