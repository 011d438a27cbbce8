// Invariant: lines do not depend on how the stream was cut, and are those of a naive splitter.

#include "common/line_framer.hpp"

#include <optional>

#include "tests/fuzz/fuzz.hpp"

namespace {

using shim::LineFramer;

/// A line, or what is known of one that was too long.
struct Pulled {
  std::optional<std::string> line;
  std::vector<shim::IdScanner::Found> found;

  bool operator==(const Pulled&) const = default;
};

Pulled oversize(const shim::IdScanner& scanner) {
  return {.line = std::nullopt, .found = scanner.messages()};
}

/// Contract 3, with the whole stream in hand.
std::vector<Pulled> split(std::string_view stream, std::size_t limit) {
  std::vector<Pulled> lines;
  while (!stream.empty()) {
    const std::size_t end = stream.find('\n');
    std::string_view line = stream.substr(0, end);
    stream.remove_prefix(end == std::string_view::npos ? stream.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > limit) {
      shim::IdScanner scanner;
      scanner.feed(line);
      lines.push_back(oversize(scanner));
    } else if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      lines.push_back({.line = std::string(line), .found = {}});
    }
  }
  return lines;
}

void note(LineFramer::Pull pull, const std::string& line, const LineFramer& framer,
          std::vector<Pulled>& lines) {
  if (pull == LineFramer::Pull::line) lines.push_back({.line = line, .found = {}});
  if (pull == LineFramer::Pull::oversize) lines.push_back(oversize(framer.oversize()));
}

std::vector<Pulled> frame(std::string_view stream, std::string_view pattern, std::size_t limit) {
  LineFramer framer(limit);
  std::vector<Pulled> lines;
  fuzz::feed_in_pieces(stream, pattern, [&](std::string_view piece) {
    const auto room = framer.space(piece.size());
    SHIM_CHECK(room.size() >= piece.size());
    std::ranges::copy(piece, room.begin());
    framer.commit(piece.size());
    std::string line = "untouched";
    for (;;) {
      const auto pull = framer.pull(line);
      if (pull == LineFramer::Pull::need_more) break;
      note(pull, line, framer, lines);
      if (pull == LineFramer::Pull::oversize) SHIM_CHECK(line == "untouched");
      line = "untouched";
    }
    SHIM_CHECK(line == "untouched");
  });
  std::string line;
  for (;;) {
    const auto pull = framer.pull_last(line);
    if (pull == LineFramer::Pull::need_more) return lines;
    note(pull, line, framer, lines);
  }
}

}  // namespace

/// The limit, a line with the lengths of the pieces, the stream.
FUZZ_TARGET(line_framer) {
  fuzz::Bytes bytes(input);
  const std::size_t limit = bytes.byte() % 80U;
  const std::string_view pattern = bytes.line();
  const std::string_view stream = bytes.rest();
  const auto expected = split(stream, limit);
  SHIM_CHECK(frame(stream, pattern, limit) == expected);
  SHIM_CHECK(frame(stream, {}, limit) == expected);
}
