// Contract 6: what is kept of a backend, and the answer when nothing is.

#include "shim/core/cache_entry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/jsonrpc.hpp"

namespace shim {
namespace {

using nlohmann::json;

constexpr std::string_view entry_url = "ws://h:1/mcp?key=…";
constexpr std::string_view asked_version = "2025-11-25";

std::string text_of(const CacheEntry& entry) {
  const auto text = entry.serialise(entry_url, asked_version);
  REQUIRE(text.has_value());
  return *text;
}

TEST_CASE("cache entry 6: what was put is found, and what was known already is no news") {
  CacheEntry entry;
  CHECK(entry.find("tools/list") == nullptr);
  CHECK(entry.put("tools/list", R"({"tools":[]})"));
  CHECK_FALSE(entry.put("tools/list", R"({"tools":[]})"));
  CHECK(entry.put("prompts/list", R"({"tools":[]})"));
  CHECK(entry.put("tools/list", R"({"tools":[1]})"));
  REQUIRE(entry.find("tools/list") != nullptr);
  CHECK(*entry.find("tools/list") == R"({"tools":[1]})");
  CHECK(entry.find("tools") == nullptr);
}

TEST_CASE("cache entry 6: line breaks in a result become spaces, and stay no news") {
  CacheEntry entry;
  CHECK(entry.put("tools/list", "{\n\"tools\":\r\n[]}"));
  REQUIRE(entry.find("tools/list") != nullptr);
  CHECK(*entry.find("tools/list") == "{ \"tools\":  []}");
  CHECK_FALSE(entry.put("tools/list", "{\n\"tools\":\r\n[]}"));
}

TEST_CASE("cache entry 3, 6: a result is read back from a file to the byte") {
  const std::array results{
      R"({"tools":[{"name":"a","description":"\"ä\\€\u0000"}]})",
      R"({"z":1,"a":{"y":[],"b":{}},"m":null})",
      R"({"n":[0,-1,1.50,9007199254740993,18446744073709551616,1E2,1e999,-0.1234567890123456789]})",
      R"({"z":1, "a" : 2,"z":3,"id":1,"id":2,"s":"\u0061\/\ud800"})",
      R"({})",
  };
  for (const std::string result : results) {
    CAPTURE(result);
    CacheEntry entry;
    CHECK(entry.put("tools/list", result));
    CHECK(entry.put("initialize", R"({"protocolVersion":"x"})"));
    const std::string text = text_of(entry);
    const auto back = CacheEntry::parse(text, entry_url, asked_version);
    REQUIRE(back.has_value());
    REQUIRE(back->find("tools/list") != nullptr);
    CHECK(*back->find("tools/list") == result);
    REQUIRE(back->find("initialize") != nullptr);
    CHECK(*back->find("initialize") == R"({"protocolVersion":"x"})");
    CHECK(text_of(*back).size() <= text.size());
  }
}

TEST_CASE("cache entry 6: members keep their order in a file") {
  CacheEntry entry;
  CHECK(entry.put("tools/list", R"({"z":1,"a":{"y":[],"b":{}},"m":null})"));
  const auto back = CacheEntry::parse(text_of(entry), entry_url, asked_version);
  REQUIRE(back.has_value());
  CHECK(*back->find("tools/list") == R"({"z":1,"a":{"y":[],"b":{}},"m":null})");
}

TEST_CASE("cache entry 6: no result that a backend may send makes the file unreadable") {
  const std::array results{R"({"instructions":"\ud800"})", R"({"x":1e999})", R"({"x":-1E+400})",
                           R"({"\udfff":1})"};
  for (const std::string result : results) {
    CAPTURE(result);
    CacheEntry entry;
    CHECK(entry.put("initialize", R"({"protocolVersion":"x"})"));
    CHECK(entry.put("tools/list", result));
    const auto back = CacheEntry::parse(text_of(entry), entry_url, asked_version);
    REQUIRE(back.has_value());
    CHECK(back->find("initialize") != nullptr);
    REQUIRE(back->find("tools/list") != nullptr);
    CHECK(*back->find("tools/list") == result);
  }
}

TEST_CASE(
    "cache entry 6: a file that is not ours, or not of this URL and version, is not believed") {
  CacheEntry entry;
  CHECK(entry.put("tools/list", R"({"tools":[]})"));
  const std::string good = text_of(entry);
  REQUIRE(CacheEntry::parse(good, entry_url, asked_version).has_value());
  CHECK_FALSE(CacheEntry::parse(good, "ws://h:2/mcp?key=…", asked_version).has_value());
  CHECK_FALSE(CacheEntry::parse(good, entry_url, "2025-06-18").has_value());
  CHECK_FALSE(
      CacheEntry::parse(good.substr(0, good.size() / 2), entry_url, asked_version).has_value());
  CHECK_FALSE(CacheEntry::parse(good + "x", entry_url, asked_version).has_value());

  const std::string head =
      R"({"format":1,"url":")" + std::string(entry_url) + R"(","version":"2025-11-25",)";
  REQUIRE(CacheEntry::parse(head + R"("results":{}})", entry_url, asked_version).has_value());
  const std::vector<std::string> texts{
      std::string(),
      std::string("\0\0\0\0", 4),
      std::string("null"),
      std::string("[]"),
      std::string("{}"),
      std::string("\xff\xfe{}"),
      head + R"("results":[]})",
      head + R"("results":null})",
      head + R"("other":{}})",
      head + R"("results":{"tools/list":[]}})",
      head + R"("results":{"tools/list":"x"}})",
      head + R"("results":{"tools/list":null}})",
      head + R"("results":{}},)",
      head + R"("results":{"tools/list":{"x":01}}})",
      head + R"("results":{"tools/list":{}x}})",
      head + R"("results":{"tools/list":{},}})",
      head + R"("results":{"tools/list" {}}})",
      head + R"("results":{}x})",
      R"({"format":2,"url":")" + std::string(entry_url) +
          R"(","version":"2025-11-25","results":{}})",
      R"({"format":"1","url":")" + std::string(entry_url) +
          R"(","version":"2025-11-25","results":{}})",
      R"({"url":")" + std::string(entry_url) + R"(","version":"2025-11-25","results":{}})",
      R"({"format":1,"version":"2025-11-25","results":{}})",
      R"({"format":1,"url":7,"version":"2025-11-25","results":{}})",
      R"({"format":1,"url":")" + std::string(entry_url) + R"(","results":{}})",
      std::string(100000, '['),
      std::string(100000, '{'),
  };
  for (const std::string& text : texts) {
    CAPTURE(text.substr(0, 200));
    CHECK_FALSE(CacheEntry::parse(text, entry_url, asked_version).has_value());
  }
}

/// A result of this many bytes.
std::string result_of_size(std::size_t size) {
  return R"({"a":")" + std::string(size - 8, 'x') + R"("})";
}

TEST_CASE("cache entry 6: at most 8 MiB are written, or believed") {
  static_assert(CacheEntry::file_bytes_max == std::size_t{8} << 20U);
  CacheEntry entry;
  CHECK(entry.put("tools/list", "{}"));
  CHECK(entry.put("prompts/list", "{}"));
  const std::size_t room = CacheEntry::file_bytes_max - (text_of(entry).size() - 4);
  const std::size_t first = std::min(room / 2, CacheEntry::result_bytes_max);
  CHECK(entry.put("tools/list", result_of_size(first)));
  CHECK(entry.put("prompts/list", result_of_size(room - first)));
  const std::string text = text_of(entry);
  CHECK(text.size() == CacheEntry::file_bytes_max);
  CHECK(CacheEntry::parse(text, entry_url, asked_version).has_value());
  CHECK_FALSE(CacheEntry::parse(text + " ", entry_url, asked_version).has_value());
  CHECK(entry.put("prompts/list", result_of_size(room - first + 1)));
  CHECK_FALSE(entry.serialise(entry_url, asked_version).has_value());
}

TEST_CASE("cache entry 12: a result too large to share a file is not kept") {
  CacheEntry entry;
  CHECK(entry.put("tools/list", result_of_size(CacheEntry::result_bytes_max)));
  CHECK_FALSE(entry.put("prompts/list", result_of_size(CacheEntry::result_bytes_max + 1)));
  CHECK(entry.find("prompts/list") == nullptr);
  CHECK(entry.serialise(entry_url, asked_version).has_value());
}

TEST_CASE("cache entry 6: what is known is not overwritten by what an older file says") {
  CacheEntry entry;
  CHECK(entry.put("tools/list", R"({"new":1})"));
  CacheEntry older;
  CHECK(older.put("tools/list", R"({"old":1})"));
  CHECK(older.put("prompts/list", R"({"old":2})"));
  entry.fill_from(std::move(older));
  CHECK(*entry.find("tools/list") == R"({"new":1})");
  REQUIRE(entry.find("prompts/list") != nullptr);
  CHECK(*entry.find("prompts/list") == R"({"old":2})");
}

TEST_CASE("cache entry 6, 11: a file nested deeper than any of ours is ignored, and does no harm") {
  const auto nested = [](std::size_t depth) {
    return R"({"x":"]}[\"[","y":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') +
           "}";
  };
  const auto file = [](const std::string& result) {
    return R"({"format":1,"url":")" + std::string(entry_url) + R"(","version":")" +
           std::string(asked_version) + R"(","results":{"tools/list":)" + result + "}}";
  };
  // The deepest result of a message that is accepted (contract 11).
  CacheEntry entry;
  CHECK(entry.put("tools/list", nested(jsonrpc::depth_max - 1)));
  CHECK(CacheEntry::parse(text_of(entry), entry_url, asked_version).has_value());
  CHECK(CacheEntry::parse(file(nested(jsonrpc::depth_max - 1)), entry_url, asked_version)
            .has_value());
  CHECK_FALSE(
      CacheEntry::parse(file(nested(jsonrpc::depth_max)), entry_url, asked_version).has_value());
  CHECK_FALSE(CacheEntry::parse(file(nested(1'000'000)), entry_url, asked_version).has_value());
  // Where a member of the file itself should be.
  const std::string deep =
      R"({"format":)" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}";
  CHECK_FALSE(CacheEntry::parse(deep, entry_url, asked_version).has_value());
}

TEST_CASE("cache entry 6: odd URLs and methods are quoted") {
  CacheEntry entry;
  CHECK(entry.put("a\"b\\\n", "{}"));
  const std::string odd = "ws://h/\"\\\n";
  const auto text = entry.serialise(odd, "v\"");
  REQUIRE(text.has_value());
  CHECK(json::accept(*text));
  const auto back = CacheEntry::parse(*text, odd, "v\"");
  REQUIRE(back.has_value());
  CHECK(back->find("a\"b\\\n") != nullptr);
}

TEST_CASE("cache entry 6: the minimal result of initialize is exactly what the contract says") {
  const std::string text = minimal_initialize_result("\"2025-11-25\"", "1.2.3");
  json result = json::parse(text);
  const std::string instructions = result.value("instructions", "");
  CHECK(instructions.find("not reachable yet") != std::string::npos);
  result.erase("instructions");
  CHECK(result == json::parse(R"({"protocolVersion":"2025-11-25",
      "capabilities":{"tools":{"listChanged":true},"prompts":{"listChanged":true},
                      "resources":{"listChanged":true},"logging":{}},
      "serverInfo":{"name":"mcp-ws-shim","version":"1.2.3"}})"));
  CHECK(text.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace shim
