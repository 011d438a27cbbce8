#include "shim/core/pending.hpp"

#include <doctest/doctest.h>

#include <array>

namespace shim {
namespace {

using namespace std::chrono_literals;

Request numbered(std::string id, std::uint64_t order = 1, std::string token = {}) {
  Request request;
  request.id = std::move(id);
  request.order = order;
  request.progress_token = std::move(token);
  return request;
}

void add(PendingTable& table, Request request) {
  const bool added = table.add(std::move(request)) == PendingTable::Added::ok;
  REQUIRE(added);
}

TEST_CASE("pending 5.0: ids differ by type and by spelling") {
  PendingTable table;
  const std::array ids{"1", "\"1\"", "1.0", "1e0", "-1", "\"\"", "\" \"", "10"};
  for (const char* id : ids) add(table, numbered(id));
  CHECK(table.size() == ids.size());
  for (const char* id : ids) {
    CAPTURE(std::string(id));
    REQUIRE(table.find(id) != nullptr);
    CHECK(table.find(id)->id == id);
    CHECK(table.remove(id).id == id);
    CHECK(table.find(id) == nullptr);
  }
  CHECK(table.empty());
}

TEST_CASE("pending 5.0: two spellings of one string are one id") {
  PendingTable table;
  add(table, numbered(R"("a\u0062")"));
  CHECK(table.find("\"ab\"") != nullptr);
  CHECK(table.find(R"("\u0061\u0062")") != nullptr);
  Request again = numbered("\"ab\"", 2);
  const bool duplicate = table.add(std::move(again)) == PendingTable::Added::duplicate;
  CHECK(duplicate);
  CHECK(again.id == "\"ab\"");  // NOLINT(bugprone-use-after-move): untouched, says the contract
  CHECK(table.remove("\"ab\"").id == R"("a\u0062")");  // as the host wrote it
  CHECK(table.empty());
}

TEST_CASE("pending: what is not there is not found") {
  PendingTable table;
  CHECK(table.find("") == nullptr);
  CHECK(table.find("null") == nullptr);
  CHECK(table.find("\"") == nullptr);
  CHECK(table.find("\\") == nullptr);
  CHECK_FALSE(table.tokens().contains(""));
  CHECK_FALSE(table.tokens().contains("1"));
}

TEST_CASE("pending 5.0: progress is expected exactly while a request with the token is there") {
  PendingTable table;
  add(table, numbered("1", 1, "\"t\""));
  add(table, numbered("2", 2, "7"));
  add(table, numbered("3", 3, "7"));
  add(table, numbered("4", 4));
  CHECK(table.tokens().contains("\"t\""));
  CHECK(table.tokens().contains(R"("\u0074")"));
  CHECK(table.tokens().contains("7"));
  CHECK_FALSE(table.tokens().contains("\"7\""));
  CHECK_FALSE(table.tokens().contains("7.0"));
  CHECK_FALSE(table.tokens().contains(""));
  table.remove("2");
  CHECK(table.tokens().contains("7"));
  table.remove("3");
  CHECK_FALSE(table.tokens().contains("7"));
  CHECK(table.take_all().size() == 2);
  CHECK_FALSE(table.tokens().contains("\"t\""));
}

TEST_CASE("pending: what is in flight on one link is found, in the host's order") {
  PendingTable table;
  for (std::uint64_t i = 1; i <= 30; ++i) {
    const std::string id = std::to_string(i);
    add(table, numbered(id, 100 - i));
    if (i % 3 != 0) table.sent(*table.find(id), i % 3, "text of " + id, TimePoint());
  }
  CHECK(table.in_flight() == 20);
  const auto ids = table.in_flight_on(2);
  REQUIRE(ids.size() == 10);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Request* const request = table.find(ids[i]);
    REQUIRE(request != nullptr);
    CHECK(request->sent_in == 2);
    CHECK(request->in_flight());
    CHECK(request->kept_text == "text of " + request->id);
    if (i > 0) CHECK(table.find(ids[i - 1])->order < request->order);
  }
  CHECK(table.size() == 30);
  CHECK(table.in_flight_on(99).empty());
  const auto all = table.take_all();
  REQUIRE(all.size() == 30);
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].order < all[i].order);
  CHECK(table.empty());
  CHECK(table.in_flight() == 0);
  CHECK(table.take_all().empty());
}

TEST_CASE("pending: a request queued again is not in flight and gives back its text") {
  PendingTable table(1s);
  add(table, numbered("1"));
  table.sent(*table.find("1"), 1, "text", TimePoint());
  CHECK(table.next_timeout() == TimePoint(1s));
  CHECK(table.requeue(*table.find("1")) == "text");
  CHECK_FALSE(table.find("1")->in_flight());
  CHECK(table.in_flight() == 0);
  CHECK(table.kept_bytes() == 0);
  CHECK_FALSE(table.next_timeout().has_value());
}

TEST_CASE("pending: a live subscription is not counted as in flight") {
  PendingTable table;
  Request request = numbered("1");
  request.method = mcp::Method::listen;
  request.version = "2026-07-28";
  add(table, std::move(request));
  table.sent(*table.find("1"), 1, "text", TimePoint());
  CHECK(table.in_flight() == 0);
  CHECK(table.in_flight_on(1).size() == 1);
  table.remove("1");
  CHECK(table.in_flight() == 0);
}

TEST_CASE("pending 12: bytes of kept texts are counted and given back") {
  PendingTable table;
  add(table, numbered("1"));
  add(table, numbered("2"));
  add(table, numbered("3"));
  CHECK(table.kept_bytes() == 0);
  table.sent(*table.find("1"), 1, "12345", TimePoint());
  table.sent(*table.find("2"), 1, "", TimePoint());
  table.sent(*table.find("3"), 2, "123", TimePoint());
  CHECK(table.kept_bytes() == 8);
  table.remove("2");
  CHECK(table.kept_bytes() == 8);
  table.remove("1");
  CHECK(table.kept_bytes() == 3);
  table.remove("3");
  CHECK(table.kept_bytes() == 0);
}

}  // namespace
}  // namespace shim
