#include "common/health.hpp"

#include <doctest/doctest.h>

#include "tests/unit/show.hpp"

namespace shim {
namespace {

using namespace std::chrono_literals;

constexpr auto max_age = 120s;
constexpr TimePoint start(1h);
constexpr WallTime today(1'800'000'000s);

HealthLook file(std::string text, WallTime modified = today, WallTime looked_at = today) {
  return {.found = HealthLook::Found::file,
          .text = std::move(text),
          .modified = modified,
          .looked_at = looked_at};
}

/// A report of the usual kind, written at `t` by the backend's clock.
HealthLook report(WallTime t, int pid = 1, WallTime looked_at = today) {
  return file(R"({"t":)" + std::to_string(seconds(t.time_since_epoch())) + R"(,"pid":)" +
                  std::to_string(pid) + R"(,"started_at":1.5,"busy":false})",
              today, looked_at);
}

TEST_CASE("health 7: what a report may hold") {
  const auto full =
      HealthReport::parse(R"({"t":1.5,"pid":7,"started_at":"now","busy":true,"x":[]})");
  REQUIRE(full.has_value());
  CHECK(full->t == 1.5);
  CHECK(full->writer.pid == "7");
  CHECK(full->writer.started_at == R"("now")");
  CHECK(full->busy);
  const auto bare = HealthReport::parse("{}");
  REQUIRE(bare.has_value());
  CHECK_FALSE(bare->t.has_value());
  CHECK_FALSE(bare->writer.is_known());
  CHECK_FALSE(bare->busy);
}

TEST_CASE("health 7: null says nothing of a process or of being busy") {
  const auto report = HealthReport::parse(R"({"t":1.5,"pid":null,"started_at":null,"busy":null})");
  REQUIRE(report.has_value());
  CHECK_FALSE(report->writer.is_known());
  CHECK_FALSE(report->busy);
  const auto named = HealthReport::parse(R"({"pid":7,"started_at":null})");
  const auto same = HealthReport::parse(R"({"pid":7})");
  REQUIRE((named && same));
  CHECK_FALSE(named->writer.differs_from(same->writer));
}

TEST_CASE("health 7: what is no report") {
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("1"), std::string("{"),
        std::string(R"({"t":"1"})"), std::string(R"({"t":null})"), std::string(R"({"t":1e999})"),
        std::string(R"({"busy":1})"), std::string(R"({"pid":{}})"), std::string("{\"a\":\"\xff\"}"),
        std::string(R"({"t":1} x)"), std::string("\0\0\0", 3), std::string(5000, ' ')}) {
    CAPTURE(text.substr(0, 40));
    CHECK_FALSE(HealthReport::parse(text).has_value());
  }
}

TEST_CASE("health 7: a report of 4 KiB is read, one byte more is not") {
  const std::string report = R"({"t":1})";
  CHECK(HealthReport::parse(report + std::string(4096 - report.size(), ' ')).has_value());
  CHECK_FALSE(HealthReport::parse(report + std::string(4097 - report.size(), ' ')).has_value());
}

TEST_CASE("health 7: without a file that is watched the state is none") {
  Health health(false, max_age);
  CHECK(health.state(start) == HealthState::none);
}

TEST_CASE("health 7: missing and invalid") {
  Health health(true, max_age);
  CHECK(health.state(start) == HealthState::missing);
  static_cast<void>(health.look(start, {.found = HealthLook::Found::unusable}));
  CHECK(health.state(start) == HealthState::invalid);
  static_cast<void>(health.look(start, file("not json")));
  CHECK(health.state(start) == HealthState::invalid);
  static_cast<void>(health.look(start, {.found = HealthLook::Found::missing}));
  CHECK(health.state(start) == HealthState::missing);
}

TEST_CASE("health 7: the first look is judged by the wall clock, to the second") {
  struct Row {
    Duration age;
    HealthState state;
  };
  for (const Row& row :
       {Row{0s, HealthState::fresh}, Row{120s, HealthState::fresh}, Row{121s, HealthState::stale},
        Row{1h, HealthState::stale}, Row{-60s, HealthState::fresh}, Row{-1h, HealthState::stale}}) {
    CAPTURE(seconds(row.age));
    Health health(true, max_age);
    const auto news = health.look(start, report(today - row.age));
    CHECK(health.state(start) == row.state);
    CHECK(news.turned_fresh == (row.state == HealthState::fresh));
    CHECK_FALSE(news.sign_of_life);
  }
}

TEST_CASE("health 7: a first report has the rest of its time left and no more") {
  Health health(true, max_age);
  static_cast<void>(health.look(start, report(today - 100s)));
  CHECK(health.is_fresh(start + 20s));
  CHECK_FALSE(health.is_fresh(start + 20s + 1ns));
  REQUIRE(health.stale_at(start).has_value());
  CHECK_FALSE(health.is_fresh(*health.stale_at(start)));
  CHECK_FALSE(health.stale_at(start + 1min).has_value());
}

TEST_CASE("health 7: after that only change counts, whatever the clocks say") {
  for (const Duration step : {Duration(1h), Duration(-1h)}) {
    CAPTURE(seconds(step));
    Health health(true, max_age);
    static_cast<void>(health.look(start, report(today - 2h)));
    CHECK(health.state(start) == HealthState::stale);
    // The container's clock is wrong by an hour, and ours is set while we watch.
    const auto news = health.look(start + 10s, report(today + step, 1, today - step));
    CHECK(news.sign_of_life);
    CHECK(news.turned_fresh);
    CHECK(health.is_fresh(start + 130s));
    // The same report again is no sign of life, however new the clock makes it look.
    CHECK_FALSE(health.look(start + 20s, report(today + step, 1, today + step)).sign_of_life);
    CHECK_FALSE(health.is_fresh(start + 130s + 1ns));
  }
}

TEST_CASE("health 7: a file that was away and comes back unchanged is as old as before") {
  for (const auto& away : {HealthLook{.found = HealthLook::Found::missing}, file("{")}) {
    Health health(true, max_age);
    static_cast<void>(health.look(start, report(today)));
    static_cast<void>(health.look(start + 100s, away));
    const auto news = health.look(start + 110s, report(today));
    CHECK_FALSE(news.sign_of_life);
    CHECK(news.turned_fresh);
    CHECK(health.is_fresh(start + 120s));
    CHECK_FALSE(health.is_fresh(start + 120s + 1ns));
  }
}

TEST_CASE("health 7: a fresh file may be missing or torn for as long as it takes to rewrite it") {
  struct Row {
    HealthLook seen;
    HealthState state;
  };
  for (const Row& row : {Row{{.found = HealthLook::Found::missing}, HealthState::missing},
                         Row{{.found = HealthLook::Found::unusable}, HealthState::invalid},
                         Row{file(""), HealthState::invalid}}) {
    Health health(true, max_age);
    static_cast<void>(health.look(start, report(today)));
    static_cast<void>(health.look(start + 10s, row.seen));
    static_cast<void>(health.look(start + 12s, row.seen));  // no new time begins
    const TimePoint end = start + 10s + Health::rewriting_time;
    CHECK(health.state(end) == HealthState::fresh);
    CHECK(health.stale_at(start + 12s) == end + 1ns);
    CHECK(health.state(end + 1ns) == row.state);
    const auto news = health.look(end + 1s, report(today + 1s));
    CHECK(news.sign_of_life);
    CHECK(news.turned_fresh);
  }
  Health old(true, max_age);
  static_cast<void>(old.look(start, report(today - 1h)));
  static_cast<void>(old.look(start, {.found = HealthLook::Found::missing}));
  CHECK(old.state(start) == HealthState::missing);
}

TEST_CASE("health 7: one that comes after the first look is fresh, whatever its clock says") {
  for (const Duration off : {Duration(1h), Duration(-1h), Duration(0)}) {
    CAPTURE(seconds(off));
    for (const auto& first : {HealthLook{.found = HealthLook::Found::missing}, file("{")}) {
      Health health(true, max_age);
      static_cast<void>(health.look(start, first));
      const auto news = health.look(start + 1s, report(today + off));
      CHECK(news.sign_of_life);
      CHECK(news.turned_fresh);
      CHECK(health.is_fresh(start + 121s));
      CHECK_FALSE(health.is_fresh(start + 121s + 1ns));
    }
  }
}

TEST_CASE("health 7: without t the time of modification counts") {
  Health health(true, max_age);
  static_cast<void>(health.look(start, file("{}", today - 1h)));
  CHECK(health.state(start) == HealthState::stale);
  CHECK(health.look(start + 1s, file("{}", today - 30min)).turned_fresh);
}

TEST_CASE("health 7: another process in the file") {
  Health health(true, max_age);
  CHECK_FALSE(health.look(start, report(today, 1)).other_writer);
  CHECK_FALSE(health.look(start + 2s, report(today + 2s, 1)).other_writer);
  CHECK(health.writer().pid == "1");
  CHECK(health.look(start + 4s, report(today + 4s, 2)).other_writer);
  CHECK(health.writer().pid == "2");
  CHECK_FALSE(health.look(start + 6s, report(today + 6s, 2)).other_writer);
}

TEST_CASE("health 7: who wrote a file that was left over does not matter") {
  Health health(true, max_age);
  static_cast<void>(health.look(start, report(today - 1h, 1)));
  CHECK_FALSE(health.writer().is_known());
  CHECK_FALSE(health.look(start + 1s, report(today, 2)).other_writer);
}

TEST_CASE("health 7: what only one of two reports says of its writer tells them not apart") {
  struct Row {
    HealthWriter a, b;
    bool differ;
  };
  for (const Row& row : {Row{{"1", "7"}, {"1", "7"}, false}, Row{{"1", "7"}, {"1", "8"}, true},
                         Row{{"1", "7"}, {"2", "7"}, true}, Row{{"1", "7"}, {"1", ""}, false},
                         Row{{"1", ""}, {"1", "8"}, false}, Row{{"", "7"}, {"1", ""}, false},
                         Row{{"1", ""}, {"2", "8"}, true}, Row{{}, {"1", "7"}, false}}) {
    CAPTURE(row.a.pid + "/" + row.a.started_at + " " + row.b.pid + "/" + row.b.started_at);
    CHECK(row.a.differs_from(row.b) == row.differ);
    CHECK(row.b.differs_from(row.a) == row.differ);
  }
}

TEST_CASE("health 7: one that was gone and comes back as it was has turned fresh") {
  Health health(true, max_age);
  static_cast<void>(health.look(start, report(today)));
  static_cast<void>(health.look(start + 1s, {.found = HealthLook::Found::missing}));
  CHECK(health.look(start + 20s, report(today)).turned_fresh);
  CHECK_FALSE(health.look(start + 21s, report(today)).turned_fresh);
}

TEST_CASE("health 7: busy counts only while the report is fresh") {
  Health health(true, max_age);
  static_cast<void>(health.look(start, file(R"({"busy":true})")));
  CHECK(health.is_busy(start));
  CHECK_FALSE(health.is_busy(start + 1h));
}

}  // namespace
}  // namespace shim
