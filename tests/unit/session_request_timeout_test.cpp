// Contract 5.0: --request-timeout.

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

Settings with_timeout() {
  Settings settings = default_settings();
  settings.request_timeout = 30s;
  settings.keepalive.progress = false;
  return settings;
}

TEST_CASE("session 5.0: silence about a request in flight ends it, and tells the backend") {
  Driver d(with_timeout());
  d.establish();
  d.host(request("1", "tools/list"));
  d.forget();
  d.advance(30s - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  const Settled end = settled(d.one_host_line());
  CHECK(end.id == "1");
  CHECK(end.code == 31004);
  CHECK(end.reason == "request-timeout");
  CHECK(end.delivered);
  CHECK_FALSE(end.retryable);
  const json told = json::parse(last_of(d.take_link()));
  CHECK(told["method"] == "notifications/cancelled");
  CHECK(told["params"]["requestId"] == 1);
  // A late answer goes nowhere, and the link goes on.
  d.backend(answer("1"));
  CHECK(d.take_host().empty());
  CHECK(d.dropped(Drop::unknown_answer) == 1);
  CHECK(d.session.phase() == Phase::ready);
}

TEST_CASE("session 5.0: progress of the backend starts the timeout again, a keepalive does not") {
  Settings settings = with_timeout();
  settings.keepalive.progress = true;
  Driver d(settings);
  d.establish();
  d.host(request_with_token("1", "9"));
  d.advance(29s);
  d.backend(progress("9"));
  d.advance(30s - 1ns);
  CHECK(d.answers_to("1") == 0);
  d.advance(1ns);
  CHECK(d.answers_to("1") == 1);
}

TEST_CASE("session 5.0: progress under a token that two requests share is about both") {
  Driver d(with_timeout());
  d.establish();
  d.host(request_with_token("1", "9"));
  d.host(request_with_token("2", "9"));
  d.advance(29s);
  d.backend(progress("9"));
  d.advance(29s);
  d.backend(answer("2"));
  d.backend(progress("9"));
  d.advance(30s - 1ns);
  CHECK(d.answers_to("1") == 0);
  d.advance(1ns);
  CHECK(d.answers_to("1") == 1);
}

TEST_CASE("session 5.0: waiting in the queue does not count, the second link starts afresh") {
  Settings settings = with_timeout();
  settings.queue_timeout = 10min;
  settings.replay = Replay::always;
  Driver d(settings);
  d.host(request("1", "tools/call"));
  d.advance(1min);
  CHECK(d.answers_to("1") == 0);
  if (d.session.phase() == Phase::connecting) d.lose();
  d.go_ready();
  d.advance(20s);
  d.lose();
  d.go_ready();
  d.advance(30s - 1ns);
  CHECK(d.answers_to("1") == 0);
  d.advance(1ns);
  CHECK(d.answers_to("1") == 1);
  CHECK(settled(last_of(d.take_host())).reason == "request-timeout");
}

TEST_CASE(
    "session 5.0: initialize and subscriptions have no timeout, nor has anything by default") {
  Driver d(with_timeout());
  d.go_ready();
  d.host(initialize("0"));
  d.host(modern_request("1", "subscriptions/listen"));
  d.advance(10min);
  CHECK(d.answers_to("0") == 0);
  CHECK(d.answers_to("1") == 0);
  Driver none;
  none.go_ready();
  none.host(request("1", "tools/call"));
  none.advance(10min);
  CHECK(none.answers_to("1") == 0);
}

TEST_CASE("session 5.0: answered or cancelled in time, a request has no timeout any more") {
  Driver d(with_timeout());
  d.establish();
  d.host(request("1", "tools/call"));
  d.host(request("2", "tools/call"));
  d.backend(answer("1"));
  d.host(cancel("2"));
  d.forget();
  d.advance(10min);
  CHECK(d.take_host().empty());
  CHECK(d.take_link().empty());
}

TEST_CASE("session 5.0: an answer that is on its way is waited for as long as it comes") {
  Driver d(with_timeout());
  d.establish();
  d.host(request("1", "tools/list"));
  for (int i = 0; i < 20; ++i) {
    d.advance(20s);
    d.part_at = d.now;
  }
  CHECK(d.answers_to("1") == 0);
  d.advance(30s - 1ns);
  CHECK(d.answers_to("1") == 0);
  d.advance(1ns);
  CHECK(d.answers_to("1") == 1);
}

TEST_CASE("session 5.0: what has come and is unread is read first, but not for ever") {
  for (const bool answered : {true, false}) {
    CAPTURE(answered);
    Driver d(with_timeout());
    d.establish();
    d.host(request("1", "tools/list"));
    d.forget();
    d.has_unread = true;
    d.advance(30s);
    CHECK(d.take_host().empty());
    d.advance(Session::unread_grace - 1ns);
    CHECK(d.take_host().empty());
    if (answered) d.backend(answer("1"));
    d.advance(1min);
    const bool is_answered = d.one_host_line().find("result") != std::string::npos;
    CHECK(is_answered == answered);
  }
}

TEST_CASE("session 5.0: that one is waited for once more takes nothing from another") {
  Driver d(with_timeout());
  d.establish();
  d.host(request("1", "tools/list"));
  d.advance(5s);
  d.host(request("2", "tools/list"));
  d.has_unread = true;
  d.advance(25s);
  d.has_unread = false;
  d.advance(Session::unread_grace);
  CHECK(d.answers_to("1") == 1);
  d.has_unread = true;
  d.advance(5s - 1ns);
  CHECK(d.answers_to("2") == 0);
  d.advance(1ns);
  CHECK(d.answers_to("2") == 1);
}

TEST_CASE("session 5.0: messages beyond --queue-bytes that the host takes at once are no pause") {
  Settings settings = with_timeout();
  settings.queue_bytes = 1'000;
  Driver d(settings);
  d.establish();
  d.host(request("1", "tools/list"));
  for (int i = 0; i < 30; ++i) {
    d.advance(1s);
    d.backend(notify("n", "\"" + std::string(2'000, 'x') + "\""));
  }
  CHECK(d.link_pauses.size() == 60);
  CHECK(d.answers_to("1") == 1);
}

}  // namespace
}  // namespace shim::test
