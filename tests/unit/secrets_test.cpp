#include "shim/io/secrets.hpp"

#include <doctest/doctest.h>

namespace shim {
namespace {

std::string shown(const std::string& text, const std::string& header_value) {
  return without_secrets(text, secrets_in({{"X-Any", "other-value"}, {"Name", header_value}}));
}

TEST_CASE("secrets: a backend's echo of a header is not shown") {
  CHECK(shown("bad Bearer s3cret", "Bearer s3cret") == "bad ...");
  CHECK(shown("bad token s3cret, s3cret!", "Bearer s3cret") == "bad token ..., ...!");
  CHECK(shown("two words: tok 123.", "Bearer tok 123") == "two words: ....");
  CHECK(shown("other-value and s3cret", "s3cret") == "... and ...");
  CHECK(shown("s3crets3cret", "s3cret") == "......");
  CHECK(shown(R"(a\\b-c)", R"(a\b-c)") == "...");  // as printable() writes it
}

TEST_CASE("secrets: the beginning of a long one is one, too") {
  CHECK(shown("bad 0123456789ab", "Bearer 0123456789abcdef") == "bad ...");
  CHECK(shown("bad 01234567)", "Bearer 0123456789abcdef") == "bad ...)");
  CHECK(shown("bad 0123456", "Bearer 0123456789abcdef") == "bad 0123456");
}

TEST_CASE("secrets: all else stays") {
  CHECK(shown("closed with code 1001", "abc") == "closed with code 1001");
  CHECK(shown("code 100", "100") == "code 100");  // too short to be one
  CHECK(shown("", "s3cret").empty());
  CHECK(without_secrets("text", {}) == "text");
}

}  // namespace
}  // namespace shim
