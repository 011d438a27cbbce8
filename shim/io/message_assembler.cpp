#include "shim/io/message_assembler.hpp"

#include <algorithm>
#include <utility>

namespace shim {

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
    if (message_.empty())  // one more, for the newline that it gets on its way to the host
      message_.reserve(piece.bytes.size() +
                       static_cast<std::size_t>(std::min(piece.to_come, room)) + 1);
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
