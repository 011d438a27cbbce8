#include "shim/commands/params.hpp"

#include <doctest/doctest.h>

namespace shim {
namespace {

const MetaMembers two{{"a", "1"}, {"b\"", "{}"}};

}  // namespace

TEST_CASE("params: one object or array is what may be sent") {
  for (const char* good :
       {"{}", "[]", " {\"a\":1}\n", "[1,[2],{}]", "{\"id\":1,\"id\":2}", "[1e999]"}) {
    CAPTURE(good);
    CHECK(are_params(good));
  }
  for (const char* bad : {"", " ", "1", "\"x\"", "null", "{", "}", "{}{}", "{},{}", "{},\"id\":1",
                          "],[", "]", "{'a':1}", "{\"a\":01}", "\xff{}", "[\"\xff\"]"}) {
    CAPTURE(bad);
    CHECK_FALSE(are_params(bad));
  }
}

TEST_CASE("params: members of _meta are added and nothing else changes") {
  const std::string added = R"("a":1,"b\"":{})";
  CHECK(with_meta("", two) == R"({"_meta":{)" + added + "}}");
  CHECK(with_meta("{}", two) == R"({"_meta":{)" + added + "}}");
  CHECK(with_meta("{ }", two) == R"({"_meta":{)" + added + "} }");
  CHECK(with_meta(R"({"x":1.50})", two) == R"({"_meta":{)" + added + R"(},"x":1.50})");
  CHECK(with_meta(R"({"x":1,"_meta":{},"y":2})", two) ==
        R"({"x":1,"_meta":{)" + added + R"(},"y":2})");
  CHECK(with_meta(R"({"_meta":{"c":3}})", two) == R"({"_meta":{)" + added + R"(,"c":3}})");
}

TEST_CASE("params: what _meta has already stays") {
  CHECK(with_meta(R"({"_meta":{"a":7}})", two) == R"({"_meta":{"b\"":{},"a":7}})");
  CHECK(with_meta(R"({"_meta":{"a":7,"b\"":8}})", two) == R"({"_meta":{"a":7,"b\"":8}})");
}

TEST_CASE("params: where no _meta can be, none is added") {
  CHECK(with_meta("[1]", two) == "[1]");
  CHECK(with_meta(R"({"_meta":null})", two) == R"({"_meta":null})");
  CHECK(with_meta("{}", {}) == "{}");
}

TEST_CASE("params: a version of the modern era is found in _meta only") {
  CHECK(names_a_modern_version(
      R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}})"));
  CHECK(names_a_modern_version(
      R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-31"}})"));
  for (const char* const other : {R"("2025-11-25")", R"("2026-07-27")", R"("x")", R"("tomorrow")",
                                  R"("")", "20260728", "null"}) {
    CAPTURE(other);
    CHECK_FALSE(names_a_modern_version(R"({"_meta":{"io.modelcontextprotocol/protocolVersion":)" +
                                       std::string(other) + "}}"));
  }
  CHECK_FALSE(names_a_modern_version(R"({"io.modelcontextprotocol/protocolVersion":"x"})"));
  CHECK_FALSE(names_a_modern_version(R"({"_meta":{}})"));
  CHECK_FALSE(names_a_modern_version("[]"));
  CHECK_FALSE(names_a_modern_version(""));
}

}  // namespace shim
