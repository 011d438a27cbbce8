// What a server sends, taken apart (contract 4.1, RFC 6455 § 5).

#include "shim/io/frame_reader.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/server_frame.hpp"

namespace shim {
namespace {

using Kind = FrameReader::Kind;

/// What comes of `stream`, cut into pieces of `piece` bytes; data is put together, and shown as
/// `text …` or `binary …` when its message ends.
std::vector<std::string> read(std::string_view stream, std::size_t piece) {
  FrameReader reader;
  std::vector<std::string> shown;
  std::string message;
  while (!stream.empty()) {
    std::string_view bytes = stream.substr(0, piece);
    stream.remove_prefix(bytes.size());
    for (;;) {
      const FrameReader::Piece found = reader.next(bytes);
      if (found.kind == Kind::need_more) break;
      const std::string text(found.bytes);
      switch (found.kind) {
        case Kind::data:
          if (found.first) message = found.binary ? "binary " : "text ";
          message += text;
          if (found.last) shown.push_back(message);
          break;
        case Kind::ping: shown.push_back("ping " + text); break;
        case Kind::pong: shown.push_back("pong " + text); break;
        case Kind::close: shown.push_back("close " + text); break;
        case Kind::violation: shown.push_back("violation: " + text); return shown;
        case Kind::need_more: break;
      }
    }
    CHECK(bytes.empty());
  }
  return shown;
}

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

}  // namespace

TEST_CASE("FrameReader 4.1: what it finds does not depend on how the stream is cut") {
  const std::string stream =
      server_frame(0x81, "one") + server_frame(0x89, "in between") + server_frame(0x01, "be") +
      server_frame(0x8a, "") + server_frame(0x00, "gin") + server_frame(0x80, "ning") +
      server_frame(0x81, "") + server_frame(0x01, "") + server_frame(0x80, "") +
      server_frame(0x82, std::string(3, '\0')) + server_frame(0x81, std::string(125, 'a')) +
      server_frame(0x81, std::string(126, 'b')) + server_frame(0x81, std::string(65'535, 'c')) +
      server_frame(0x81, std::string(65'536, 'd')) + server_frame(0x89, std::string(125, 'p')) +
      server_frame(0x88, bytes({0x03, 0xf4}) + "bye");
  const std::vector<std::string> expected{"text one",
                                          "ping in between",
                                          "pong ",
                                          "text beginning",
                                          "text ",
                                          "text ",
                                          "binary " + std::string(3, '\0'),
                                          "text " + std::string(125, 'a'),
                                          "text " + std::string(126, 'b'),
                                          "text " + std::string(65'535, 'c'),
                                          "text " + std::string(65'536, 'd'),
                                          "ping " + std::string(125, 'p'),
                                          "close " + bytes({0x03, 0xf4}) + "bye"};
  for (const std::size_t piece : {1UL, 2UL, 3UL, 5UL, 7UL, 11UL, 127UL, 4096UL, stream.size()}) {
    CAPTURE(piece);
    CHECK(read(stream, piece) == expected);
  }
}

TEST_CASE("FrameReader 4.1: data points into what was given, and says what is still to come") {
  FrameReader reader;
  const std::string stream = server_frame(0x81, std::string(1000, 'x'));
  std::string_view given(stream.data(), 104);
  const FrameReader::Piece piece = reader.next(given);
  CHECK(piece.kind == Kind::data);
  CHECK(piece.bytes.data() == stream.data() + 4);
  CHECK(piece.bytes.size() == 100);
  CHECK(piece.to_come == 900);
  CHECK(piece.first);
  CHECK_FALSE(piece.last);
}

TEST_CASE("FrameReader 4.1: a server that breaks the protocol is found out at the header") {
  struct Row {
    std::string stream;
    std::string violation;
  };
  const std::vector<Row> rows{
      {bytes({0xc1, 0x01}), "a reserved bit is set"},
      {bytes({0xa1, 0x01}), "a reserved bit is set"},
      {bytes({0x91, 0x01}), "a reserved bit is set"},
      {bytes({0x81, 0x81}), "a server's frame is masked"},
      {bytes({0x83, 0x00}), "an unknown opcode"},
      {bytes({0x8b, 0x00}), "an unknown opcode"},
      {bytes({0x8f, 0x00}), "an unknown opcode"},
      {bytes({0x09, 0x00}), "a control frame is fragmented"},
      {bytes({0x89, 0x7e, 0x00, 0x7e}), "a control frame is too long"},
      {bytes({0x88, 0x7e, 0x00, 0x7e}), "a control frame is too long"},
      {bytes({0x80, 0x00}), "a continuation of no message"},
      {server_frame(0x81, "whole") + bytes({0x80, 0x00}), "a continuation of no message"},
      {server_frame(0x01, "part") + bytes({0x81, 0x00}), "a message starts within another one"},
      {bytes({0x81, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0}), "a frame length is negative"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.violation);
    for (const std::size_t piece : {std::size_t{1}, row.stream.size()}) {
      const auto shown = read(row.stream, piece);
      REQUIRE_FALSE(shown.empty());
      CHECK(shown.back() == "violation: " + row.violation);
    }
  }
}

TEST_CASE(
    "FrameReader 4.1: a close frame must have a code that may be sent, and a reason in UTF-8") {
  const auto code = [](int number) { return bytes({number / 256, number % 256}); };
  const auto found = [](const std::string& payload) {
    const std::string stream = server_frame(0x88, payload);
    std::string_view given = stream;
    FrameReader reader;
    const FrameReader::Piece piece = reader.next(given);
    return piece.kind == Kind::violation ? int{piece.close_code} : 0;
  };
  CHECK(found("") == 0);
  for (const int valid : {1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4000, 4999}) {
    CAPTURE(valid);
    CHECK(found(code(valid)) == 0);
  }
  for (const int invalid : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535}) {
    CAPTURE(invalid);
    CHECK(found(code(invalid)) == 1002);
  }
  CHECK(found("\x03") == 1002);
  CHECK(found(code(1000) + "gr\xc3\xbc\xc3\x9f") == 0);
  CHECK(found(code(1000) + "\xff\xfe") == 1007);
  CHECK(found(code(1000) + "cut \xc3") == 1007);
}

TEST_CASE("FrameReader 11: a frame that claims to be enormous is no more than its bytes") {
  FrameReader reader;
  const std::string header = bytes({0x81, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  std::string_view given(header);
  FrameReader::Piece piece = reader.next(given);
  CHECK(piece.kind == Kind::need_more);
  given = "abc";
  piece = reader.next(given);
  CHECK(piece.bytes == "abc");
  CHECK(piece.to_come == 0x7fff'ffff'ffff'fffcULL);
}

}  // namespace shim
