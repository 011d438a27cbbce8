#include "shim/core/progress.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/unit/show.hpp"

namespace shim {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start(1h);

/// The value of the next keepalive, which must be due.
double take(ProgressTokens& tokens, TimePoint now) {
  const auto due = tokens.take_due(now);
  REQUIRE(due.has_value());
  REQUIRE_FALSE(due->value.empty());
  return std::strtod(due->value.c_str(), nullptr);
}

TEST_CASE("progress 8: a token is due an interval after it came, and again after each") {
  ProgressTokens tokens(10s);
  tokens.add("7", "1", start, false);
  CHECK(tokens.next_due() == start + 10s);
  CHECK_FALSE(tokens.take_due(start + 10s - 1ns).has_value());
  const auto due = tokens.take_due(start + 10s);
  REQUIRE(due.has_value());
  CHECK(due->token == "7");
  CHECK(due->request_id == "1");
  CHECK_FALSE(tokens.take_due(start + 10s).has_value());
  CHECK(tokens.next_due() == start + 20s);
  tokens.remove("7", false);
  CHECK_FALSE(tokens.next_due().has_value());
}

TEST_CASE("progress 8: what the backend reports puts a keepalive off") {
  ProgressTokens tokens(10s);
  tokens.add("7", "1", start, false);
  CHECK(tokens.reported("7", "1", start + 9s).empty());
  CHECK(tokens.next_due() == start + 19s);
}

TEST_CASE("progress 8: values increase, and the backend's own stay as they are") {
  ProgressTokens tokens(1s);
  tokens.add("\"t\"", "1", start, false);
  double last = 0;
  TimePoint now = start;
  for (const char* const value :
       {"0.25", "1", "2", "2.5", "1000000", "9007199254740991", "1e300"}) {
    for (int i = 0; i < 50; ++i) {
      now += 1s;
      const double ours = take(tokens, now);
      CHECK(ours > last);
      last = ours;
    }
    CAPTURE(std::string(value));
    const double theirs = std::strtod(value, nullptr);
    CHECK(theirs > last);  // room was left for it
    CHECK(tokens.reported("\"t\"", value, now).empty());
    last = theirs;
  }
}

TEST_CASE("progress 8: a value of the backend that comes too late for an increase is moved up") {
  ProgressTokens tokens(1s);
  tokens.add("7", "1", start, false);
  const double ours = take(tokens, start + 1s);
  const std::string moved = tokens.reported("7", "0", start + 2s);
  REQUIRE_FALSE(moved.empty());
  CHECK(std::strtod(moved.c_str(), nullptr) > ours);
  CHECK(tokens.reported("7", "1", start + 3s).empty());
  // Where it does not increase by itself and we had no part in it, it passes as it is.
  CHECK(tokens.reported("7", "1", start + 3s).empty());
  CHECK(tokens.reported("7", "0.5", start + 3s).empty());
}

TEST_CASE("progress 8: after a replay the values still increase for the host") {
  ProgressTokens tokens(1s);
  tokens.add("7", "1", start, false);
  CHECK(tokens.reported("7", "50", start).empty());
  tokens.restarted("7");
  const std::string first = tokens.reported("7", "1", start);
  const std::string second = tokens.reported("7", "2", start);
  CHECK(std::strtod(first.c_str(), nullptr) > 50);
  CHECK(std::strtod(second.c_str(), nullptr) > std::strtod(first.c_str(), nullptr));
  CHECK(tokens.reported("7", "51", start).empty());
}

TEST_CASE("progress 8: values that are no numbers pass, and beyond the largest nothing is added") {
  ProgressTokens tokens(1s);
  tokens.add("7", "1", start, false);
  for (const char* const value : {"\"1\"", "null", "true", "{}", ""})
    CHECK(tokens.reported("7", value, start).empty());
  CHECK(take(tokens, start + 1s) > 0);
  CHECK(tokens.reported("7", "1e999", start + 1s).empty());
  const auto due = tokens.take_due(start + 2s);
  REQUIRE(due.has_value());
  CHECK(due->value.empty());
}

TEST_CASE("progress 8: a shared token lives as long as one of its requests") {
  ProgressTokens tokens(1s);
  tokens.add("7", "1", start, false);
  tokens.add("7", "2", start, false);
  CHECK(tokens.take_due(start + 1s)->request_id == "2");
  tokens.remove("7", false);
  CHECK(tokens.contains("7"));
  tokens.remove("7", false);
  CHECK_FALSE(tokens.contains("7"));
  tokens.remove("7", false);  // harmless
}

TEST_CASE("progress 8: a token is due for as long as one of its requests is not quiet") {
  for (const bool quiet_first : {true, false}) {
    CAPTURE(quiet_first);
    ProgressTokens tokens(10s);
    tokens.add("7", quiet_first ? "quiet" : "loud", start, quiet_first);
    tokens.add("7", quiet_first ? "loud" : "quiet", start + 1s, !quiet_first);
    CHECK(tokens.next_due() == start + (quiet_first ? 11s : 10s));
    CHECK(tokens.take_due(start + 11s)->request_id == "loud");
    tokens.remove("7", false);
    CHECK_FALSE(tokens.next_due().has_value());
    CHECK(tokens.contains("7"));
    CHECK(tokens.reported("7", "1", start + 12s).empty());
    CHECK_FALSE(tokens.next_due().has_value());
  }
}

TEST_CASE("progress 5.0: when something was last reported under a token") {
  ProgressTokens tokens(1s);
  tokens.add("7", "1", start, false);
  CHECK(tokens.reported_at("7") < start);
  CHECK(tokens.take_due(start + 1s).has_value());
  CHECK(tokens.reported_at("7") < start);
  CHECK(tokens.reported("7", "1", start + 2s).empty());
  CHECK(tokens.reported_at("7") == start + 2s);
}

TEST_CASE("progress 8: quiet tokens and a zero interval are never due") {
  ProgressTokens tokens(1s);
  tokens.add("7", "1", start, true);
  CHECK_FALSE(tokens.next_due().has_value());
  ProgressTokens none({});
  none.add("7", "1", start, false);
  CHECK_FALSE(none.next_due().has_value());
  CHECK(none.contains("7"));
}

TEST_CASE("progress 5.0: tokens differ by type and spelling") {
  ProgressTokens tokens({});
  tokens.add("7", "1", start, false);
  CHECK(tokens.contains("7"));
  CHECK_FALSE(tokens.contains("\"7\""));
  CHECK_FALSE(tokens.contains("7.0"));
  tokens.add(R"("a\u0062")", "1", start, false);
  CHECK(tokens.contains("\"ab\""));
}

}  // namespace
}  // namespace shim
