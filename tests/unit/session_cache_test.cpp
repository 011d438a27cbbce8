// Contract 6: what is stored, when, and what of it is believed.

#include <array>

#include "tests/unit/mcp_texts.hpp"

namespace shim::test {
namespace {

TEST_CASE("session 6: real results are stored, by the version that was asked for") {
  Driver d;
  establish_with(d);
  for (const ListKind kind : list_kinds)
    ask_and_answer(d, request("1", list_method(kind)), list_of(kind, {item("l")}));
  ask_and_answer(d, discover("2"), R"({"supportedVersions":["2026-07-28"]})");
  ask_and_answer(d, modern_request("3", "tools/list"), list_of(ListKind::tools, {item("m")}));

  const CacheEntry legacy = cached_in(d);
  REQUIRE(legacy.find("initialize") != nullptr);
  CHECK(*legacy.find("initialize") == initialize_result());
  for (const ListKind kind : list_kinds) {
    REQUIRE(legacy.find(list_method(kind)) != nullptr);
    CHECK(*legacy.find(list_method(kind)) == list_of(kind, {item("l")}));
  }
  CHECK(legacy.find("server/discover") == nullptr);
  const CacheEntry modern = cached_in(d, "2026-07-28");
  REQUIRE(modern.find("server/discover") != nullptr);
  CHECK(*modern.find("server/discover") == R"({"supportedVersions":["2026-07-28"]})");
  REQUIRE(modern.find("tools/list") != nullptr);
  CHECK(*modern.find("tools/list") == list_of(ListKind::tools, {item("m")}));
  CHECK(modern.find("initialize") == nullptr);
  CHECK(d.cache_loads == std::vector<std::string>{asked, "2026-07-28"});
}

TEST_CASE("session 6: what answers one initialize is not stored for a later one") {
  Driver d;
  d.go_ready();
  d.host(initialize("1", "2025-11-25"));
  d.host(initialize("2", "2024-11-05"));
  d.backend(initialize_answer("1", "2025-11-25"));
  CHECK_FALSE(d.cache_files.contains("2024-11-05"));
}

TEST_CASE("session 6: a file is written only when something has changed") {
  const std::array lists{list_of(ListKind::tools, {item("a")}),
                         std::string("{ \"tools\" : [\n\r\n] }")};
  for (const std::string& list : lists) {
    CAPTURE(list);
    Driver d;
    establish_with(d);
    ask_and_answer(d, request("1", "tools/list"), list);
    CHECK(d.cache_stores == 2);
    for (int i = 0; i < 3; ++i) ask_and_answer(d, request("1", "tools/list"), list);
    CHECK(d.cache_stores == 2);
    d.lose();
    resume_with(d);
    d.backend(answer(id_of(with_method(d.take_link(), "tools/list")), list));
    CHECK(d.cache_stores == 2);
    ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("b")}));
    CHECK(d.cache_stores == 3);
    establish_with(d, "{}");
    CHECK(d.cache_stores == 4);
  }
}

TEST_CASE("session 6: a run that learns nothing new leaves the file alone") {
  Driver d;
  d.cache_files[asked] = cache_file(
      {{"initialize", initialize_result()}, {"tools/list", list_of(ListKind::tools, {item("a")})}});
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("a")}));
  CHECK(d.cache_stores == 0);
}

TEST_CASE("session 6: what is no complete real result is not stored") {
  Driver d;
  establish_with(d);
  const unsigned before = d.cache_stores;
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("a")}, "page2"));
  ask_and_answer(d, request("2", "tools/list", R"({"cursor":"page2"})"),
                 list_of(ListKind::tools, {item("b")}));
  ask_and_answer(d, request("3", "tools/list"), "[]");
  ask_and_answer(d, request("4", "tools/list"), "null");
  ask_and_answer(d, request("5", "tools/call"), R"({"content":[]})");
  ask_and_answer(d, request("6", "resources/read"), R"({"contents":[]})");
  d.host(request("7", "prompts/list"));
  d.backend(error_to("7", -32601));
  d.backend(answer("99", list_of(ListKind::tools, {item("c")})));  // nobody has asked
  CHECK(d.cache_stores == before);
}

TEST_CASE("session 6: nothing that the host sent is stored, for it may hold secrets") {
  Driver d;
  d.go_ready();
  const std::string secret = "s3cr3t";
  d.host(request("0", "initialize",
                 R"({"protocolVersion":"2025-11-25","capabilities":{"x":"s3cr3t"},)"
                 R"("clientInfo":{"name":"s3cr3t"},"_meta":{"token":"s3cr3t"}})"));
  d.backend(answer("0", initialize_result()));
  d.host(notify("notifications/initialized", R"({"_meta":{"token":"s3cr3t"}})"));
  ask_and_answer(d, request("\"s3cr3t\"", "tools/list", R"({"_meta":{"token":"s3cr3t"}})"),
                 empty_list(ListKind::tools));
  ask_and_answer(d, request("1", "resources/subscribe", R"({"uri":"s3cr3t://"})"), "{}");
  d.lose();
  resume_with(d, "{}");
  REQUIRE(d.cache_stores > 0);
  for (const auto& [name, text] : d.cache_files) {
    CAPTURE(name);
    CHECK(text.find(secret) == std::string::npos);
    CHECK(json::parse(text)["url"] == std::string(backend_url));
  }
}

TEST_CASE("session 6: the answer to the shim's own initialize is stored too") {
  Driver d;
  establish_with(d, "{}");
  d.lose();
  resume_with(d);
  REQUIRE(cached_in(d).find("initialize") != nullptr);
  CHECK(*cached_in(d).find("initialize") == initialize_result());
}

TEST_CASE(
    "session 6: the last answer is stored though it ends the shim and the file is not read yet") {
  Driver d;
  d.cache_answers = false;
  d.go_ready();
  d.host(initialize("0"));
  d.feed(event::HostClosed{});
  d.backend(initialize_answer("0"));
  SUBCASE("then it is read") {
    CHECK_FALSE(d.session.finished());
    d.release_cache();
    CHECK(d.cache_stores == 1);
  }
  SUBCASE("it is never read") { d.advance(d.settings.drain_timeout); }
  CHECK(d.session.finished());
}

TEST_CASE("session 6: what came before the file was read is merged with it, the newer wins") {
  Driver d;
  d.cache_files[asked] = cache_file({{"initialize", initialize_result("{}")},
                                     {"tools/list", list_of(ListKind::tools, {item("old")})},
                                     {"prompts/list", list_of(ListKind::prompts, {item("old")})}});
  d.cache_answers = false;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("new")}));
  CHECK(d.cache_stores == 0);  // else what is in the file would be lost
  d.release_cache();
  CHECK(d.cache_stores == 1);
  const CacheEntry entry = cached_in(d);
  CHECK(*entry.find("initialize") == initialize_result());
  CHECK(*entry.find("tools/list") == list_of(ListKind::tools, {item("new")}));
  REQUIRE(entry.find("prompts/list") != nullptr);
  CHECK(*entry.find("prompts/list") == list_of(ListKind::prompts, {item("old")}));
  d.feed(event::CacheLoaded{asked, "{}"});  // a second answer means nothing
  d.feed(event::CacheLoaded{"2030-01-01", "{}"});
  CHECK(d.cache_stores == 1);
}

TEST_CASE("session 6: a file that is corrupt or not ours is ignored with a warning, and replaced") {
  struct Row {
    std::string name;
    std::string text;
  };
  const std::string good = cache_file({{"initialize", initialize_result()}});
  CacheEntry other_url;
  REQUIRE(other_url.put("initialize", initialize_result()));
  const std::array rows{
      Row{"cut off", good.substr(0, good.size() / 2)},
      Row{"no JSON", std::string("\0\xff", 2)},
      Row{"of another version", cache_file({{"initialize", initialize_result()}}, "2025-06-18")},
      Row{"of another URL", other_url.serialise("ws://other:1/", asked).value_or("")},
      Row{"of another format", R"({"format":99})"},
      Row{"too large", good + std::string(CacheEntry::file_bytes_max, ' ')},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.cache_files[asked] = row.text;
    d.host(initialize("0"));
    d.advance(d.settings.init_grace);
    CHECK(d.take_host().empty());
    CHECK(d.logged("cache", LogLevel::warn) == 1);
    d.go_ready();
    d.backend(answer("0", initialize_result()));
    CHECK(d.cache_files[asked] == good);
    CHECK(d.logged("cache", LogLevel::warn) == 1);  // said once
  }
}

TEST_CASE("session 6: no file is no reason for a warning") {
  Driver d;
  d.host(initialize("0"));
  d.advance(d.settings.init_timeout);
  CHECK(d.logged("cache", LogLevel::warn) == 0);
}

TEST_CASE("session 6: a version that is not fit for a file name is not cached") {
  const std::array versions{
      std::string("../../x"),  std::string("a/b"),          std::string("a b"),
      std::string("a\\u0000"), std::string("\\u00e9"),      std::string("a_b"),
      std::string("a:b"),      std::string("a\\\\b"),       std::string("\\u002f"),
      std::string(33, 'a'),    std::string(1U << 16U, 'a'), std::string(),
  };
  for (const std::string& odd : versions) {
    CAPTURE(odd.substr(0, 40));
    Driver d;
    establish_with(d, all_lists, odd);
    ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("a")}));
    ask_and_answer(
        d,
        request("2", "tools/list",
                R"({"_meta":{"io.modelcontextprotocol/protocolVersion":")" + odd + R"("}})"),
        list_of(ListKind::tools, {item("a")}));
    CHECK(d.cache_loads.empty());
    CHECK(d.cache_stores == 0);
    d.lose();  // the session itself goes on as ever
    resume_with(d);
  }
  Driver d;
  establish_with(d, all_lists, std::string(32, 'a'));
  CHECK(d.cache_loads.size() == 1);
  CHECK(d.cache_stores == 1);
}

TEST_CASE("session 6: a host that asks for many versions gets a cache for the first of them") {
  Driver d;
  d.go_ready();
  for (int i = 0; i < 100; ++i) {
    const std::string id = std::to_string(i);
    ask_and_answer(
        d,
        request(id, "tools/list",
                R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"v)" + id + R"("}})"),
        list_of(ListKind::tools, {item("a")}));
  }
  CHECK(d.cache_loads.size() == 8);
  CHECK(d.cache_files.size() == 8);
  CHECK(cached_in(d, "v7").find("tools/list") != nullptr);
}

TEST_CASE("session 6: a list too large for the file does not keep the others out of it") {
  Driver d;
  establish_with(d);
  const std::string big =
      list_of(ListKind::tools, {item(std::string(CacheEntry::file_bytes_max, 'x'))});
  ask_and_answer(d, request("1", "tools/list"), big);
  ask_and_answer(d, request("2", "prompts/list"), list_of(ListKind::prompts, {item("p")}));
  const CacheEntry entry = cached_in(d);
  CHECK(entry.find("initialize") != nullptr);
  CHECK(entry.find("prompts/list") != nullptr);
  for (const auto& [name, text] : d.cache_files) CHECK(text.size() <= CacheEntry::file_bytes_max);
}

TEST_CASE("session 6: lists that are too large together leave the file as it is, with a warning") {
  Driver d;
  establish_with(d);
  const std::string big = item(std::string(CacheEntry::result_bytes_max - 1000, 'x'));
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {big}));
  CHECK(d.logged("too large", LogLevel::warn) == 0);
  ask_and_answer(d, request("2", "prompts/list"), list_of(ListKind::prompts, {big}));
  const std::string before = d.cache_files[asked];
  ask_and_answer(d, request("3", "resources/list"), list_of(ListKind::resources, {big}));
  CHECK(d.logged("too large", LogLevel::warn) == 1);
  CHECK((d.cache_files[asked] == before));
  CHECK(before.size() <= CacheEntry::file_bytes_max);
  // This run still knows it, for it is as good as the last list of the session.
  d.lose();
  d.host(request("4", "resources/list"));
  d.advance(d.settings.init_grace);
  CHECK(d.answers_to("4") == 1);
}

TEST_CASE("session 6: odd but legal JSON in one result does not cost the others") {
  Driver first;
  establish_with(first);
  ask_and_answer(first, request("1", "prompts/list"), R"({"prompts":[{"name":"\ud800"}]})");
  ask_and_answer(first, request("2", "resources/list"), R"({"resources":[],"x":1e999})");
  Driver next;
  next.cache_files = first.cache_files;
  next.host(initialize("0"));
  next.advance(next.settings.init_grace);
  CHECK(next.take_host() == std::vector<std::string>{answer("0", initialize_result())});
}

}  // namespace
}  // namespace shim::test
