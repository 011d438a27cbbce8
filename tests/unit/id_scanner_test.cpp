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

Ids ids_of(const IdScanner& scanner) {
  Ids ids;
  for (const IdScanner::Found& message : scanner.messages())
    ids.insert(ids.end(), message.ids.begin(), message.ids.end());
  return ids;
}

std::string method_in(const IdScanner& scanner) {
  return scanner.messages().empty() ? std::string() : scanner.messages().back().method;
}

/// Whether the one message that is there is a request or a notification.
bool is_asking(const IdScanner& scanner) {
  return !scanner.messages().empty() && !scanner.messages().back().is_answer();
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
      {"long",
       R"({"id":")" + std::string(65534, 'y') + R"(","x":1})",
       {'"' + std::string(65534, 'y') + '"'},
       ""},
      {"too long", R"({"id":")" + std::string(65535, 'y') + R"(","x":1})", {}, ""},
      {"twice", R"({"id":1,"id":2})", {"1", "2"}, ""},
      {"six times", R"({"id":1,"id":2,"id":3,"id":4,"id":5,"id":6})", {"1", "2", "3", "4"}, ""},
      {"after the end", R"({"x":1}{"id":1})", {}, ""},
      {"after the end, a comma", R"({"x":1},"id":1,)", {}, ""},
      {"a batch", R"([{"id":1},{"x":[{"id":9}],"id":"a"} , {"id":3}])", {"1", "\"a\"", "3"}, ""},
      {"a batch, cut off", R"([{"id":1},{"id":2,"result":{"a)", {"1", "2"}, ""},
      {"a batch with what is no message", R"([1,"id",{"x":1},[{"id":8}],{"id":2}])", {"2"}, ""},
      {"after the end of a batch", R"([{"id":1}],{"id":2})", {"1"}, ""},
      {"a batch in a batch", R"([[{"id":1}]])", {}, ""},
      {"a string at the top", R"("{\"id\":1}")", {}, ""},
      {"a byte order mark", "\xef\xbb\xbf{\"id\":1}", {"1"}, ""},
      {"a byte order mark twice", "\xef\xbb\xbf\xef\xbb\xbf{\"id\":1}", {}, ""},
      {"a byte order mark late", "x\xef\xbb\xbf{\"id\":1}", {}, ""},
      {"empty", "", {}, ""},
      {"garbage", "hello", {}, ""},
      {"cut off after the value", R"({"id":1)", {}, ""},  // 1 or 17?
      {"cut off after a string", R"({"x":1,"id":"a")", {"\"a\""}, ""},
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
    CHECK(ids_of(scanner) == row.ids);
    CHECK(method_in(scanner) == row.method);
  }
}

TEST_CASE("id scanner: finds the same whatever the pieces") {
  for (const ScannerRow& row : scanner_rows()) {
    CAPTURE(row.name);
    IdScanner by_byte;
    for (const char c : row.text) by_byte.feed(std::string_view(&c, 1));
    CHECK(ids_of(by_byte) == row.ids);
    CHECK(method_in(by_byte) == row.method);
    if (row.text.size() > 200) continue;
    for (std::size_t at = 0; at <= row.text.size(); ++at) {
      CAPTURE(at);
      IdScanner split;
      split.feed(std::string_view(row.text).substr(0, at));
      split.feed(std::string_view(row.text).substr(at));
      CHECK(ids_of(split) == row.ids);
    }
  }
}

TEST_CASE("id scanner: says whether the message is an answer") {
  CHECK(is_asking(scan(R"({"id":1,"method":"m","params":")")));
  CHECK(is_asking(scan(R"({"method":)")));
  CHECK(is_asking(scan(R"({"method":5,"id":1})")));
  CHECK_FALSE(is_asking(scan(R"({"id":1,"result":{"method":"m"}})")));
  CHECK_FALSE(is_asking(scan(R"({"id":1,"x":"method"})")));
  CHECK_FALSE(is_asking(scan(R"({"id":1,"meth)")));
  CHECK_FALSE(is_asking(scan("")));
  CHECK_FALSE(is_asking(scan(R"({"method":1,"id":1,"result":2,)")));
  CHECK_FALSE(is_asking(scan(R"({"error":2,"id":1,"method":"m",)")));
}

TEST_CASE("id scanner: a method of no sane length is not kept") {
  const IdScanner scanner = scan(R"({"method":")" + std::string(10'000, 'm') + R"(","id":1})");
  CHECK(is_asking(scanner));
  CHECK(method_in(scanner).empty());
}

TEST_CASE("id scanner: what it calls an id is one JSON value, fit to be written into an answer") {
  const std::array ids{"1-2",       "01",       "-",        "+1",          "1.",  ".5",
                       "1e",        "e",        "--1",      "1 2",         "1e+", R"("a\q")",
                       R"("\u12")", "\"\xff\"", "\"\x01\"", "\"\xc0\xaf\""};
  for (const std::string id : ids) {
    CAPTURE(id);
    CHECK(ids_of(scan(R"({"id":)" + id + R"(,"x":1})")).empty());
  }
}

TEST_CASE("id scanner 12: what is kept of a batch is bounded") {
  IdScanner many;
  many.feed("[");
  for (std::size_t i = 0; i < IdScanner::messages_max + 10; ++i) many.feed(R"({"id":1},)");
  CHECK(many.messages().size() == IdScanner::messages_max);

  IdScanner without;
  without.feed("[");
  for (int i = 0; i < 1000; ++i) without.feed(R"({"x":1},)");
  CHECK(without.messages().size() == 1);

  IdScanner large;
  large.feed("[");
  const std::string id(60'000, 'y');
  for (int i = 0; i < 100; ++i) large.feed(R"({"id":")" + id + R"("},)");
  CHECK(large.messages().size() == IdScanner::ids_bytes_max / id.size() + 1);
}

TEST_CASE("id scanner: no text makes it fail") {
  // Invariant: any bytes, at most four ids of a message, each of them JSON.
  constexpr std::string_view alphabet = "{}[]:,\"\\id01-. e\n\xff";
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Prng random(seed);
    std::string text = random.chance(0.3) ? "[" : "";
    if (random.chance(0.7)) text += "{\"id\":";
    const auto length = random.between(std::uint64_t{0}, std::uint64_t{60});
    for (std::uint64_t i = 0; i < length; ++i) text += alphabet[random.next() % alphabet.size()];
    CAPTURE(text);
    const IdScanner scanner = scan(text);
    for (const IdScanner::Found& message : scanner.messages()) CHECK(message.ids.size() <= 4);
    for (const std::string& id : ids_of(scanner)) {
      jsonrpc::Reader reader;
      jsonrpc::Message message;
      CHECK(reader.read(id, message) == jsonrpc::Read::message);
    }
  }
}

}  // namespace
}  // namespace shim
