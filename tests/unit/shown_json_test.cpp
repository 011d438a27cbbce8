#include "shim/commands/shown_json.hpp"

#include <doctest/doctest.h>

namespace shim {
namespace {

std::string with_marks(std::string_view json) {
  return shown_json(json, [](std::string_view text) {
    std::string out(text);
    for (const std::string_view secret : {"s3\"cret", "12345678"}) {
      const std::size_t at = out.find(secret);
      if (at != std::string::npos) out.replace(at, secret.size(), "...");
    }
    return out;
  });
}

TEST_CASE("shown JSON 2: numbers stay as they are spelled, and white space goes") {
  CHECK(with_marks("{\"a\" : [1.50, -0, 1e999,\t12345678901234567890123 ], \"b\":true}") ==
        R"({"a":[1.50,-0,1e999,"...901234567890123"],"b":true})");
  CHECK(with_marks("12345") == "12345");
  CHECK(with_marks("98765432109876543210") == "98765432109876543210");
  CHECK(with_marks("null") == "null");
  CHECK(with_marks("").empty());
}

TEST_CASE("shown JSON 2: all of it is ASCII") {
  CHECK(with_marks("[\"caf\xc3\xa9 \x7f\",\"\\u009b\\n\\\"\\\\\",\"\xf0\x9f\x98\x80\"]") ==
        R"(["caf\u00e9 \u007f","\u009b\n\"\\","\ud83d\ude00"])");
  CHECK(with_marks(R"(["\ud800x"])") == R"(["\ufffdx"])");
}

TEST_CASE("shown JSON 10: strings are shown without secrets, whichever way they are escaped") {
  CHECK(with_marks(R"({"s3\"cret":"no \u00733\u0022cret!","code":-12345})") ==
        R"({"...":"no ...!","code":-12345})");
}

TEST_CASE("shown JSON: what is no JSON does no harm") {
  for (const char* const text : {"\"", "\"\\", "\"abc", "{\"a\":", "-", "\"\\u00\""}) {
    CAPTURE(text);
    CHECK(with_marks(text).size() < 20);
  }
}

}  // namespace
}  // namespace shim
