// Contract 3: how the shim ends.

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

TEST_CASE("session 3: at the end of input with nothing pending the shim ends at once") {
  Driver d;
  bool has_link = true;
  SUBCASE("connecting") {}
  SUBCASE("waiting") {
    d.lose();
    has_link = false;
  }
  SUBCASE("validating") { d.opened(); }
  SUBCASE("ready") { d.go_ready(); }
  SUBCASE("resuming") {
    d.establish();
    d.lose();
    d.validate();
  }
  const std::size_t closes = d.closes.size();
  d.feed(event::HostClosed{});
  CHECK(d.session.finished());
  CHECK(d.finishes == 1);
  CHECK(d.closes.size() == closes + (has_link ? 1 : 0));
  if (has_link) CHECK(d.closes.back().politely);  // with a close frame
  CHECK_FALSE(d.session.next_deadline().has_value());
}

TEST_CASE("session 3, 7: the end settles what a silent backend has, and does not judge it then") {
  Driver d;
  d.establish();
  d.host(request("1", "m"));
  d.pongs = false;
  d.advance(d.settings.ping_interval + d.settings.pong_timeout + 1s);
  REQUIRE(d.session.phase() == Phase::ready);  // it is waited for: a request is in flight
  d.forget();
  SUBCASE("end of input") {
    d.feed(event::HostClosed{});
    d.advance(d.settings.drain_timeout);
  }
  SUBCASE("SIGTERM") { d.feed(event::StopRequested{"SIGTERM"}); }
  SUBCASE("the host is gone") { d.feed(event::HostGone{"stdout is closed"}); }
  CHECK(d.session.finished());
  CHECK(d.finishes == 1);
  CHECK(settled(d.one_host_line()).reason == "outcome-unknown");
}

TEST_CASE(
    "session 3: at the end of input what is pending may still be answered for --drain-timeout") {
  Driver d;
  d.establish();
  d.host(request("1", "m"));
  d.host(request("2", "m"));
  d.feed(event::HostClosed{});
  CHECK_FALSE(d.session.finished());
  d.forget();
  d.advance(d.settings.drain_timeout - 1ns);
  d.backend(answer("1"));
  CHECK(d.one_host_line() == answer("1"));
  CHECK_FALSE(d.session.finished());
  SUBCASE("the last answer ends the shim") {
    d.backend(answer("2"));
    CHECK(d.one_host_line() == answer("2"));
    CHECK(d.session.finished());
  }
  SUBCASE("the timeout settles the rest") {
    d.advance(1ns);
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == "2");
    CHECK(told.reason == "outcome-unknown");
    CHECK(d.session.finished());
  }
  SUBCASE("a loss settles the rest") {
    d.lose();
    CHECK(settled(d.one_host_line()).reason == "outcome-unknown");
    CHECK(d.session.finished());
  }
  CHECK(d.closes.size() == 1);
}

TEST_CASE("session 3: what is queued at the end of input still gets its chance") {
  Driver d;
  d.host(initialize("0"));
  d.host(request("1", "tools/call"));
  d.feed(event::HostClosed{});
  SUBCASE("the backend comes") {
    d.advance(1s);
    d.go_ready();
    CHECK(d.take_link() == std::vector{initialize("0"), request("1", "tools/call")});
    d.backend(initialize_answer("0"));
    d.backend(answer("1"));
    CHECK(d.take_host() == std::vector{initialize_answer("0"), answer("1")});
  }
  SUBCASE("it does not") {
    d.advance(d.settings.drain_timeout);
    const auto told = d.take_host();
    REQUIRE(told.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      const Settled one = settled(told[i]);
      CHECK(one.id == std::to_string(i));
      CHECK(one.reason == "backend-unavailable");
      CHECK_FALSE(one.delivered);
    }
  }
  CHECK(d.session.finished());
}

TEST_CASE("session 3: the last notifications leave before the link is closed, if they can") {
  Driver d;
  d.establish();
  d.link_writes = false;
  d.host(notify("n"));
  d.feed(event::HostClosed{});
  CHECK_FALSE(d.session.finished());
  SUBCASE("they leave") {
    d.feed(event::LinkWritten{d.session.epoch(), notify("n").size() - 1});
    CHECK_FALSE(d.session.finished());
    d.feed(event::LinkWritten{d.session.epoch(), 1});
  }
  SUBCASE("they do not") {
    d.advance(d.settings.drain_timeout);
    const std::string rest = std::to_string(notify("n").size());
    CHECK(d.logged("has taken the last " + rest + " bytes", LogLevel::warn) == 1);
  }
  SUBCASE("the link is lost") { d.lose(); }
  CHECK(d.session.finished());
}

TEST_CASE("session 3: notifications alone do not keep the shim alive without a backend") {
  Driver d;
  d.host(notify("n"));
  d.feed(event::HostClosed{});
  CHECK(d.session.finished());
  CHECK(d.dropped(Drop::unsendable_notification) == 1);
  CHECK(d.logged("the shim ends", LogLevel::warn) == 1);
}

TEST_CASE("session 3: --drain-timeout 0 settles at once") {
  Settings settings = default_settings();
  settings.drain_timeout = Duration::zero();
  Driver d(settings);
  d.host(request("1", "m"));
  d.feed(event::HostClosed{});
  CHECK(settled(d.one_host_line()).reason == "backend-unavailable");
  CHECK(d.session.finished());
}

TEST_CASE("session 3: a signal and a host that is gone end the shim with no drain") {
  Driver d;
  d.establish();
  d.host(request("1", "tools/call"));
  d.link_writes = false;
  d.host(notify("big", "\"" + std::string(Session::link_window_bytes, 'x') + "\""));
  d.host(request("2", "m"));
  d.forget();
  SUBCASE("a signal") { d.feed(event::StopRequested{"SIGTERM"}); }
  SUBCASE("the host is gone") { d.feed(event::HostGone{"its process has died"}); }
  SUBCASE("a signal while draining") {
    d.feed(event::HostClosed{});
    CHECK_FALSE(d.session.finished());
    d.feed(event::StopRequested{"SIGINT"});
  }
  CHECK(d.session.finished());
  const auto told = d.take_host();
  REQUIRE(told.size() == 2);
  CHECK(settled(told[0]).reason == "outcome-unknown");
  CHECK(settled(told[1]).reason == "backend-unavailable");
  CHECK(d.closes.back().politely);
}

TEST_CASE("session 3: a host that does not read what is left is waited for, but not for long") {
  Driver d;
  d.host_reads = false;
  Duration patience{};
  SUBCASE("the end of input") {
    d.feed(event::HostClosed{});
    patience = d.settings.drain_timeout;
  }
  SUBCASE("a signal") {
    d.feed(event::StopRequested{"SIGTERM"});
    patience = Session::stop_patience;
  }
  SUBCASE("the host is gone") {
    d.feed(event::HostGone{"EPIPE"});
    patience = Session::stop_patience;
  }
  CHECK(d.finishes == 1);
  CHECK(milliseconds(d.patience) == milliseconds(patience));
}

TEST_CASE("session 3: after the end nothing happens any more") {
  Driver d;
  d.establish();
  const Epoch epoch = d.session.epoch();
  d.feed(event::StopRequested{"SIGTERM"});
  d.forget();
  const std::size_t logs = d.logs.size();
  d.host(request("1", "ping"));
  d.feed(event::LinkMessage{epoch, notify("n")});
  d.feed(event::LinkLost{epoch, {}});
  d.feed(event::HostClosed{});
  d.feed(event::StopRequested{"SIGTERM"});
  d.feed(event::ReconnectRequested{});
  d.advance(1h);
  CHECK(d.take_host().empty());
  CHECK(d.take_link().empty());
  CHECK(d.opens.size() == 1);
  CHECK(d.finishes == 1);
  CHECK(d.logs.size() == logs);
}

}  // namespace
}  // namespace shim::test
