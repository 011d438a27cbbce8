#include "common/line_framer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "common/prng.hpp"
#include "tests/unit/show.hpp"

namespace shim {
namespace {

using Lines = std::vector<std::string>;

void put(LineFramer& framer, std::string_view bytes) {
  const auto room = framer.space(bytes.size());
  REQUIRE(room.size() >= bytes.size());
  std::ranges::copy(bytes, room.begin());
  framer.commit(bytes.size());
}

/// Pulls all there is; an over-long line shows as `<oversize ids>`.
void pull_all(LineFramer& framer, Lines& lines, bool ended = false) {
  for (;;) {
    std::string line = "untouched";
    switch (ended ? framer.pull_last(line) : framer.pull(line)) {
      case LineFramer::Pull::need_more: CHECK(line == "untouched"); return;
      case LineFramer::Pull::line: lines.push_back(line); break;
      case LineFramer::Pull::oversize: {
        CHECK(line == "untouched");
        std::string shown = "<oversize";
        for (const IdScanner::Found& message : framer.oversize().messages())
          for (const std::string& id : message.ids) shown += " " + id;
        lines.push_back(shown + ">");
        break;
      }
    }
  }
}

Lines frame(const std::vector<std::string_view>& pieces, std::size_t line_bytes_max) {
  LineFramer framer(line_bytes_max);
  Lines lines;
  for (const std::string_view piece : pieces) {
    put(framer, piece);
    pull_all(framer, lines);
  }
  pull_all(framer, lines, true);
  return lines;
}

struct FramerRow {
  std::string name;
  std::string input;
  Lines lines;
};

/// With a limit of 40 bytes.
std::vector<FramerRow> framer_rows() {
  const std::string at_limit(40, 'a');
  const std::string over(41, 'a');
  return {
      {"nothing", "", {}},
      {"one line", "abc\n", {"abc"}},
      {"three lines", "a\nbb\nccc\n", {"a", "bb", "ccc"}},
      {"no newline at the end", "a\nbb", {"a", "bb"}},
      {"CR before LF", "a\r\nbb\r\n", {"a", "bb"}},
      {"CR at the very end", "a\r", {"a"}},
      {"only one CR is cut", "a\r\r\n", {"a\r"}},
      {"a CR inside stays", "a\rb\n", {"a\rb"}},
      {"blank lines", "\n\r\n  \t \n \r\na\n\n\nb\n\n", {"a", "b"}},
      {"white space around stays", "  a \nb\t\n", {"  a ", "b\t"}},
      {"a NUL", std::string("a\0b\nc\n", 6), {std::string("a\0b", 3), "c"}},
      {"bytes above 127", "\xff\xc3\n", {"\xff\xc3"}},
      {"at the limit", at_limit + "\nb\n", {at_limit, "b"}},
      {"at the limit with CR", at_limit + "\r\nb\n", {at_limit, "b"}},
      {"at the limit, last", at_limit, {at_limit}},
      {"at the limit with CR, last", at_limit + "\r", {at_limit}},
      {"one past", over + "\nb\n", {"<oversize>", "b"}},
      {"one past with CR", over + "\r\nb\n", {"<oversize>", "b"}},
      {"one past, last", over, {"<oversize>"}},
      {"two past", over + "a\nb\n", {"<oversize>", "b"}},
      {"two past, the last two CR", at_limit + "\r\r\nb\n", {"<oversize>", "b"}},
      {"far past", std::string(1000, 'a') + "\nb\n", {"<oversize>", "b"}},
      {"two in a row", over + "\n" + over + "\nb\n", {"<oversize>", "<oversize>", "b"}},
      {"id at the beginning", R"({"id":7,"p":")" + over + over + "\"}\nb\n", {"<oversize 7>", "b"}},
      {"id at the end",
       R"({"p":")" + over + over + "\",\"id\":\"x\"}\nb",
       {"<oversize \"x\">", "b"}},
      {"the next has its own id",
       R"({"id":7,"p":")" + over + "\"}\n{\"id\":8,\"p\":\"" + over + "\"}\n",
       {"<oversize 7>", "<oversize 8>"}},
      {"over-long and cut off", R"({"id":7,"p":")" + over, {"<oversize 7>"}},
  };
}

TEST_CASE("line framer 3: lines, whole and in one piece") {
  for (const FramerRow& row : framer_rows()) {
    CAPTURE(row.name);
    CHECK(frame({row.input}, 40) == row.lines);
  }
}

TEST_CASE("line framer 3: the same lines at every split point") {
  for (const FramerRow& row : framer_rows()) {
    CAPTURE(row.name);
    const std::string_view input = row.input;
    for (std::size_t at = 0; at <= input.size(); ++at) {
      CAPTURE(at);
      CHECK(frame({input.substr(0, at), input.substr(at)}, 40) == row.lines);
    }
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < input.size(); ++at) bytes.push_back(input.substr(at, 1));
    CHECK(frame(bytes, 40) == row.lines);
  }
}

TEST_CASE("line framer 3: the same lines at every pair of split points") {
  const std::string input =
      "{\"id\":1}\r\n\n" + std::string(41, 'x') + "\r\nyy\r\n" + std::string(40, 'z');
  const Lines expected{"{\"id\":1}", "<oversize>", "yy", std::string(40, 'z')};
  const std::string_view view = input;
  for (std::size_t i = 0; i <= view.size(); ++i) {
    for (std::size_t j = i; j <= view.size(); ++j) {
      CAPTURE(i);
      CAPTURE(j);
      CHECK(frame({view.substr(0, i), view.substr(i, j - i), view.substr(j)}, 40) == expected);
    }
  }
}

TEST_CASE("line framer: without an end a line without newline waits") {
  LineFramer framer(100);
  Lines lines;
  put(framer, "abc");
  pull_all(framer, lines);
  CHECK(lines.empty());
  put(framer, "def\ngh");
  pull_all(framer, lines);
  CHECK(lines == Lines{"abcdef"});
  pull_all(framer, lines, true);
  CHECK(lines == Lines{"abcdef", "gh"});
  pull_all(framer, lines, true);  // and again: nothing
  CHECK(lines.size() == 2);
}

TEST_CASE("line framer: blank lines at the end are no lines") {
  for (const char* input : {"", " ", "\r", "\n", "\n \r"}) CHECK(frame({input}, 10).empty());
}

TEST_CASE("line framer: big lines, some of which take the buffer over") {
  const std::size_t limit = 300'000;
  Prng random(1);
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    Lines expected;
    std::string input;
    for (int i = 0; i < 6; ++i) {
      const std::array<std::size_t, 7> sizes{1, 100, 65'535, 65'536, 65'537, 299'999, limit};
      std::string line(sizes[random.next() % sizes.size()], static_cast<char>('a' + i));
      input += line + (random.chance(0.5) ? "\r\n" : "\n");
      expected.push_back(std::move(line));
    }
    const std::size_t piece = random.chance(0.3) ? input.size() : random.next() % 100'000 + 1;
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < input.size(); at += piece) {
      pieces.push_back(std::string_view(input).substr(at, piece));
    }
    const bool same = frame(pieces, limit) == expected;
    CHECK(same);
  }
}

TEST_CASE("line framer 12: an endless line takes no memory") {
  LineFramer framer(1000);
  Lines lines;
  const std::string chunk(4096, 'x');
  put(framer, "{\"id\":5,\"p\":\"");
  std::size_t room_most = 0;
  for (int i = 0; i < 2000; ++i) {
    put(framer, chunk);
    pull_all(framer, lines);
    room_most = std::max(room_most, framer.space(1).size());
  }
  CHECK(lines.empty());
  CHECK(room_most < 64 * 1024);
  put(framer, "\"}\nnext\n");
  pull_all(framer, lines);
  CHECK(lines == Lines{"<oversize 5>", "next"});
}

TEST_CASE(
    "line framer: many lines between two reads are all kept, and space() moves what is left") {
  LineFramer framer(100);
  Lines lines;
  Lines expected;
  Prng random(2);
  for (int round = 0; round < 300; ++round) {
    std::string input;
    const auto count = random.next() % 20;
    for (std::uint64_t i = 0; i < count; ++i) {
      expected.push_back("line " + std::to_string(round) + " " + std::to_string(i));
      input += expected.back() + "\n";
    }
    const std::size_t cut = input.empty() ? 0 : random.next() % input.size();
    put(framer, std::string_view(input).substr(0, cut));
    if (random.chance(0.5)) pull_all(framer, lines);
    put(framer, std::string_view(input).substr(cut));
    if (random.chance(0.5)) pull_all(framer, lines);
  }
  pull_all(framer, lines);
  const bool same = lines == expected;
  CHECK(same);
}

}  // namespace
}  // namespace shim
