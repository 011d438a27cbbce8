// shim/README.md, "Rules": a failed check settles what is pending and a fresh core goes on with the
// rest.

#include "common/check.hpp"
#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

/// Abandons the session of `d`: what it would have written, sorted like any turn's orders.
struct Abandoned {
  explicit Abandoned(Driver& d) {
    Actions actions;
    estate = d.session.abandon(actions);
    for (const Action& order : actions) {
      if (const auto* line = std::get_if<action::WriteHost>(&order)) host.push_back(line->line);
      if (const auto* close = std::get_if<action::CloseLink>(&order)) closed = close->epoch;
      if (const auto* pause = std::get_if<action::PauseHost>(&order)) paused = pause->paused;
      const bool finish = std::holds_alternative<action::Finish>(order);
      CHECK_FALSE(finish);
    }
  }
  Estate estate;
  std::vector<std::string> host;
  Epoch closed = 0;
  std::optional<bool> paused;
};

TEST_CASE("check: a failed check throws what it met, once that was asked for") {
  // The only test that may change the global; it puts it back for the others.
  throw_on_failed_check();
  bool thrown = false;
  try {
    SHIM_CHECK(1 + 1 == 3);
  } catch (const CheckFailed& failed) {
    thrown = true;
    CHECK(std::string(failed.what()).find("1 + 1 == 3") != std::string::npos);
  }
  detail::failed_check_throws = false;
  CHECK(thrown);
  SHIM_CHECK(1 + 1 == 2);
}

TEST_CASE("session: a core that failed settles all that is pending, once") {
  Driver d;
  d.establish();
  d.host(request("1", "tools/call"));
  d.host(request("2", "tools/list"));
  d.lose();
  d.host(request("3", "m"));
  d.forget();
  const Abandoned left(d);
  REQUIRE(left.host.size() == 2);  // 1 was settled by the loss
  CHECK(settled(left.host[0]).id == "2");
  CHECK(settled(left.host[1]).id == "3");
  CHECK(settled(left.host[0]).code == -32603);
  CHECK(d.session.pending().empty());
}

TEST_CASE("session: a core that failed closes its link and cancels what the backend asked") {
  Driver d;
  d.establish();
  d.backend(request("0", "roots/list"));
  const std::string ours = id_of(d.one_host_line());
  const Abandoned left(d);
  CHECK(left.closed == 1);
  REQUIRE(left.host.size() == 1);
  CHECK(json::parse(left.host[0])["params"]["requestId"] == json::parse(ours));

  Driver next(default_settings(), left.estate, d.now);
  CHECK(next.session.epoch() == 2);  // epochs are never reused
  next.host(answer(ours));
  CHECK(next.dropped(Drop::stale_host_answer) == 1);
  next.go_ready();
  next.backend(request("0", "roots/list"));
  CHECK(id_of(next.host_log.back()) != ours);  // nor are ids towards the host
}

TEST_CASE("session: the fresh core resumes the session of the old one") {
  Driver d;
  d.establish();
  d.host(request("1", "logging/setLevel", R"({"level":"debug"})"));
  d.backend(answer("1"));
  const Abandoned left(d);
  Driver next(default_settings(), left.estate, d.now);
  next.go_ready();
  REQUIRE(next.link_log.size() == 3);
  CHECK(method_of(next.link_log[0].text) == "initialize");
  CHECK(method_of(next.link_log[1].text) == "notifications/initialized");
  CHECK(method_of(next.link_log[2].text) == "logging/setLevel");
  next.host(request("1", "m"));  // its id is free
  next.backend(answer("1"));
  CHECK(next.answers_to("1") == 1);
}

TEST_CASE("session: the fresh core remembers the era of the old one") {
  Driver d;
  d.go_ready();
  d.host(modern_request("1", "tools/list"));
  const Abandoned left(d);
  Driver next(default_settings(), left.estate, d.now);
  next.go_ready();
  next.backend(request("0", "roots/list"));
  CHECK(next.dropped(Drop::unexpected_request) == 1);
}

TEST_CASE("session: a core that failed while stdin was not read does not leave it so for ever") {
  Settings settings = default_settings();
  settings.queue_bytes = 1000;
  Driver d(settings);
  d.go_ready();
  d.link_writes = false;
  d.host(notify("n", "\"" + std::string(5000, 'x') + "\""));
  REQUIRE(d.host_pauses.size() == 1);
  const Abandoned left(d);
  Driver next(settings, left.estate, d.now);
  next.go_ready();
  const bool read_again = (left.paused.has_value() && !*left.paused) ||
                          (!next.host_pauses.empty() && !next.host_pauses.back().paused);
  CHECK(read_again);
}

TEST_CASE("session: a core that failed while it drained does not keep the process for ever") {
  Driver d;
  d.establish();
  d.host(request("1", "m"));
  d.feed(event::HostClosed{});
  REQUIRE_FALSE(d.session.finished());
  const Abandoned left(d);
  Driver next(default_settings(), left.estate, d.now);
  next.advance(next.settings.drain_timeout);
  CHECK(next.session.finished());
}

TEST_CASE("session: a core may fail in any phase") {
  for (const Phase phase :
       {Phase::waiting, Phase::connecting, Phase::validating, Phase::resuming, Phase::ready}) {
    CAPTURE(std::string(name(phase)));
    Driver d;
    d.establish();
    if (phase != Phase::ready) d.lose();
    if (phase != Phase::ready && phase != Phase::waiting) d.until_connecting();
    if (phase == Phase::validating || phase == Phase::resuming) d.opened();
    if (phase == Phase::resuming) d.pong();
    REQUIRE(d.session.phase() == phase);
    const Abandoned left(d);
    Driver next(default_settings(), left.estate, d.now);
    next.go_ready();
    next.host(request("1", "m"));
    next.backend(answer("1"));
    CHECK(next.answers_to("1") == 1);
  }
}

}  // namespace
}  // namespace shim::test
