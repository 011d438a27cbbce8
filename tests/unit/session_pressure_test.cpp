// Contract 12: the fast side waits for the slow one, and nothing grows without a bound.

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

Settings small() {
  Settings settings = default_settings();
  settings.queue_bytes = 10'000;
  return settings;
}

/// A notification whose text is exactly so long.
std::string note(std::size_t bytes) {
  const std::size_t frame = notify("n", "\"\"").size();
  REQUIRE(bytes >= frame);
  return notify("n", "\"" + std::string(bytes - frame, 'x') + "\"");
}

TEST_CASE("session 12: a slow backend stops the reading of stdin, and starts it again at half") {
  Driver d(small());
  d.go_ready();
  d.link_writes = false;
  d.host(note(10'000));
  CHECK(d.host_pauses.empty());  // at the bound
  d.host(note(100));
  REQUIRE(d.host_pauses.size() == 1);
  CHECK(d.host_pauses[0].paused);
  CHECK(d.take_host().empty());  // nothing is refused for being slow
  const Epoch epoch = d.session.epoch();
  d.feed(event::LinkWritten{epoch, 5'099});
  CHECK(d.host_pauses.size() == 1);
  d.feed(event::LinkWritten{epoch, 1});
  REQUIRE(d.host_pauses.size() == 2);
  CHECK_FALSE(d.host_pauses[1].paused);
  d.host(note(5'000));  // and not again before the full bound
  CHECK(d.host_pauses.size() == 2);
  d.host(note(100));
  CHECK(d.host_pauses.size() == 3);
}

TEST_CASE("session 12: while ready one message of any size is accepted") {
  Driver d(small());
  d.go_ready();
  d.link_writes = false;
  const std::string text = request("1", "m", "\"" + std::string(1'000'000, 'x') + "\"");
  d.host(text);
  CHECK(d.take_link() == std::vector{text});
  CHECK(d.take_host().empty());
  REQUIRE(d.host_pauses.size() == 1);
  d.feed(event::LinkWritten{d.session.epoch(), text.size()});
  REQUIRE(d.host_pauses.size() == 2);
  CHECK_FALSE(d.host_pauses[1].paused);
}

TEST_CASE("session 12: a loss ends the backpressure of the link that is gone") {
  Driver d(small());
  d.go_ready();
  d.link_writes = false;
  for (int i = 0; i < 5; ++i) d.host(note(5'000));
  REQUIRE(d.host_pauses.size() == 1);
  d.lose();
  REQUIRE(d.host_pauses.size() == 2);
  CHECK_FALSE(d.host_pauses[1].paused);  // not ready: the queue refuses, stdin is read
}

TEST_CASE(
    "session 12: a slow host stops the reading of the link and of stdin, and starts both at half") {
  Driver d(small());
  d.go_ready();
  d.host_reads = false;
  d.backend(note(9'999));  // with its newline at the bound
  CHECK(d.link_pauses.empty());
  CHECK(d.host_pauses.empty());
  d.backend(note(99));
  REQUIRE(d.link_pauses.size() == 1);
  CHECK(d.link_pauses[0].paused);
  REQUIRE(d.host_pauses.size() == 1);
  CHECK(d.host_pauses[0].paused);
  d.feed(event::HostWritten{5'099});
  CHECK(d.link_pauses.size() == 1);
  d.feed(event::HostWritten{1});
  REQUIRE(d.link_pauses.size() == 2);
  CHECK_FALSE(d.link_pauses[1].paused);
  REQUIRE(d.host_pauses.size() == 2);
  CHECK_FALSE(d.host_pauses[1].paused);
}

TEST_CASE("session 12: a host that floods us with what we answer ourselves is not read further") {
  Driver d(small());
  d.host_reads = false;
  std::size_t lines = 0;
  while (d.host_pauses.empty()) {
    d.host(request("1", "ping"));
    REQUIRE(++lines < 1000);
  }
  CHECK(lines == 10'000 / (answer("1").size() + 1) + 1);
}

TEST_CASE("session 12: one message for the host always fits, whatever its size") {
  Driver d(small());
  d.go_ready();
  d.host_reads = false;
  const std::string text = note(1'000'000);
  d.backend(text);
  CHECK(d.take_host() == std::vector{text});
  d.feed(event::HostWritten{text.size() + 1});
  REQUIRE(d.link_pauses.size() == 2);
  CHECK_FALSE(d.link_pauses[1].paused);
}

TEST_CASE("session 7: a link that we do not read ourselves is not given up for its silence") {
  Driver d(small());
  d.go_ready();
  d.host_reads = false;
  d.backend(note(20'000));
  REQUIRE(d.link_pauses.size() == 1);
  d.lose();
  d.until_connecting();
  d.opened();
  const Epoch epoch = d.session.epoch();
  // The pong arrives only if the link is read.
  const auto is_read = [&] {
    return d.link_pauses.back().epoch != epoch || !d.link_pauses.back().paused;
  };
  if (is_read()) d.pong();
  d.advance(1min);  // the host goes on not reading
  CHECK(d.session.epoch() == epoch);
  CHECK(d.session.phase() != Phase::waiting);
  d.feed(event::HostWritten{20'001});
  REQUIRE(d.session.epoch() == epoch);
  CHECK(is_read());
}

TEST_CASE("session 12: a new link is not read while the host is still slow") {
  Driver d(small());
  d.go_ready();
  d.host_reads = false;
  d.backend(note(20'000));
  d.lose();
  d.until_connecting();
  d.opened();
  d.pong();
  REQUIRE(d.link_pauses.size() == 2);
  CHECK(d.link_pauses[1].paused);
  CHECK(d.link_pauses[1].epoch == 2);
}

TEST_CASE("session 12: what goes beyond the link window waits where it can still be taken back") {
  Driver d;
  d.establish();
  d.link_writes = false;
  const std::string big = note(Session::link_window_bytes - 1);
  d.host(big);
  d.host(request("1", "m"));  // one byte of the window is free
  d.host(request("2", "m"));
  d.host(request("3", "m"));
  d.host(request("4", "m"));
  CHECK(d.take_link() == std::vector{big, request("1", "m")});
  CHECK(d.session.outbox().count() == 3);
  d.host(cancel("3"));  // silently: it never left
  CHECK(d.session.outbox().count() == 2);
  d.feed(event::LinkWritten{d.session.epoch(), big.size()});
  CHECK(d.take_link() == std::vector{request("2", "m"), request("4", "m")});
  CHECK(d.take_host().empty());
}

TEST_CASE(
    "session 5.3: a request that waited for the window when its link was lost has not been "
    "delivered") {
  Driver d;
  d.establish();
  d.link_writes = false;
  d.host(note(Session::link_window_bytes));
  d.host(request("1", "tools/call"));
  d.forget();
  d.lose();
  CHECK(d.take_host().empty());
  d.link_writes = true;
  d.go_ready();
  CHECK(last_of(d.take_link()) == request("1", "tools/call"));
  d.backend(answer("1"));
  CHECK(d.one_host_line() == answer("1"));
}

TEST_CASE("session 12: the window of a new link is empty") {
  Driver d;
  d.go_ready();
  d.link_writes = false;
  d.host(note(Session::link_window_bytes));
  d.lose();
  d.feed(event::LinkWritten{1, Session::link_window_bytes});  // late news of the old one
  d.go_ready();
  d.forget();
  d.host(request("1", "m"));
  CHECK(d.take_link() == std::vector{request("1", "m")});
}

TEST_CASE("session 12: more is said to be written than there was, and nothing breaks") {
  Driver d;
  d.go_ready();
  d.feed(event::LinkWritten{d.session.epoch(), 1'000'000});
  d.feed(event::HostWritten{1'000'000});
  d.host(request("1", "m"));
  CHECK(d.take_link().size() == 1);
}

TEST_CASE("session 12: too many requests in flight stop the reading of stdin") {
  struct Row {
    std::string name;
    std::size_t name_bytes;  ///< of ids and tokens, each
    std::size_t cost_bytes;
  };
  const std::array rows{
      Row{"short ids", 7, PendingTable::overhead_bytes},
      Row{"long ids and tokens", 60, PendingTable::overhead_bytes + 10 * std::size_t{60}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto name = [&](std::size_t i) {
      const std::string digits = std::to_string(1'000'000 + i);
      return digits + std::string(row.name_bytes - digits.size(), '0');
    };
    const std::size_t fit = Session::pending_bytes_max / row.cost_bytes;
    Driver d;
    d.go_ready();
    for (std::size_t i = 1; i <= fit; ++i) d.host(request_with_token(name(i), name(i)));
    CHECK(d.host_pauses.empty());
    d.host(request_with_token(name(0), name(0)));
    REQUIRE(d.host_pauses.size() == 1);
    CHECK(d.take_host().empty());
    for (std::size_t i = 1; i <= fit / 2; ++i) d.backend(answer(name(i)));
    CHECK(d.host_pauses.size() == 1);
    d.backend(answer(name(0)));
    d.backend(answer(name(fit)));
    REQUIRE(d.host_pauses.size() == 2);
    CHECK_FALSE(d.host_pauses[1].paused);
  }
}

TEST_CASE("session 12: a batch of nothing but rubbish is not answered with many times its size") {
  Settings settings = default_settings();
  settings.queue_bytes = std::size_t{1} << 20U;
  Session session(settings, 1, TimePoint(1h));
  std::string batch = "[0";
  while (batch.size() < 40'000) batch += ",0";
  Event event = event::HostLine{batch + "]"};
  Actions actions;
  session.on_event(TimePoint(1h), event, actions);
  std::size_t bytes = 0;
  for (const Action& order : actions) {
    if (const auto* line = std::get_if<action::WriteHost>(&order)) bytes += line->line.size() + 1;
  }
  CHECK(bytes > 0);
  // What waits for the host is bounded; in full size 24 MB of this would be answered with 1.3 GB.
  CHECK(bytes <= settings.queue_bytes + batch.size());
}

TEST_CASE("session 12: what has waited goes to the link window by window") {
  Driver d;
  d.link_writes = false;
  const std::string padding = "\"" + std::string(100'000, 'x') + "\"";
  for (int i = 1; i <= 8; ++i) d.host(request(std::to_string(i), "m", padding));
  d.go_ready();
  CHECK(d.take_link().size() == 3);  // the third goes beyond the window
  d.feed(event::LinkWritten{d.session.epoch(), 250'000});
  CHECK(d.take_link().size() == 3);
}

TEST_CASE("session 12: texts kept for a replay are bounded by --queue-bytes") {
  Driver d(small());
  d.go_ready();
  std::string padding(3'000, 'x');
  for (int i = 1; i <= 5; ++i) {
    d.host(request(std::to_string(i), "resources/read", "\"" + padding + "\""));
  }
  CHECK(d.session.pending().kept_bytes() <= 10'000);
  d.forget();
  d.lose();
  const auto told = d.take_host();  // what was not kept cannot be replayed
  REQUIRE(told.size() == 2);
  CHECK(settled(told[0]).reason == "outcome-unknown");
  d.go_ready();
  CHECK(d.take_link().size() == 3);
  CHECK(d.session.pending().kept_bytes() == 0);  // a second replay is not to be had
}

}  // namespace
}  // namespace shim::test
