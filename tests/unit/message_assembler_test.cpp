// Incoming messages put together, within their limit (contract 12).

#include "shim/io/message_assembler.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <variant>

namespace shim {
namespace {

constexpr Epoch epoch = 7;

/// Adds a text message in frames of their own; the event comes with the last one.
std::optional<Event> add(MessageAssembler& assembler,
                         std::initializer_list<std::string_view> parts) {
  std::optional<Event> event;
  std::size_t index = 0;
  for (const std::string_view part : parts) {
    CHECK_FALSE(event.has_value());
    event = assembler.add({.kind = FrameReader::Kind::data,
                           .bytes = part,
                           .first = index == 0,
                           .last = index + 1 == parts.size()});
    ++index;
  }
  return event;
}

std::string text_of(const std::optional<Event>& event) {
  REQUIRE(event.has_value());
  const auto* const message = std::get_if<event::LinkMessage>(&*event);
  REQUIRE(message != nullptr);
  CHECK(message->epoch == epoch);
  return message->text;
}

}  // namespace

TEST_CASE("MessageAssembler 12: parts become one message, each message a new one") {
  MessageAssembler assembler(epoch, 100);
  CHECK(text_of(add(assembler, {"one"})) == "one");
  CHECK(text_of(add(assembler, {"t", "", "wo"})) == "two");
  CHECK(text_of(add(assembler, {""})).empty());
}

TEST_CASE("MessageAssembler 12: the limit counts the whole message; the next one is whole again") {
  MessageAssembler assembler(epoch, 10);
  CHECK(text_of(add(assembler, {"0123456789"})) == "0123456789");
  CHECK(text_of(add(assembler, {"01234", "56789"})) == "0123456789");
  const auto event = add(assembler, {R"({"id":4)", R"(2,"r":1)", "}"});  // none is too long alone
  REQUIRE(event.has_value());
  const auto* const found = std::get_if<event::LinkMessageTooLong>(&*event);
  REQUIRE(found != nullptr);
  REQUIRE(found->found.messages().size() == 1);
  CHECK(found->found.messages().front().ids == std::vector<std::string>{"42"});
  CHECK(text_of(add(assembler, {"short"})) == "short");
}

TEST_CASE("MessageAssembler 12: binary messages are reported without their bytes") {
  MessageAssembler assembler(epoch, 3);
  const FrameReader::Piece part{
      .kind = FrameReader::Kind::data, .bytes = "12345", .binary = true, .first = true};
  CHECK_FALSE(assembler.add(part).has_value());
  FrameReader::Piece end = part;
  end.first = false;
  end.last = true;
  const auto event = assembler.add(end);
  REQUIRE(event.has_value());
  CHECK(std::holds_alternative<event::LinkBinary>(*event));
  CHECK(text_of(add(assembler, {"abc"})) == "abc");
}

TEST_CASE(
    "MessageAssembler 11: a frame's own word for its length reserves no more than the limit") {
  MessageAssembler assembler(epoch, 1000);
  CHECK_FALSE(assembler
                  .add({.kind = FrameReader::Kind::data,
                        .bytes = "abc",
                        .first = true,
                        .to_come = ~std::uint64_t{0}})
                  .has_value());
  const auto event = assembler.add({.kind = FrameReader::Kind::data, .bytes = "def", .last = true});
  CHECK(text_of(event) == "abcdef");
}

}  // namespace shim
