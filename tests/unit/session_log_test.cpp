// Contract 10: what the log tells of messages that go wrong: not what they say, and not each time.

#include <algorithm>

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

/// Lines that hold `part`, after something has been done `times` times, and what the next one, 10 s
/// later, says of those that were held back.
template <typename Action>
void check_limited(Driver& d, std::string_view part, Action&& action) {
  constexpr int times = 5;
  for (int i = 0; i < times; ++i) action(i);
  CHECK(d.logged(part, LogLevel::warn) == 1);
  d.advance(10s);
  action(times);
  CHECK(d.logged(part, LogLevel::warn) == 2);
  const auto counted = std::count_if(d.logs.begin(), d.logs.end(), [&](const action::Log& line) {
    return line.text.find(part) != std::string::npos &&
           line.text.ends_with("; 4 more like it since the last line");
  });
  CHECK(counted == 1);
}

TEST_CASE("session 10: lines of the host that are too long are logged now and then") {
  Driver d;
  d.go_ready();
  check_limited(d, "a line from the host was skipped",
                [&](int) { d.feed(event::HostLineTooLong{IdScanner()}); });
  CHECK(d.host_log.size() == 6);  // each is answered all the same
}

TEST_CASE("session 10: initialize results without a version are logged now and then") {
  Driver d;
  d.go_ready();
  check_limited(d, "names no protocol version", [&](int i) {
    d.host(initialize(std::to_string(i)));
    d.backend(answer(std::to_string(i), "{}"));
  });
}

TEST_CASE("session 10: subscriptions beyond what can be kept are logged now and then") {
  Driver d;
  d.establish();
  const auto subscribe = [&](int i) {
    ask_and_answer(
        d, request("1", "resources/subscribe", R"({"uri":"a:)" + std::to_string(i) + R"("})"),
        "{}");
  };
  const auto most = static_cast<int>(LegacySession::subscriptions_max);
  for (int i = 0; i < most; ++i) subscribe(i);
  CHECK(d.logged("too many subscriptions") == 0);
  check_limited(d, "too many subscriptions", [&](int i) { subscribe(most + i); });
}

TEST_CASE("session 10: restores that are refused, or badly answered, are logged now and then") {
  std::string part;
  std::string bad;
  SUBCASE("refused") {
    part = "refused to restore";
    bad = R"(,"error":{"code":-1,"message":"no"}})";
  }
  SUBCASE("badly answered") {
    part = "request of the shim's own was not a valid message (it is not valid UTF-8 JSON)";
    bad = R"(,"result":{},})";
  }
  Driver d;
  d.establish();
  for (int i = 0; i <= 5; ++i)
    ask_and_answer(
        d, request("1", "resources/subscribe", R"({"uri":"a:)" + std::to_string(i) + R"("})"),
        "{}");
  d.lose();
  d.validate();
  d.backend(initialize_answer(id_of(d.link_log.back().text)));
  std::vector<std::string> own;
  for (const std::string& text : d.take_link())
    if (method_of(text) == "resources/subscribe") own.push_back(id_of(text));
  REQUIRE(own.size() == 6);
  check_limited(d, part, [&](int i) {
    d.backend(R"({"jsonrpc":"2.0","id":)" + own.at(static_cast<std::size_t>(i)) + bad);
  });
}

TEST_CASE("session 10: lists too large to be cached are logged now and then") {
  Driver d;
  d.establish();
  // Two lists fit, three do not; a list that changes is stored each time.
  const auto list = [](ListKind kind, int i) {
    return list_of(kind, {item(std::to_string(i) + std::string(std::size_t{7} << 19U, 'x'))});
  };
  ask_and_answer(d, request("1", "prompts/list"), list(ListKind::prompts, 0));
  ask_and_answer(d, request("1", "resources/list"), list(ListKind::resources, 0));
  check_limited(d, "too large to be cached", [&](int i) {
    ask_and_answer(d, request("1", "tools/list"), list(ListKind::tools, i));
  });
}

}  // namespace
}  // namespace shim::test
