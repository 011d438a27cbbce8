#include "common/id_scanner.hpp"

#include <doctest/doctest.h>

#include <array>

#include "common/jsonrpc.hpp"
#include "common/prng.hpp"
#include "tests/unit/show.hpp"

namespace shim {
namespace {

using Ids = std::vector<std::string>;

IdScanner scan(std::string_view text) {
  IdScanner scanner;
  scanner.feed(text);
  return scanner;
}

struct ScannerRow {
  std::string name;
  std::string text;
  Ids ids;
  std::string method;
};

std::vector<ScannerRow> scanner_rows() {
  return {
      {"first", R"({"id":1,"x":2})", {"1"}, ""},
      {"last", R"({"x":2,"id":1})", {"1"}, ""},
      {"between", R"({"a":[1,{"id":5}],"id":"x","b":{}})", {"\"x\""}, ""},
      {"white space", " \t{ \"id\" :\r 12 , \"m\":1}", {"12"}, ""},
      {"a string with escapes", R"({"id":"a\"b\\","x":1})", {R"("a\"b\\")"}, ""},
      {"a string with brackets", R"({"id":"}],:{","x":1})", {R"("}],:{")"}, ""},
      {"negative, fraction, exponent", R"({"id":-1.5e+10,"x":1})", {"-1.5e+10"}, ""},
      {"a long string elsewhere", R"({"x":")" + std::string(5000, 'y') + R"(","id":3})", {"3"}, ""},
      {"a long value elsewhere",
       R"({"x":)" + std::string(5000, '[') + std::string(5000, ']') + R"(,"id":3})",
       {"3"},
       ""},
      {"a long key elsewhere", R"({")" + std::string(5000, 'k') + R"(":1,"id":3})", {"3"}, ""},
      {"nested only", R"({"params":{"id":1},"x":[{"id":2}]})", {}, ""},
      {"as a value", R"({"x":"id","y":"id"})", {}, ""},
      {"as a string inside a string", R"({"x":"\"id\":9,","y":1})", {}, ""},
      {"null", R"({"id":null,"x":1})", {}, ""},
      {"true", R"({"id":true,"x":1})", {}, ""},
      {"an object", R"({"id":{"a":1},"x":1})", {}, ""},
      {"an array", R"({"id":[1],"x":1})", {}, ""},
      {"too long", R"({"id":")" + std::string(300, 'y') + R"(","x":1})", {}, ""},
      {"twice", R"({"id":1,"id":2})", {"1", "2"}, ""},
      {"six times", R"({"id":1,"id":2,"id":3,"id":4,"id":5,"id":6})", {"1", "2", "3", "4"}, ""},
      {"after the end", R"({"x":1}{"id":1})", {}, ""},
      {"after the end, a comma", R"({"x":1},"id":1,)", {}, ""},
      {"an array at the top", R"([{"id":1}])", {}, ""},
      {"a string at the top", R"("{\"id\":1}")", {}, ""},
      {"a byte order mark", "\xef\xbb\xbf{\"id\":1}", {"1"}, ""},
      {"a byte order mark twice", "\xef\xbb\xbf\xef\xbb\xbf{\"id\":1}", {}, ""},
      {"a byte order mark late", "x\xef\xbb\xbf{\"id\":1}", {}, ""},
      {"empty", "", {}, ""},
      {"garbage", "hello", {}, ""},
      {"cut off after the value", R"({"id":1)", {}, ""},  // 1 or 17?
      {"cut off later", R"({"id":1,"result":{"a":)", {"1"}, ""},
      {"cut off in a string", R"({"id":1,"result":"abc)", {"1"}, ""},
      {"unbalanced", R"({"x":1]]]],"id":1})", {}, ""},
      {"no value", R"({"id":,"x":1})", {}, ""},
      {"a method", R"({"method":"tools/call","id":1})", {"1"}, "tools/call"},
      {"a method with an escape", R"({"method":"a\/b","id":1})", {"1"}, R"(a\/b)"},
      {"invalid UTF-8 elsewhere", "{\"x\":\"\xff\xfe\",\"id\":1}", {"1"}, ""},
      {"a NUL elsewhere", std::string("{\"x\":\"\0\",\"id\":1}", 16), {"1"}, ""},
  };
}

TEST_CASE("id scanner: finds the top-level id and no other") {
  for (const ScannerRow& row : scanner_rows()) {
    CAPTURE(row.name);
    const IdScanner scanner = scan(row.text);
    CHECK(scanner.ids() == row.ids);
    CHECK(scanner.method() == row.method);
  }
}

TEST_CASE("id scanner: finds the same whatever the pieces") {
  for (const ScannerRow& row : scanner_rows()) {
    CAPTURE(row.name);
    IdScanner by_byte;
    for (const char c : row.text) by_byte.feed(std::string_view(&c, 1));
    CHECK(by_byte.ids() == row.ids);
    CHECK(by_byte.method() == row.method);
    if (row.text.size() > 200) continue;
    for (std::size_t at = 0; at <= row.text.size(); ++at) {
      CAPTURE(at);
      IdScanner split;
      split.feed(std::string_view(row.text).substr(0, at));
      split.feed(std::string_view(row.text).substr(at));
      CHECK(split.ids() == row.ids);
    }
  }
}

TEST_CASE("id scanner: says whether the message is an answer") {
  CHECK(scan(R"({"id":1,"method":"m","params":")").has_method());
  CHECK(scan(R"({"method":)").has_method());
  CHECK(scan(R"({"method":5,"id":1})").has_method());
  CHECK_FALSE(scan(R"({"id":1,"result":{"method":"m"}})").has_method());
  CHECK_FALSE(scan(R"({"id":1,"x":"method"})").has_method());
  CHECK_FALSE(scan(R"({"id":1,"meth)").has_method());
  CHECK_FALSE(scan("").has_method());
}

TEST_CASE("id scanner: a method of no sane length is not kept") {
  const IdScanner scanner = scan(R"({"method":")" + std::string(10'000, 'm') + R"(","id":1})");
  CHECK(scanner.has_method());
  CHECK(scanner.method().empty());
}

TEST_CASE("id scanner: what it calls an id is one JSON value, fit to be written into an answer") {
  const std::array ids{"1-2",       "01",       "-",        "+1",          "1.",  ".5",
                       "1e",        "e",        "--1",      "1 2",         "1e+", R"("a\q")",
                       R"("\u12")", "\"\xff\"", "\"\x01\"", "\"\xc0\xaf\""};
  for (const std::string id : ids) {
    CAPTURE(id);
    CHECK(scan(R"({"id":)" + id + R"(,"x":1})").ids().empty());
  }
}

TEST_CASE("id scanner: no text makes it fail") {
  // Invariant: any bytes, at most four ids, each of them JSON of at most 256 bytes.
  constexpr std::string_view alphabet = "{}[]:,\"\\id01-. e\n\xff";
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Prng random(seed);
    std::string text = random.chance(0.7) ? "{\"id\":" : "";
    const auto length = random.between(std::uint64_t{0}, std::uint64_t{60});
    for (std::uint64_t i = 0; i < length; ++i) text += alphabet[random.next() % alphabet.size()];
    CAPTURE(text);
    const IdScanner scanner = scan(text);
    CHECK(scanner.ids().size() <= 4);
    for (const std::string& id : scanner.ids()) {
      jsonrpc::Reader reader;
      jsonrpc::Message message;
      CHECK(reader.read(id, message) == jsonrpc::Read::message);
    }
  }
}

}  // namespace
}  // namespace shim
