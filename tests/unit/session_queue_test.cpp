// Contract 5.0: what waits while the backend is not ready, and how long.

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

TEST_CASE("session 5.0: what is queued goes out in the order it came, once the link is ready") {
  Driver d;
  std::vector<std::string> texts;
  for (int i = 0; i < 50; ++i) {
    texts.push_back(i % 3 == 0 ? notify("n", "{\"i\":" + std::to_string(i) + "}")
                               : request(std::to_string(i), "m"));
    d.host(texts.back());
  }
  d.until_connecting();
  d.opened();
  CHECK(d.take_link().empty());  // nothing before the first pong
  d.pong();
  CHECK(d.take_link() == texts);
  CHECK(d.session.outbox().empty());
}

TEST_CASE("session 5.0: the queue is full by count: the new one is refused, the old ones stay") {
  for (const std::size_t most : {std::size_t{1}, std::size_t{2}, std::size_t{1024}}) {
    CAPTURE(most);
    Settings settings = default_settings();
    settings.queue_max = most;
    Driver d(settings);
    for (std::size_t i = 1; i <= most; ++i) d.host(request(std::to_string(i), "m"));
    CHECK(d.take_host().empty());
    d.host(request("\"more\"", "m"));
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == "\"more\"");
    CHECK(told.code == 31003);
    CHECK(told.reason == "queue-full");
    CHECK_FALSE(told.delivered);
    CHECK(told.retryable);
    CHECK(d.host_pauses.empty());  // nothing blocks reading stdin
    d.host(request("\"p\"", "ping"));
    CHECK(d.one_host_line() == answer("\"p\""));

    d.host(cancel("1"));  // makes room for one
    d.host(request("\"more\"", "m"));
    CHECK(d.take_host().empty());
    d.go_ready();
    CHECK(d.take_link().size() == most);
  }
}

TEST_CASE("session 4.2: a request that finds the queue full makes the shim try, too") {
  Settings settings = default_settings();
  settings.queue_max = 1;
  settings.backoff = {.base = 1min, .cap = 1min, .jitter = {Jitter::Kind::ratio, 0}};
  Driver d(settings);
  d.host(request("1", "m"));
  for (int attempt = 0; attempt < 2;
       ++attempt) {  // the second one since the first request wants it
    d.until_connecting();
    d.lose({.cause = Cause::refused});
  }
  d.advance(2s);
  const std::size_t attempts = d.opens.size();
  d.host(request("2", "m"));
  CHECK(settled(d.one_host_line()).reason == "queue-full");
  d.advance(0s);
  CHECK(d.opens.size() == attempts + 1);
}

TEST_CASE("session 5.0: a tools/call refused by a full queue is settled like any other") {
  Settings settings = default_settings();
  settings.queue_max = 1;
  Driver d(settings);
  d.host(request("1", "m"));
  d.host(request("2", "tools/call"));
  const Settled told = settled(d.one_host_line());
  CHECK(told.is_tool_result);
  CHECK(told.reason == "queue-full");
}

TEST_CASE("session 5.0: the queue is full by bytes, but one message of any size fits") {
  Settings settings = default_settings();
  settings.queue_bytes = 10'000;
  Driver d(settings);
  SUBCASE("one message beyond the bound") {
    d.host(request("1", "m", "\"" + std::string(50'000, 'x') + "\""));
    CHECK(d.take_host().empty());
    d.host(request("2", "m"));
    CHECK(settled(d.one_host_line()).code == 31003);
  }
  SUBCASE("a second one fits to the byte, or not at all") {
    const std::string second = request("2", "m");
    for (const std::size_t beyond : {std::size_t{0}, std::size_t{1}}) {
      CAPTURE(beyond);
      Driver e(settings);
      const std::size_t frame = request("1", "m", "\"\"").size() + Outbox::overhead_bytes;
      const std::size_t padding = settings.queue_bytes - second.size() - frame + beyond;
      e.host(request("1", "m", "\"" + std::string(padding, 'x') + "\""));
      e.host(second);
      CHECK(e.take_host().size() == beyond);
    }
  }
  SUBCASE("what was too much is free again after it went out") {
    d.host(request("1", "m", "\"" + std::string(50'000, 'x') + "\""));
    d.go_ready();
    d.lose();
    d.forget();
    d.host(request("2", "m"));
    CHECK(d.take_host().empty());
  }
}

TEST_CASE(
    "session 5.0: notifications count in the queue, and are dropped and counted when it is full") {
  Settings settings = default_settings();
  settings.queue_max = 2;
  Driver d(settings);
  d.host(notify("a"));
  d.host(notify("b"));
  d.host(notify("c"));
  CHECK(d.dropped(Drop::unsendable_notification) == 1);
  CHECK(d.take_host().empty());
  d.host(request("1", "m"));
  CHECK(settled(d.one_host_line()).code == 31003);
  d.go_ready();
  CHECK(d.take_link() == std::vector{notify("a"), notify("b")});
}

TEST_CASE("session 5.0: a queued request is settled exactly when --queue-timeout passes") {
  for (const Duration timeout : {Duration(1ms), Duration(45s), Duration(1h)}) {
    CAPTURE(milliseconds(timeout));
    Settings settings = default_settings();
    settings.queue_timeout = timeout;
    Driver d(settings);
    d.advance(10s);
    d.host(request("1", "m"));
    d.advance(timeout - 1ns);
    CHECK(d.take_host().empty());
    d.advance(1ns);
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == "1");
    CHECK(told.code == 31001);
    CHECK(told.reason == "backend-unavailable");
    CHECK_FALSE(told.delivered);
    CHECK(told.retryable);
    CHECK(d.session.outbox().empty());
    CHECK(d.session.pending().empty());
    d.go_ready();
    CHECK(d.take_link().empty());
  }
}

TEST_CASE(
    "session 5.0: each queued request has its own deadline, and the bridge is told the next") {
  Driver d;
  d.host(request("1", "m"));
  d.advance(2s);
  d.host(request("2", "m"));
  d.host(notify("n"));
  d.advance(2s);
  d.host(request("3", "m"));
  d.advance(41s - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  CHECK(id_of(d.one_host_line()) == "1");
  d.advance(2s);
  CHECK(id_of(d.one_host_line()) == "2");
  d.advance(2s);
  CHECK(id_of(d.one_host_line()) == "3");
  // A notification waits no longer, or a long outage would fill the queue with them.
  CHECK(d.session.outbox().empty());
  CHECK(d.dropped(Drop::unsendable_notification) == 1);
}

TEST_CASE("session 5.0: a link that is ready in the last nanosecond saves what is queued") {
  Driver d;
  d.until_connecting();
  d.opened();
  d.lose();
  d.host(request("1", "m"));
  const TimePoint end = d.now + d.settings.queue_timeout;
  // Keep trying until just before the deadline.
  while (end - d.now > 16s) {
    d.until_connecting();
    d.lose({.cause = Cause::refused});
  }
  d.until_connecting();
  REQUIRE(d.now < end);
  d.opened();
  d.advance(std::min<Duration>(end - d.now - 1ns, d.settings.validate_timeout - 1ns));
  d.pong();
  CHECK(d.take_host().empty());
  CHECK(d.take_link() == std::vector{request("1", "m")});
  d.advance(1h);
  CHECK(d.take_host().empty());  // in flight there is no queue timeout
}

TEST_CASE("session 5.0: --queue-timeout 0 waits for ever") {
  Settings settings = default_settings();
  settings.queue_timeout = Duration::zero();
  Driver d(settings);
  d.host(request("1", "m"));
  d.advance(1h);
  CHECK(d.take_host().empty());
  d.go_ready();
  CHECK(d.take_link() == std::vector{request("1", "m")});
  d.host(request("2", "tools/list"));
  d.lose();
  d.forget();
  d.advance(1h);
  CHECK(d.take_host().empty());
}

TEST_CASE("session 6: with --offline wait initialize waits for ever, and goes out first") {
  Settings settings = default_settings();
  settings.offline = Offline::wait;
  Driver d(settings);
  d.host(initialize("0"));
  d.advance(1h);
  CHECK(d.take_host().empty());
  d.host(notify("notifications/initialized"));  // some hosts do not wait
  d.go_ready();
  CHECK(d.take_link() == std::vector{initialize("0"), notify("notifications/initialized")});
}

TEST_CASE(
    "session 5.1: initialize in flight when its link is lost is sent again until it is answered") {
  for (const Replay replay : {Replay::safe, Replay::never, Replay::always}) {
    CAPTURE(static_cast<int>(replay));
    Settings settings = default_settings();
    settings.replay = replay;
    settings.offline = Offline::wait;
    Driver d(settings);
    d.host(initialize("\"i\""));
    for (int i = 0; i < 5; ++i) {
      CAPTURE(i);
      d.validate();
      CHECK(d.session.phase() == Phase::ready);  // nothing of our own before it
      CHECK(d.take_link() == std::vector{initialize("\"i\"")});
      CHECK(d.take_host().empty());
      d.lose();
    }
    d.go_ready();
    d.backend(initialize_answer("\"i\""));
    CHECK(d.one_host_line() == initialize_answer("\"i\""));
    CHECK(d.answers_to("\"i\"") == 1);
    CHECK(d.session.counters().replays == 0);
  }
}

TEST_CASE("session 5.1: initialized sent before initialize was answered is repeated with it") {
  Driver d;
  d.host(initialize("0"));
  d.host(notify("notifications/initialized"));
  d.go_ready();
  d.lose();
  d.forget();
  d.go_ready();
  CHECK(first_of(d.take_link()) == initialize("0"));
  d.backend(initialize_answer("0"));
  d.advance(1s);
  // The backend of the second link has been told by now that the host is initialized: at once after
  // its initialize or once that is answered.
  const auto told = std::ranges::count_if(d.link_log, [](const Driver::Sent& sent) {
    return sent.epoch == 2 && method_of(sent.text) == "notifications/initialized";
  });
  CHECK(told == 1);
}

TEST_CASE("session 5.0: a link lost while requests wait for the window gives them a deadline") {
  Driver d;
  d.link_writes = false;
  d.go_ready();
  d.host(notify("big", "\"" + std::string(Session::link_window_bytes, 'x') + "\""));
  d.host(request("1", "tools/call"));
  CHECK(d.session.outbox().count() == 1);
  d.advance(1h);
  CHECK(d.take_host().empty());  // while ready there is no queue timeout
  d.forget();
  d.lose();
  CHECK(d.take_host().empty());  // it never left: not lost with the link
  d.advance(d.settings.queue_timeout - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  const Settled told = settled(d.one_host_line());
  CHECK(told.reason == "backend-unavailable");
  CHECK_FALSE(told.delivered);
}

TEST_CASE("session 5.1: what follows initialize waits as long as initialize does") {
  Settings settings = default_settings();
  settings.offline = Offline::wait;
  Driver d(settings);
  d.host(initialize("0"));
  d.host(notify("notifications/initialized"));
  d.advance(d.settings.queue_timeout + 1s);
  d.go_ready();
  const auto sent = d.take_link();
  REQUIRE(sent.size() >= 2);
  CHECK(method_of(sent[0]) == "initialize");
  CHECK(method_of(sent[1]) == "notifications/initialized");
}

TEST_CASE("session 5.1: it is also kept when the link is lost before it was sent") {
  Settings settings = default_settings();
  settings.offline = Offline::wait;
  Driver d(settings);
  d.go_ready();
  d.host(initialize("0"));
  d.host(notify("notifications/initialized"));
  d.forget();
  d.lose();
  d.advance(d.settings.queue_timeout + 1s);
  d.go_ready();
  CHECK(method_of(last_of(d.take_link())) == "notifications/initialized");
}

TEST_CASE("session 12: live subscriptions are kept up to --queue-bytes") {
  Settings settings = default_settings();
  settings.queue_bytes = 10'000;
  Driver d(settings);
  d.go_ready();
  const auto listen = [](const std::string& id) {
    return request(id, "subscriptions/listen",
                   R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"x":")" +
                       std::string(4'000, 'x') + "\"}");
  };
  d.host(listen("1"));
  d.host(listen("2"));
  CHECK(d.take_host().empty());
  d.host(listen("3"));
  CHECK(settled(d.one_host_line()).reason == "queue-full");
  CHECK(d.session.pending().subscription_bytes() <= settings.queue_bytes);
  d.host(request("4", "tools/call"));  // anything else is taken
  CHECK(d.take_host().empty());
}

TEST_CASE("session 12: long ids and tokens count for what is pending") {
  Settings settings = default_settings();
  settings.queue_bytes = 100'000;
  Driver d(settings);
  SUBCASE("while ready stdin is not read further") {
    d.go_ready();
    for (char c = 'a'; c < 'e'; ++c) d.host(request("\"" + std::string(10'000, c) + "\"", "m"));
    CHECK(d.host_pauses.size() == 1);
    CHECK(d.take_host().empty());
  }
  SUBCASE("while away they are refused") {
    for (char c = 'a'; c < 'e'; ++c) d.host(request("\"" + std::string(10'000, c) + "\"", "m"));
    CHECK(d.take_host().size() == 2);
  }
}

TEST_CASE("session 4.2: a host request asks for an attempt at once, a notification does not") {
  Driver d;
  for (int i = 0; i < 8; ++i) {  // far into the backoff
    d.lose({.cause = Cause::refused});
    d.until_connecting();
  }
  d.advance(9s);
  d.lose({.cause = Cause::certificate});  // at the cap
  const TimePoint far = *d.session.next_deadline();
  CHECK(far - d.now >= 15s);
  d.host(notify("n"));
  d.host(request("1", "ping"));
  d.host("garbage");
  CHECK(d.session.phase() == Phase::waiting);
  d.host(request("2", "m"));
  CHECK(d.session.phase() == Phase::connecting);
}

}  // namespace
}  // namespace shim::test
