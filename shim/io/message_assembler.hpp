#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/id_scanner.hpp"
#include "shim/core/event.hpp"
#include "shim/io/frame_reader.hpp"

namespace shim {

/// Puts the pieces of incoming messages together. Of one that grows too long only the id is looked
/// for, so that its request can be settled.
class MessageAssembler {
 public:
  MessageAssembler(Epoch epoch, std::size_t message_bytes_max)
      : epoch_(epoch), message_bytes_max_(message_bytes_max) {}

  /// `piece` is data. Returns the event that a complete message is: LinkMessage, LinkBinary or
  /// LinkMessageTooLong.
  [[nodiscard]] std::optional<Event> add(const FrameReader::Piece& piece);

 private:
  void skip(std::string_view bytes);

  Epoch epoch_;
  std::size_t message_bytes_max_;
  std::string message_;    ///< so far
  bool skipping_ = false;  ///< it has grown too long
  IdScanner scanner_;
};

}  // namespace shim
