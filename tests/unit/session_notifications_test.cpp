// Contract 5.0: notifications of the host while there is no backend.

#include <array>

#include "tests/unit/mcp_texts.hpp"

namespace shim::test {
namespace {

constexpr std::string_view roots_changed = "notifications/roots/list_changed";

TEST_CASE("session 5.0: of the roots changes that wait for a link only the last one is sent") {
  for (const int count : {1, 2, 100}) {
    CAPTURE(count);
    Driver d;
    establish_with(d);
    d.lose();
    d.host(notify("first"));
    for (int i = 0; i < count; ++i) {
      d.host(notify(roots_changed, R"({"n":)" + std::to_string(i) + "}"));
      d.host(notify("between", R"({"n":)" + std::to_string(i) + "}"));
    }
    resume_with(d);
    std::vector<std::string> roots;
    std::size_t between = 0;
    for (const std::string& text : d.take_link()) {
      if (method_of(text) == roots_changed) roots.push_back(text);
      if (method_of(text) == "between") ++between;
    }
    REQUIRE(roots.size() == 1);
    CHECK(roots[0] == notify(roots_changed, R"({"n":)" + std::to_string(count - 1) + "}"));
    CHECK(between == static_cast<std::size_t>(count));  // nothing else is coalesced
  }
}

TEST_CASE("session 5.0: a roots change takes the place of the last one, so that order is kept") {
  Driver d;
  establish_with(d);
  d.lose();
  d.host(notify(roots_changed));
  d.host(request("1", "m"));
  d.host(notify(roots_changed));
  d.host(notify("after"));
  resume_with(d);
  const auto sent = d.take_link();
  REQUIRE(sent.size() >= 3);
  const std::vector<std::string> tail(sent.end() - 3, sent.end());
  CHECK(tail ==
        std::vector<std::string>{request("1", "m"), notify(roots_changed), notify("after")});
}

TEST_CASE("session 5.0: while ready no roots change is held back, and each outage starts afresh") {
  Driver d;
  establish_with(d);
  for (int i = 0; i < 3; ++i) {
    d.host(notify(roots_changed));
    CHECK(d.take_link() == std::vector<std::string>{notify(roots_changed)});
  }
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    d.lose();
    d.host(notify(roots_changed));
    d.host(notify(roots_changed));
    resume_with(d);
    CHECK(std::ranges::count(methods_in(d.take_link()), roots_changed) == 1);
  }
}

TEST_CASE("session 5.0: roots changes that were dropped or have expired do no harm to others") {
  Settings settings = default_settings();
  settings.queue_max = 1;
  settings.queue_timeout = 10s;
  Driver d(settings);
  establish_with(d);
  d.lose();
  SUBCASE("dropped, since the queue was full") {
    d.host(request("1", "m"));
    d.host(notify(roots_changed));
    CHECK(d.dropped(Drop::unsendable_notification) == 1);
    d.host(cancel("1"));
    d.host(request("2", "m"));
    d.host(notify(roots_changed));
  }
  SUBCASE("expired") {
    d.host(notify(roots_changed));
    d.advance(10s);
    CHECK(d.dropped(Drop::unsendable_notification) == 1);
    d.host(request("2", "m"));
    d.host(notify(roots_changed));
  }
  CHECK(d.session.pending().size() == 1);
  CHECK(d.session.outbox().count() == 1);
  resume_with(d);
  CHECK(last_of(d.take_link()) == request("2", "m"));
}

TEST_CASE("session 5.0: a request in a full queue survives the roots changes around it") {
  Settings settings = default_settings();
  settings.queue_max = 1;
  Driver d(settings);
  establish_with(d);
  d.lose();
  d.host(request("1", "m"));
  d.host(notify(roots_changed));
  d.host(cancel("1"));
  d.host(request("2", "m"));
  d.host(notify(roots_changed));
  d.advance(settings.queue_timeout);
  CHECK(d.answers_to("2") == 1);
}

TEST_CASE("session 5.2: with --protocol jsonrpc a roots change is a notification like any other") {
  Settings settings = default_settings();
  settings.protocol = Protocol::jsonrpc;
  Driver d(settings);
  d.host(notify(roots_changed));
  d.host(notify(roots_changed));
  d.go_ready();
  CHECK(d.take_link().size() == 2);
}

TEST_CASE(
    "session 5.0: a notification that waits longer than --queue-timeout is dropped, counted") {
  for (const Duration timeout : {Duration(1ms), Duration(45s)}) {
    CAPTURE(timeout.count());
    Settings settings = default_settings();
    settings.queue_timeout = timeout;
    Driver d(settings);
    d.host(notify("a"));
    d.advance(timeout / 2);
    d.host(notify("b"));
    d.advance(timeout - timeout / 2 - 1ns);
    CHECK(d.session.outbox().count() == 2);
    d.advance(1ns);
    CHECK(d.session.outbox().count() == 1);
    CHECK(d.dropped(Drop::unsendable_notification) == 1);
    d.advance(timeout / 2);
    CHECK(d.session.outbox().empty());
    CHECK(d.dropped(Drop::unsendable_notification) == 2);
    CHECK(d.take_host().empty());
    d.go_ready();
    CHECK(d.take_link().empty());
  }
}

TEST_CASE("session 5.0: with --queue-timeout 0 notifications wait for ever") {
  Settings settings = default_settings();
  settings.queue_timeout = Duration::zero();
  Driver d(settings);
  d.host(notify("a"));
  d.advance(1h);
  d.go_ready();
  CHECK(d.take_link() == std::vector<std::string>{notify("a")});
}

TEST_CASE("session 5.0: a notification that waited for the window when the link was lost expires") {
  Driver d;
  establish_with(d);
  d.link_writes = false;
  d.host(notify("big", R"({"x":")" + std::string(Session::link_window_bytes, 'x') + R"("})"));
  d.host(notify("waits"));
  REQUIRE(d.session.outbox().count() == 1);
  d.advance(10min);  // while ready nothing expires
  REQUIRE(d.session.outbox().count() == 1);
  d.lose();
  d.link_writes = true;
  d.advance(d.settings.queue_timeout - 1ns);
  CHECK(d.session.outbox().count() == 1);
  d.advance(1ns);
  CHECK(d.session.outbox().empty());
}

TEST_CASE("session 5.0: notifications and requests leave in the order the host wrote them") {
  Driver d;
  std::vector<std::string> wanted;
  const std::array methods{"x", "notifications/other", "notifications/message"};
  for (int i = 0; i < 30; ++i) {
    const bool is_request = i % 3 == 0;
    const auto* const method = methods.at(static_cast<std::size_t>(i) % methods.size());
    const std::string params = R"({"n":)" + std::to_string(i) + "}";
    wanted.push_back(is_request ? request(std::to_string(i), method, params)
                                : notify(method, params));
    d.host(wanted.back());
  }
  d.go_ready();
  CHECK(d.take_link() == wanted);
}

TEST_CASE(
    "session 5.0: progress of the host about requests of a lost link is dropped and counted") {
  Driver d;
  establish_with(d);
  d.host(progress("1"));
  CHECK(d.take_link().size() == 1);
  d.lose();
  d.host(progress("1"));
  CHECK(d.dropped(Drop::unsendable_notification) == 1);
  resume_with(d);
  CHECK(with_method(d.take_link(), "notifications/progress").empty());
}

}  // namespace
}  // namespace shim::test
