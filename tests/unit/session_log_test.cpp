// Contract 10: what the log tells of messages that go wrong: not what they say, and not each time.

#include "tests/unit/mcp_texts.hpp"

namespace shim::test {
namespace {

/// What stands in bodies here, and nowhere else.
constexpr std::string_view secret = "in-the-body";

/// Whether a line below trace, or what status files and answers tell, holds part of a body.
bool tells(const Driver& d) {
  return d.logged(secret, LogLevel::debug) > 0 ||
         d.session.report(d.now).last_error.find(secret) != std::string::npos;
}

std::string refusal(std::string_view id, int code) {
  return jsonrpc::error_answer(id, code, secret, R"({"why":")" + std::string(secret) + R"("})");
}

/// A legacy session that holds a subscription, on a link that is being resumed.
void resume_subscribed(Driver& d) {
  d.establish();
  ask_and_answer(d, request("1", "resources/subscribe", R"({"uri":"a:"})"), "{}");
  d.lose();
  d.validate();
}

TEST_CASE("session 10: a refused initialize is logged with its code, not with what it says") {
  Driver d;
  resume_subscribed(d);
  d.backend(refusal(id_of(d.link_log.back().text), -32000));
  CHECK(d.session.phase() == Phase::waiting);
  CHECK_FALSE(tells(d));
  CHECK(d.logged("initialize again: error -32000 (", LogLevel::warn) == 1);
}

TEST_CASE("session 10: an error code is cut, however long the number") {
  Driver d;
  resume_subscribed(d);
  d.backend(R"({"jsonrpc":"2.0","id":)" + id_of(d.link_log.back().text) + R"(,"error":{"code":)" +
            std::string(5000, '7') + R"(,"message":"no"}})");
  CHECK(d.session.report(d.now).last_error.size() < 200);
}

TEST_CASE("session 10: a refused restore is logged with method and code, not with what it says") {
  Driver d;
  resume_subscribed(d);
  d.backend(initialize_answer(id_of(d.link_log.back().text)));
  const std::string restore = with_method(d.take_link(), "resources/subscribe");
  d.backend(refusal(id_of(restore), -32002));
  CHECK_FALSE(tells(d));
  CHECK(d.logged("resources/subscribe got error -32002 (", LogLevel::warn) == 1);
}

TEST_CASE("session 10: a protocol version is shown if it is one") {
  Driver d;
  resume_subscribed(d);
  const std::string own = id_of(d.link_log.back().text);
  SUBCASE("a date") {
    d.backend(initialize_answer(own, "2024-11-05"));
    CHECK(d.logged(R"("2024-11-05")", LogLevel::warn) == 1);
  }
  SUBCASE("anything else") { d.backend(initialize_answer(own, secret)); }
  SUBCASE("a date and more") { d.backend(initialize_answer(own, "2024-11-05in-the-body")); }
  SUBCASE("none") {
    d.backend(answer(own));
    CHECK(d.logged("now answers none", LogLevel::warn) == 1);
  }
  CHECK(d.session.phase() == Phase::waiting);
  CHECK(d.logged("the session uses protocol version \"2025-06-18\"", LogLevel::warn) == 1);
  CHECK_FALSE(tells(d));
}

TEST_CASE("session 10: an initialize result without a version is logged with its size only") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.backend(answer("0", R"({"x":"in-the-body"})"));
  CHECK_FALSE(tells(d));
  CHECK(d.logged("names no protocol version (19 bytes)", LogLevel::warn) == 1);
}

}  // namespace
}  // namespace shim::test
