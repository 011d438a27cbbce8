#include "common/text.hpp"

#include <doctest/doctest.h>

#include <array>

namespace shim {
namespace {

TEST_CASE("text 10: bytes from outside are escaped") {
  struct Row {
    std::string_view bytes;
    std::string shown;
  };
  const std::array rows{
      Row{"", ""},
      Row{"plain text ~", "plain text ~"},
      Row{"a\nb\r\tc", "a\\nb\\r\\tc"},
      Row{"back\\slash", "back\\\\slash"},
      Row{std::string_view("\0\x01\x1f\x7f\x80\xff", 6), "\\x00\\x01\\x1f\\x7f\\x80\\xff"},
      Row{"\x1b[31m", "\\x1b[31m"},
      Row{"\xc3\xa9", "\\xc3\\xa9"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.shown);
    CHECK(printable(row.bytes) == row.shown);
  }
}

TEST_CASE("text 10: bytes from outside are cut at 256") {
  CHECK(printable(std::string(255, 'x')) == std::string(255, 'x'));
  CHECK(printable(std::string(256, 'x')) == std::string(256, 'x'));
  CHECK(printable(std::string(257, 'x')) == std::string(256, 'x') + "...");
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("abc", 3) == "abc");
  CHECK(printable("abc", 0) == "...");
  CHECK(printable("", 0).empty());
  CHECK(printable(std::string(1'000'000, '\xff')).size() == 256 * 4 + 3);
}

TEST_CASE("text 11: only visible ASCII and space may stand in a header, a token or a path") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const std::string text = std::string("a") + static_cast<char>(byte) + "b";
    CHECK(is_visible_ascii(text) == (byte >= 0x20 && byte <= 0x7e));
  }
  CHECK(is_visible_ascii(""));
}

TEST_CASE("text: what UTF-8 is") {
  for (const char* const good : {"", "abc", "gr\xc3\xbc\xc3\x9f", "\xf0\x9f\x98\x80"})
    CHECK(is_utf8(good));
  for (const char* const bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80"})
    CHECK_FALSE(is_utf8(bad));
}

}  // namespace
}  // namespace shim
