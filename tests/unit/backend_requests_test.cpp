#include "shim/core/backend_requests.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>

namespace shim {
namespace {

TEST_CASE("backend requests 5.1: each has a string id of ours, never the same twice") {
  BackendRequests requests;
  std::set<std::string> ids;
  for (int round = 0; round < 3; ++round) {
    for (const char* id : {"0", "1", "\"0\"", "0.0"}) {
      const auto ours = requests.open(id, 1);
      REQUIRE(ours.has_value());
      CHECK(ours->front() == '"');
      CHECK(ours->back() == '"');
      CHECK(ids.insert(*ours).second);
    }
    CHECK(requests.take_all().size() == 4);
  }
}

TEST_CASE("backend requests 5.1: an answer finds its request, once") {
  BackendRequests requests;
  const auto first = requests.open("0", 3);
  const auto second = requests.open(R"("\u0061")", 3);
  REQUIRE(first);
  REQUIRE(second);
  const auto closed = requests.close(*second);
  REQUIRE(closed);
  CHECK(closed->backend_id == R"("\u0061")");  // byte for byte
  CHECK(closed->host_id == *second);
  CHECK(closed->epoch == 3);
  CHECK_FALSE(requests.close(*second).has_value());
  // A host may spell the id otherwise.
  CHECK(requests.close("\"\\u006d" + first->substr(2)).has_value());
  CHECK_FALSE(requests.close(*first).has_value());
}

TEST_CASE("backend requests: what is no id of ours closes nothing") {
  BackendRequests requests;
  REQUIRE(requests.open("0", 1).has_value());
  const std::array ids{"",
                       "0",
                       "1",
                       "null",
                       "\"\"",
                       "\"mcp-ws-shim:\"",
                       "\"mcp-ws-shim:1",
                       "\"mcp-ws-shim:2\"",
                       "\"mcp-ws-shim:1 \"",
                       "\"mcp-ws-shim:+1\"",
                       "\"mcp-ws-shim:-1\"",
                       "\"mcp-ws-shim:18446744073709551616\"",
                       "\"x-mcp-ws-shim:1\"",
                       "\"mcp-ws-shim:1\\\"",
                       "\"MCP-WS-SHIM:1\"",
                       "\"mcp-ws-shim:01\""};
  for (const char* id : ids) {
    CAPTURE(std::string(id));
    CHECK_FALSE(requests.close(id).has_value());
  }
  CHECK(requests.take_all().size() == 1);
}

TEST_CASE("backend requests: an id that is open already is refused, and free again afterwards") {
  BackendRequests requests;
  const auto ours = requests.open("\"a\"", 1);
  REQUIRE(ours);
  CHECK_FALSE(requests.open("\"a\"", 1).has_value());
  CHECK_FALSE(requests.open(R"("\u0061")", 1).has_value());
  CHECK(requests.close(*ours).has_value());
  CHECK(requests.open("\"a\"", 1).has_value());
}

TEST_CASE("backend requests 12: at most so many are open") {
  BackendRequests requests;
  for (std::size_t i = 0; i < BackendRequests::open_max; ++i) {
    REQUIRE(requests.open(std::to_string(i), 1).has_value());
  }
  CHECK_FALSE(requests.open("\"more\"", 1).has_value());
  CHECK(requests.cancel("5").has_value());
  CHECK(requests.open("\"more\"", 1).has_value());
  CHECK_FALSE(requests.open("5", 1).has_value());
}

TEST_CASE("backend requests: the backend's cancellation closes its request, once") {
  BackendRequests requests;
  const auto ours = requests.open("1", 1);
  REQUIRE(ours);
  CHECK_FALSE(requests.cancel("\"1\"").has_value());
  CHECK_FALSE(requests.cancel("").has_value());
  const auto cancelled = requests.cancel("1");
  REQUIRE(cancelled);
  CHECK(cancelled->host_id == *ours);
  CHECK_FALSE(requests.cancel("1").has_value());
  CHECK_FALSE(requests.close(*ours).has_value());
}

TEST_CASE("backend requests 12: the ids that are kept have a bound, and make room again") {
  BackendRequests requests;
  const auto long_id = [](char c) {
    return "\"" + std::string(BackendRequests::id_bytes_max / 2 - 2, c) + "\"";
  };
  const auto first = requests.open(long_id('a'), 1);
  REQUIRE(first.has_value());
  CHECK(requests.open(long_id('b'), 1).has_value());
  CHECK_FALSE(requests.open("1", 1).has_value());
  CHECK(requests.close(*first).has_value());
  CHECK(requests.open("1", 1).has_value());
}

TEST_CASE("backend requests 5.1: a loss takes all, in the order they came") {
  BackendRequests requests;
  for (const char* id : {"9", "3", "\"z\"", "1"}) REQUIRE(requests.open(id, 2).has_value());
  CHECK(requests.cancel("3").has_value());
  const auto all = requests.take_all();
  REQUIRE(all.size() == 3);
  CHECK(all[0].backend_id == "9");
  CHECK(all[1].backend_id == "\"z\"");
  CHECK(all[2].backend_id == "1");
  CHECK(requests.take_all().empty());
  CHECK(requests.open("9", 3).has_value());
}

}  // namespace
}  // namespace shim
