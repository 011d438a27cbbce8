#include "shim/core/phase.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>

#include "shim/core/counters.hpp"
#include "shim/core/loss.hpp"

namespace shim {
namespace {

constexpr std::array phases{Phase::waiting,  Phase::connecting, Phase::validating,
                            Phase::resuming, Phase::ready,      Phase::stopped};

TEST_CASE("phase 4.1: the legal moves are these and no others") {
  // Rows: from; columns: to, both in the order of `phases`.
  constexpr std::array<std::string_view, 6> legal{
      ".x...x",  // waiting → connecting, stopped
      "x.x..x",  // connecting → waiting, validating, stopped
      "x..x.x",  // validating → waiting, resuming, stopped
      "x...xx",  // resuming → waiting, ready, stopped
      "x....x",  // ready → waiting, stopped
      "......",  // stopped is the end
  };
  for (std::size_t from = 0; from < phases.size(); ++from) {
    for (std::size_t to = 0; to < phases.size(); ++to) {
      CAPTURE(std::string(name(phases[from])));
      CAPTURE(std::string(name(phases[to])));
      CHECK(may_move(phases[from], phases[to]) == (legal[from][to] == 'x'));
    }
  }
}

TEST_CASE("phase: names are distinct") {
  std::set<std::string_view> names;
  for (const Phase phase : phases) CHECK(names.insert(name(phase)).second);
  CHECK(names.count("?") == 0);
}

TEST_CASE("loss 4.2: the causes that only a person can mend") {
  struct Row {
    Cause cause;
    int status;
    bool person;
  };
  const std::array rows{
      Row{Cause::lookup_failed, 0, false},
      Row{Cause::unreachable, 0, false},
      Row{Cause::refused, 0, false},
      Row{Cause::connect_timeout, 0, false},
      Row{Cause::tls, 0, false},
      Row{Cause::certificate, 0, true},
      Row{Cause::not_websocket, 0, false},
      Row{Cause::subprotocol, 0, true},
      Row{Cause::reset, 0, false},
      Row{Cause::closed, 0, false},
      Row{Cause::validate_timeout, 0, false},
      Row{Cause::resume_timeout, 0, false},
      Row{Cause::resume_refused, 0, false},
      Row{Cause::incompatible, 0, true},
      Row{Cause::internal, 0, false},
      Row{Cause::http_status, 0, false},
      Row{Cause::http_status, 400, false},
      Row{Cause::http_status, 401, true},
      Row{Cause::http_status, 402, false},
      Row{Cause::http_status, 403, true},
      Row{Cause::http_status, 404, true},
      Row{Cause::http_status, 405, false},
      Row{Cause::http_status, 429, false},
      Row{Cause::http_status, 500, false},
      Row{Cause::http_status, 503, false},
      Row{Cause::refused, 401, false},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(name(row.cause)));
    CAPTURE(row.status);
    CHECK(needs_a_person({.cause = row.cause, .status = row.status}) == row.person);
  }
}

TEST_CASE("loss and drop: names are distinct") {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Cause::internal); ++i) {
    CHECK(names.insert(name(static_cast<Cause>(i))).second);
  }
  for (int i = 0; i < static_cast<int>(Drop::count); ++i) {
    CHECK(names.insert(name(static_cast<Drop>(i))).second);
  }
  CHECK(names.count("?") == 0);
}

TEST_CASE("rate limit 10: one per ten seconds passes, and tells how many did not") {
  using namespace std::chrono_literals;
  RateLimit limit;
  const TimePoint start(1h);
  CHECK(limit.pass(start) == 0);
  CHECK_FALSE(limit.pass(start).has_value());
  CHECK_FALSE(limit.pass(start + 10s - 1ns).has_value());
  CHECK(limit.pass(start + 10s) == 2);
  CHECK_FALSE(limit.pass(start + 10s).has_value());
  CHECK(limit.pass(start + 1h) == 1);
  CHECK(limit.pass(start + 2h) == 0);
}

}  // namespace
}  // namespace shim
