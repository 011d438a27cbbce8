// Contract 4.1 to 4.3: the attempts, seen from outside.

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

Settings steady() {
  Settings settings = default_settings();
  settings.backoff = {.base = 250ms, .cap = 30s, .jitter = {Jitter::Kind::ratio, 0.1}};
  return settings;
}

TEST_CASE("session 4.3: of an outage attempts 1, 5, 20, 50 and every 10th are logged") {
  Driver d(steady());
  std::vector<int> logged;
  for (int attempt = 1; attempt <= 100; ++attempt) {
    d.until_connecting();
    d.logs.clear();
    d.lose({.cause = Cause::refused, .detail = "nobody listens"});
    if (d.logged("attempt " + std::to_string(attempt) + ")", LogLevel::warn) > 0) {
      logged.push_back(attempt);
    }
    CHECK(d.logged("", LogLevel::info) <= 1);
  }
  CHECK(logged == std::vector{1, 5, 20, 50, 60, 70, 80, 90, 100});

  d.until_connecting();
  d.logs.clear();
  d.opened();
  d.pong();
  CHECK(d.logged("link 101 ready") == 1);
  CHECK(d.logged("101 attempts") == 1);
}

TEST_CASE("session 4.3: what has not been the cause in this outage is logged whenever it comes") {
  Driver d(steady());
  const auto fail = [&d](Loss loss) {
    d.until_connecting();
    d.logs.clear();
    d.lose(loss);
    return d.logged("failed", LogLevel::warn) == 1;
  };
  CHECK(fail({.cause = Cause::refused}));
  CHECK_FALSE(fail({.cause = Cause::refused}));
  CHECK(fail({.cause = Cause::http_status, .status = 401}));
  CHECK(d.logged("needs a person") == 1);
  CHECK_FALSE(fail({.cause = Cause::http_status, .status = 401}));
  CHECK(fail({.cause = Cause::refused}));  // the fifth
  CHECK_FALSE(fail({.cause = Cause::refused}));
  d.go_ready();
  d.lose();
  CHECK(fail({.cause = Cause::refused}));
  CHECK(fail({.cause = Cause::http_status, .status = 401}));
}

TEST_CASE(
    "session 4.3: success after failure is logged with attempts and the length of the outage") {
  Driver d(steady());
  d.advance(3s);
  d.opened();
  d.pong();
  CHECK(d.logged("link 1 ready", LogLevel::info) == 1);
  CHECK(d.logged("attempt") == 0);  // the first one at once: no outage to speak of
  d.advance(20s);
  d.logs.clear();
  d.lose({.cause = Cause::closed});
  CHECK(d.logged("link 1 lost: closed", LogLevel::warn) == 1);
  const TimePoint lost_at = d.now;
  d.until_connecting();
  d.lose({.cause = Cause::refused});
  d.until_connecting();
  d.advance(lost_at + 4s - d.now);
  d.opened();
  d.pong();
  CHECK(d.logged("link 3 ready: ws://backend:1/, after 2 attempts and 4 s") == 1);
  // The next outage counts from the beginning.
  d.logs.clear();
  d.lose({.cause = Cause::closed});
  d.until_connecting();
  d.lose({.cause = Cause::refused});
  CHECK(d.logged("attempt 1)", LogLevel::warn) == 1);
}

TEST_CASE("session 4.2: the delays after failures are those of the contract") {
  Driver d(steady());
  const std::array<double, 9> expected{0.25, 0.5, 1, 2, 4, 8, 16, 30, 30};
  for (const double ideal : expected) {
    CAPTURE(ideal);
    d.until_connecting();
    d.lose({.cause = Cause::refused});
    const double delay = seconds(*d.session.next_deadline() - d.now);
    CHECK(delay >= ideal);
    CHECK(delay <= ideal * 1.1);
  }
}

TEST_CASE("session 4.1: each step of an attempt has its time, and the next attempt follows") {
  Driver d;
  const Settings& s = d.settings;
  struct Row {
    Phase phase;
    Duration timeout;
    std::string cause;
  };
  const std::array rows{Row{Phase::connecting, s.connect_timeout, "connect-timeout"},
                        Row{Phase::validating, s.validate_timeout, "validate-timeout"},
                        Row{Phase::resuming, s.resume_timeout, "resume-timeout"}};
  d.establish();
  d.lose();
  for (const Row& row : rows) {
    CAPTURE(row.cause);
    d.until_connecting();
    if (row.phase != Phase::connecting) {
      d.advance(1s);
      d.opened();
    }
    if (row.phase == Phase::resuming) {
      d.advance(1s);
      d.pong();
    }
    CHECK(d.session.phase() == row.phase);
    const Epoch epoch = d.session.epoch();
    d.advance(row.timeout - 1ns);
    CHECK(d.session.phase() == row.phase);
    d.advance(1ns);
    CHECK(d.session.phase() == Phase::waiting);
    CHECK(d.closes.back().epoch == epoch);
    CHECK_FALSE(d.closes.back().politely);  // at once, no close handshake
    bool named = false;
    for (const action::Log& line : d.logs) named |= line.text.find(row.cause) != std::string::npos;
    CHECK(named);
  }
}

TEST_CASE("session 4.1: every cause of loss in every phase leads to waiting and a next attempt") {
  for (int cause = 0; cause <= static_cast<int>(Cause::internal); ++cause) {
    for (const Phase phase :
         {Phase::connecting, Phase::validating, Phase::resuming, Phase::ready}) {
      CAPTURE(cause);
      CAPTURE(std::string(name(phase)));
      Driver d;
      d.establish();
      d.lose();
      d.until_connecting();
      if (phase != Phase::connecting) d.opened();
      if (phase == Phase::resuming || phase == Phase::ready) d.pong();
      if (phase == Phase::ready) d.backend(initialize_answer(id_of(d.link_log.back().text)));
      REQUIRE(d.session.phase() == phase);
      d.lose({.cause = static_cast<Cause>(cause)});
      CHECK(d.session.phase() == Phase::waiting);
      d.advance(17s);
      CHECK(d.session.phase() == Phase::connecting);
      d.go_ready();
    }
  }
}

TEST_CASE("session 4.2: a flapping link does not reset the backoff, one that proved itself does") {
  Driver d(steady());
  double delay = 0;
  for (int i = 0; i < 8; ++i) {
    d.go_ready();
    d.advance(d.settings.min_uptime - 1ns);
    d.lose();
    delay = seconds(*d.session.next_deadline() - d.now);
  }
  CHECK(delay >= 30);
  d.go_ready();
  d.advance(d.settings.min_uptime);
  d.lose();
  delay = seconds(*d.session.next_deadline() - d.now);
  CHECK(delay >= 0.25);
  CHECK(delay <= 0.275);
}

TEST_CASE(
    "session 4.2: SIGHUP and requests bring an attempt forward, never closer than 1 s to the "
    "last") {
  for (const bool by_signal : {true, false}) {
    CAPTURE(by_signal);
    Driver d;
    for (int i = 0; i < 10; ++i) {
      d.lose({.cause = Cause::certificate});
      const TimePoint started = d.open_times.back();
      int id = 100 * i;
      while (d.session.phase() == Phase::waiting) {
        if (by_signal) {
          d.feed(event::ReconnectRequested{});
        } else {
          d.host(request(std::to_string(++id), "m"));
        }
        d.advance(50ms);
      }
      CHECK(milliseconds(d.open_times.back() - started) == 1000);
    }
  }
}

TEST_CASE("session 4.2: Retry-After is honoured, except by a person's wish") {
  Driver d;
  d.lose({.cause = Cause::http_status, .status = 503, .retry_after = 40s});
  const TimePoint lost_at = d.now;
  SUBCASE("alone") {}
  SUBCASE("against a request") { d.host(request("1", "m")); }
  d.advance(40s - 1ns);
  CHECK(d.session.phase() == Phase::waiting);
  SUBCASE("against SIGHUP") {
    d.feed(event::ReconnectRequested{});
    CHECK(d.session.phase() == Phase::connecting);
    return;
  }
  d.advance(1ns);
  CHECK(d.session.phase() == Phase::connecting);
  CHECK(milliseconds(d.open_times.back() - lost_at) == 40'000);
}

TEST_CASE("session 4.1: over an hour of flapping and requests there is always a way out") {
  Driver d;
  Prng random(7);
  const TimePoint end = d.now + 1h;
  int id = 0;
  while (d.now < end) {
    if (d.session.phase() == Phase::connecting && random.chance(0.7)) d.opened();
    if (d.session.phase() == Phase::validating && random.chance(0.7)) d.pong();
    if (random.chance(0.3)) d.lose();
    if (random.chance(0.3)) d.host(request(std::to_string(++id), "m"));
    d.advance(random.between(Duration(0), Duration(20s)));
  }
  for (std::size_t i = 1; i < d.open_times.size(); ++i) {
    CHECK(d.opens[i].epoch == d.opens[i - 1].epoch + 1);
  }
  d.lose();
  const TimePoint lost_at = d.now;
  d.until_connecting();
  CHECK(d.now - lost_at <= 17s);
}

}  // namespace
}  // namespace shim::test
