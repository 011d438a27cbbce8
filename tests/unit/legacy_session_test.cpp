#include "shim/core/legacy_session.hpp"

#include <doctest/doctest.h>

#include <array>

namespace shim {
namespace {

/// What a host was told by an initialize result that names only this version (a raw JSON string).
InitializeFacts version(std::string raw) {
  InitializeFacts facts;
  facts.protocol_version = std::move(raw);
  return facts;
}

TEST_CASE("legacy session 5.1: nothing is known until initialize is answered") {
  LegacySession session;
  CHECK_FALSE(session.is_established());
  CHECK_FALSE(session.is_initialized());
  CHECK(session.steps().empty());
  session.begin("2025-11-25");
  CHECK_FALSE(session.is_established());
  session.established(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{}})",
                      version("\"2025-06-18\""));
  CHECK(session.is_established());
  CHECK(session.protocol_version() == "\"2025-06-18\"");
  CHECK_FALSE(session.is_initialized());
  session.host_initialized();
  CHECK(session.is_initialized());
}

TEST_CASE(
    "legacy session 5.1: initialize is repeated byte for byte, but for the id and the version") {
  struct Row {
    std::string name;
    std::string original;
    std::string expected;
  };
  const std::array rows{
      Row{"plain",
          R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})",
          R"({"jsonrpc":"2.0","id":99,"method":"initialize","params":{"protocolVersion":"V"}})"},
      Row{"id last, odd spacing",
          R"( {"params" : {"a":1e999, "protocolVersion" :"x" , "b":"\ud800"}, "method":"initialize","jsonrpc":"2.0","id" : "a\"b" } )",
          R"( {"params" : {"a":1e999, "protocolVersion" :"V" , "b":"\ud800"}, "method":"initialize","jsonrpc":"2.0","id" : 99 } )"},
      Row{"no version", R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{}})",
          R"({"jsonrpc":"2.0","id":99,"method":"initialize","params":{}})"},
      Row{"no params", R"({"jsonrpc":"2.0","id":0,"method":"initialize"})",
          R"({"jsonrpc":"2.0","id":99,"method":"initialize"})"},
      Row{"a version elsewhere too",
          R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"x":{"protocolVersion":"no","id":1},"protocolVersion":"yes"},"protocolVersion":"no"})",
          R"({"jsonrpc":"2.0","id":99,"method":"initialize","params":{"x":{"protocolVersion":"no","id":1},"protocolVersion":"V"},"protocolVersion":"no"})"},
      Row{"a version that is no string",
          R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":1}})",
          R"({"jsonrpc":"2.0","id":99,"method":"initialize","params":{"protocolVersion":"V"}})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    LegacySession session;
    session.begin("2025-11-25");
    session.established(row.original, version("\"V\""));
    CHECK(session.resume_initialize("99") == row.expected);
    CHECK(session.resume_initialize("99") == row.expected);  // it changes nothing here
  }
}

TEST_CASE("legacy session 5.1: the last level and the live subscriptions are the steps") {
  LegacySession session;
  session.begin("2025-11-25");
  session.level_set(R"({"level":"debug"})");
  session.level_set(R"({"level":"info"})");
  CHECK(session.subscribed("b", R"({"uri":"b"})"));
  CHECK(session.subscribed("a", R"({"uri":"a"})"));
  CHECK(session.subscribed("a", R"({"uri":"a","again":1})"));
  CHECK(session.subscribed("c", R"({"uri":"c"})"));
  session.unsubscribed("c");
  session.unsubscribed("never");
  const auto steps = session.steps();
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].method == "logging/setLevel");
  CHECK(steps[0].params == R"({"level":"info"})");
  CHECK(steps[1].method == "resources/subscribe");
  CHECK(steps[1].params == R"({"uri":"a","again":1})");
  CHECK(steps[2].params == R"({"uri":"b"})");
}

TEST_CASE("legacy session 11: a log level that is no text is taken for none") {
  LegacySession session;
  CHECK(session.log_level() == "info");
  for (const char* const params : {R"({"level":5})", R"({"level":null})", "{}", "[1]", "1e999"}) {
    CAPTURE(params);
    session.level_set(params);
    CHECK(session.log_level() == "info");
  }
  session.level_set(R"({"level":"error"})");
  CHECK(session.log_level() == "error");
}

TEST_CASE("legacy session 12: so many subscriptions are remembered and no more") {
  LegacySession session;
  for (std::size_t i = 0; i < LegacySession::subscriptions_max; ++i) {
    REQUIRE(session.subscribed(std::to_string(i), "{}"));
  }
  CHECK_FALSE(session.subscribed("more", "{}"));
  CHECK(session.subscribed("7", "{\"again\":1}"));
  session.unsubscribed("8");
  CHECK(session.subscribed("more", "{}"));
  CHECK(session.steps().size() == LegacySession::subscriptions_max);
}

TEST_CASE("legacy session 12: the subscriptions that are remembered have a bound in bytes") {
  LegacySession session;
  const std::string params(LegacySession::subscription_bytes_max / 2 - 1, ' ');
  CHECK(session.subscribed("a", params));
  CHECK(session.subscribed("b", params));
  CHECK_FALSE(session.subscribed("c", "{}"));
  CHECK(session.subscribed("b", params));  // again, in its own place
  session.unsubscribed("a");
  CHECK(session.subscribed("c", "{}"));
}

TEST_CASE("legacy session 5.1: a new initialize forgets all") {
  LegacySession session;
  session.begin("2025-11-25");
  session.established("{}", version("\"V\""));
  session.host_initialized();
  session.level_set("{}");
  CHECK(session.subscribed("a", "{}"));
  session.begin("2025-11-25");
  CHECK_FALSE(session.is_established());
  CHECK_FALSE(session.is_initialized());
  CHECK(session.steps().empty());
}

}  // namespace
}  // namespace shim
