// Invariants: what a server's bytes come to does not depend on how they were cut, messages are
// whole and within the limit, and data is never longer than what was sent.

#include <variant>

#include "shim/io/frame_reader.hpp"
#include "shim/io/message_assembler.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using Kind = shim::FrameReader::Kind;

std::string show(const shim::Event& event, std::size_t limit) {
  if (const auto* const message = std::get_if<shim::event::LinkMessage>(&event)) {
    SHIM_CHECK(message->text.size() <= limit);
    return "text " + message->text;
  }
  if (const auto* const found = std::get_if<shim::event::LinkMessageTooLong>(&event)) {
    std::string ids = "too long";
    for (const shim::IdScanner::Found& message : found->found.messages())
      for (const std::string& id : message.ids) ids += " " + id;
    return ids;
  }
  SHIM_CHECK(std::holds_alternative<shim::event::LinkBinary>(event));
  return "binary";
}

std::vector<std::string> read(std::string_view stream, std::string_view pattern,
                              std::size_t limit) {
  shim::FrameReader reader;
  shim::MessageAssembler assembler(1, limit);
  std::vector<std::string> found;
  bool over = false;
  fuzz::feed_in_pieces(stream, pattern, [&](std::string_view piece) {
    const fuzz::Exact exact(piece);
    std::string_view bytes = exact.view();
    while (!over) {
      const std::size_t before = bytes.size();
      const shim::FrameReader::Piece part = reader.next(bytes);
      SHIM_CHECK(bytes.size() <= before);
      if (part.kind == Kind::need_more) {
        SHIM_CHECK(bytes.empty());
        break;
      }
      if (part.kind == Kind::data) {
        SHIM_CHECK(part.bytes.size() <= before);
        if (const auto event = assembler.add(part)) found.push_back(show(*event, limit));
        continue;
      }
      if (part.kind != Kind::violation) SHIM_CHECK(part.bytes.size() <= 125);
      found.push_back(std::to_string(static_cast<int>(part.kind)) + std::string(part.bytes));
      over = part.kind == Kind::violation || part.kind == Kind::close;
    }
  });
  return found;
}

}  // namespace

/// The limit, a line with the lengths of the pieces, the stream.
FUZZ_TARGET(frames) {
  fuzz::Bytes bytes(input);
  const std::size_t limit = bytes.byte() % 80U;
  const std::string_view pattern = bytes.line();
  const std::string_view stream = bytes.rest();
  const auto whole = read(stream, {}, limit);
  SHIM_CHECK(read(stream, pattern, limit) == whole);
  SHIM_CHECK(read(stream, std::string_view("\0", 1), limit) == whole);
}
