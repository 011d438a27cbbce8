// Contract 3: what the shim looks into is never re-serialised.

#include "common/raw_json.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "common/jsonrpc.hpp"

namespace shim::raw_json {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs parts_of(std::string_view text) {
  Pairs out;
  for (Parts parts(text); parts.next();) out.emplace_back(parts.key(), parts.value());
  return out;
}

bool is_complete(std::string_view text) {
  Parts parts(text);
  while (parts.next()) {
  }
  return parts.complete();
}

TEST_CASE("raw json 3: the parts of an object and of an array come to the byte") {
  CHECK(parts_of(R"( { "a" : 1e999 ,"b\"":"\ud800,}]", "c":{ "d":[1, {}]} , "a":true} )") ==
        Pairs{{"\"a\"", "1e999"},
              {R"("b\"")", R"("\ud800,}]")"},
              {"\"c\"", R"({ "d":[1, {}]})"},
              {"\"a\"", "true"}});
  CHECK(parts_of(R"([ "x\\" ,[],-0.10,null ])") ==
        Pairs{{"", R"("x\\")"}, {"", "[]"}, {"", "-0.10"}, {"", "null"}});
  for (const char* const text : {"{}", " [ ] ", "7", "\"x\"", "", "null"}) {
    CAPTURE(std::string(text));
    CHECK(parts_of(text).empty());
  }
}

TEST_CASE("raw json 3: whether a container has ended is known") {
  for (const char* const text : {"{}", " [ ] ", R"({"a":1})", "[1,2]\n"}) {
    CAPTURE(std::string(text));
    CHECK(is_complete(text));
  }
  for (const char* const text :
       {"", "7", "{", "[1", R"({"a":1)", R"({"a":})", R"({"a":1,})", "[1,]", "[1}", R"({"a":1]})",
        R"({"a" 1})", "{1:2}", "[] x", "{}}", "[,]", R"({"a":"x)", R"({"a":[1,2)", "[1 2]"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(is_complete(text));
  }
}

TEST_CASE("raw json: a member is found by its name, escapes resolved, the last one counts") {
  const std::string object = R"({"a":1,"\u0062":[2],"a":3,"c":{"d":4},"e":"a"})";
  CHECK(member(object, "a") == "3");
  CHECK(member(object, "b") == "[2]");
  CHECK(member(member(object, "c"), "d") == "4");
  CHECK(member(object, "d").empty());
  CHECK(member("[1]", "a").empty());
  CHECK(member("", "a").empty());
}

TEST_CASE("raw json 5.1: values that say the same have one fingerprint, others do not") {
  const std::array same{
      R"({"a":1,"b":[true,"xy",{}]})",
      R"( { "b" : [ true , "xy" , { } ] ,"a":1})",
      R"({"\u0061":1,"b":[true,"x\u0079",{}]})",
  };
  for (const std::string text : same) {
    CAPTURE(text);
    CHECK(fingerprint(text) == fingerprint(same.front()));
  }
  const std::array other{
      R"({"a":1,"b":["xy",true,{}]})",   R"({"a":1,"b":[true,"xy",[]]})",
      R"({"a":"1","b":[true,"xy",{}]})", R"({"a":1,"b":[true,"xy"]})",
      R"({"b":1,"a":[true,"xy",{}]})",   R"({"a":1,"b":[true,"xy",{}],"c":null})",
      R"([{"a":1,"b":[true,"xy",{}]}])", R"({"a":1.0,"b":[true,"xy",{}]})",
      R"({"a":1,"b":[[true,"xy"],{}]})", R"({"a":1,"b":[true,["xy",{}]]})",
  };
  for (const std::string text : other) {
    CAPTURE(text);
    CHECK(fingerprint(text) != fingerprint(same.front()));
  }
  CHECK(fingerprint("18446744073709551617") != fingerprint("18446744073709551618"));
  CHECK(fingerprint(R"({"a":{"x":1},"b":{"y":2}})") != fingerprint(R"({"a":{"y":2},"b":{"x":1}})"));
}

TEST_CASE("raw json 11: no text makes it fail") {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, '}');
  static_cast<void>(fingerprint(deep));
  CHECK_FALSE(is_complete(deep.substr(0, 150'000)));
  const std::string text = R"({"a":[1,{"b\\\"":"c"}],"d":{}})";
  for (std::size_t at = 0; at < text.size(); ++at) {
    CAPTURE(at);
    static_cast<void>(fingerprint(text.substr(0, at)));
    static_cast<void>(fingerprint(text.substr(at)));
    CHECK_FALSE(is_complete(text.substr(0, at)));
  }
}

}  // namespace
}  // namespace shim::raw_json
