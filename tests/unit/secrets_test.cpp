#include "shim/io/secrets.hpp"

#include <doctest/doctest.h>

namespace shim {
namespace {

Secrets with_header(const std::string& value) {
  Secrets secrets;
  secrets.add_headers({{"X-Any", "other-value"}, {"Name", value}});
  return secrets;
}

Secrets with_query(const std::string& query) {
  Secrets secrets;
  secrets.add_query(std::get<Url>(parse_url("ws://h/p?" + query)));
  return secrets;
}

std::string shown(const std::string& text, const std::string& header_value) {
  return with_header(header_value).removed_from(text);
}

TEST_CASE("secrets 10: a backend's echo of a header is not shown") {
  CHECK(shown("bad Bearer s3cret", "Bearer s3cret") == "bad ...");
  CHECK(shown("bad token s3cret, s3cret!", "Bearer s3cret") == "bad token ..., ...!");
  CHECK(shown("two words: tok 123.", "Bearer tok 123") == "two words: ....");
  CHECK(shown("other-value and s3cret", "s3cret") == "... and ...");
  CHECK(shown("s3crets3cret", "s3cret") == "......");
  CHECK(shown(R"(a\\b-c)", R"(a\b-c)") == "...");  // as printable() writes it
}

TEST_CASE("secrets 10: the beginning of a long one is one, too") {
  CHECK(shown("bad 0123456789ab", "Bearer 0123456789abcdef") == "bad ...");
  CHECK(shown("bad 01234567)", "Bearer 0123456789abcdef") == "bad ...)");
  CHECK(shown("bad 0123456", "Bearer 0123456789abcdef") == "bad 0123456");
}

TEST_CASE("secrets 10: all else stays") {
  CHECK(shown("closed with code 1001", "abc") == "closed with code 1001");
  CHECK(shown("code 100", "100") == "code 100");  // too short to be one
  CHECK(shown("", "s3cret").empty());
  CHECK(Secrets().removed_from("text") == "text");
}

TEST_CASE("secrets 10: values of a query are secrets as written and decoded, with a name or not") {
  const Secrets secrets = with_query("a=s3cret&p%2Fq-r&b=x%20yz&c=abc");
  CHECK(secrets.removed_from("s3cret p%2Fq-r p/q-r x%20yz x yz abc a b c") ==
        "... ... ... ... ... abc a b c");
}

TEST_CASE("secrets 10: so they are as a form is decoded, and with their escapes in either case") {
  const Secrets secrets = with_query("a=ab+cd%2Fef+g&b=p%3Dq%2fr&c=x+y%zz");
  CHECK(secrets.removed_from("ab+cd%2Fef+g ab+cd/ef+g ab cd/ef g ab+cd%2fef+g") ==
        "... ... ... ...");
  CHECK(secrets.removed_from("p%3Dq%2fr p%3dq%2fr p%3Dq%2Fr p=q/r (x y%zz)") ==
        "... ... ... ... (...)");
  CHECK(secrets.are_in(R"({"a":"ab cd\/ef g"})"));
}

TEST_CASE("secrets 10: what is encoded behind Basic is a secret, and the password in it") {
  for (const char* const header : {"Basic dXNlcjpwYTU1OndvcmQ=", "basic  dXNlcjpwYTU1OndvcmQ"}) {
    CAPTURE(header);
    CHECK(shown("user, no user:pa55:word, no pa55:word", header) == "user, no ..., no ...");
  }
  CHECK(shown("user:abc abc", "Basic dXNlcjphYmM=") == "... abc");  // too short to be one
  for (const char* const none : {"Basic", "Basic ", "Basic !!!!", "Basic a", "Basic =", "Bas"})
    CHECK(shown("user and a text", none) == "user and a text");
}

TEST_CASE("secrets 10: a short word or number in a query stays, anything else does not") {
  const Secrets words = with_query("a=link&b=ready&c=2601&d=attempt&e=%66ree");
  const std::string line = "link 2 failed (attempt 1): ready 2601 free";
  CHECK(words.removed_from(line) == line);
  CHECK(with_query("a=abcd1&b=longword&c=12345678&d=a-b-c")
            .removed_from("abcd1 longword 12345678 a-b-c") == "... ... ... ...");
  Secrets token;
  token.add_token("link");
  CHECK(token.removed_from("link 2") == "... 2");
}

TEST_CASE("secrets 10: each cookie is a secret of its own, unless it is a short word or number") {
  Secrets secrets;
  secrets.add_headers({{"cookie", "session=s3cret-A; b=\"s3cret-B\";c=dark; d=1; s3cret-E"}});
  CHECK(secrets.removed_from("no s3cret-A, s3cret-B, s3cret-E, dark 1") ==
        "no ..., ..., ..., dark 1");
  CHECK(secrets.removed_from("session=s3cret-A; b=\"s3cret-B\";c=dark; d=1; s3cret-E") == "...");
}

TEST_CASE("secrets 10: one that was cut is removed as a whole, however its slashes are written") {
  Secrets secrets;
  secrets.add_token("0123456789/abcdefghi/jklmnop");
  CHECK(secrets.removed_from("(0123456789/abcdefghi/jk)") == "(...)");
  CHECK(secrets.removed_from(R"((0123456789\/abcdefghi\/jk))") == "(...)");
  CHECK(secrets.removed_from(R"((0123456789\\/abcdefghi\\/jk))") == "(...)");  // printable
}

TEST_CASE("secrets 10: one that begins within another one is removed to its end") {
  Secrets secrets;
  secrets.add_token("12345678-and-more");
  secrets.add_token("678-another");
  CHECK(secrets.removed_from("<12345678-another>") == "<...>");
}

TEST_CASE("secrets 10: in texts that were not made printable they are found, too") {
  CHECK(shown(R"(bad pass"word-1!)", R"(pass"word-1)") == "bad ...!");
  CHECK(shown(R"({"a":"pass\"word-1"})", R"(pass"word-1)") == R"({"a":"..."})");
  CHECK(shown(R"(a\b-c)", R"(a\b-c)") == "...");
}

TEST_CASE("secrets 10: however JSON writes one it is not shown, and no part of it is left over") {
  CHECK(shown(R"(id "abcdefgh\\/ijkl")", "abcdefgh/ijkl") == R"(id "...")");
  CHECK(shown(R"(id "abcdefgh\\"ijkl")", R"(abcdefgh"ijkl)") == R"(id "...")");
  CHECK(shown("12345678-long 12345678", "Bearer 12345678-long") == "... ...");
  Secrets secrets = with_header("12345678");
  secrets.add_token("12345678-and-more");
  CHECK(secrets.removed_from("12345678-and-more") == "...");
}

TEST_CASE("secrets 10: tokens are known as long as they may be heard of, not for ever") {
  Secrets secrets;
  for (int i = 0; i < 1000; ++i) secrets.add_token("token-" + std::to_string(i) + "-x");
  CHECK(secrets.removed_from("token-999-x token-990-x") == "... ...");
  CHECK(secrets.removed_from("token-999-x, tok") == "..., tok");
  CHECK_FALSE(secrets.are_in("\"token-5-x\""));
}

TEST_CASE("secrets 6: one is found in a JSON text, however that escapes it") {
  Secrets secrets = with_query("k=abcd%2Fefgh&w=tools");
  secrets.add_token(R"(to"k\en-1)");
  CHECK(secrets.are_in(R"({"a":"abcd/efgh"})"));
  CHECK(secrets.are_in(R"({"a":"xabcd\/efghx"})"));
  CHECK(secrets.are_in(R"({"a":"\u0061bcd\u002Fefgh"})"));
  CHECK(secrets.are_in(R"({"a":"to\"k\\en-1"})"));
  CHECK_FALSE(secrets.are_in(R"({"a":"abcd/efg","tools":[]})"));  // a word is none
  secrets.add_token("hunt3r2");
  CHECK(secrets.are_in(R"({"a":"hunt3r2"})"));
  CHECK_FALSE(secrets.are_in(R"({"a":"\u12"})"));
  CHECK_FALSE(secrets.are_in("\\"));
  CHECK_FALSE(Secrets().are_in("{}"));
}

TEST_CASE("secrets 11: which header is a token") {
  CHECK(is_authorization("Authorization"));
  CHECK(is_authorization("AUTHORIZATION"));
  CHECK_FALSE(is_authorization("X-Authorization"));
  CHECK_FALSE(is_authorization("Author"));
}

}  // namespace
}  // namespace shim
