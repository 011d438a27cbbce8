// Contract 13: the table of `status`.

#include "shim/commands/status_table.hpp"

#include <doctest/doctest.h>

#include <string>

namespace shim {
namespace {

using namespace std::chrono_literals;  // NOLINT

TEST_CASE("status table 13: one line each, in columns") {
  const WallTime now(1000h);
  StatusEntry ready;
  ready.pid = 7;
  ready.phase = Phase::ready;
  ready.since = now - (2h + 5min);
  ready.ping = 340us;
  ready.pending = 2;
  ready.reconnects = 3;
  ready.health = "fresh";
  ready.url = "ws://127.0.0.1:8765/";
  StatusEntry waiting;
  waiting.pid = 123456;
  waiting.phase = Phase::waiting;
  waiting.since = now - 12345ms;
  waiting.attempts = 4;
  waiting.queued = 1024;
  waiting.health = "none";
  waiting.url = "ws://h/";
  waiting.last_error = "refused: nothing listens there";
  const std::string expected =
      // clang-format off
      "PID     STATE              FOR        PENDING  QUEUED  RECONNECTS  PING    HEALTH  URL                   LAST ERROR\n"
      "7       ready              2 h 5 min  2        0       3           0.3 ms  fresh   ws://127.0.0.1:8765/  -\n"
      "123456  waiting, 4 failed  12 s       0        1024    0           -       -       ws://h/               refused: nothing listens there\n";
  // clang-format on
  CHECK(status_table({ready, waiting}, now) == expected);
}

TEST_CASE("status table 13: an outage is as long as it is, not as its latest attempt") {
  const WallTime now(1000h);
  StatusEntry shim;
  shim.phase = Phase::connecting;
  shim.since = now - 1s;
  shim.down_since = now - 2h;
  CHECK(status_table({shim}, now).find(" 2 h ") != std::string::npos);
}

TEST_CASE("status table 13: in a narrow window URL and error come below, and both are seen") {
  const WallTime now(1000h);
  StatusEntry shim;
  shim.pid = 7;
  shim.since = now - 1s;
  shim.attempts = 1;
  shim.url = "ws://tools.example.org:443/a/long/path/to/the/mcp/endpoint";
  shim.last_error = "refused: nothing listens there";
  StatusEntry ready = shim;
  ready.phase = Phase::ready;
  ready.last_error.clear();
  const std::string table = status_table({shim, ready}, now, 80);
  const std::string expected =
      // clang-format off
      "PID  STATE              FOR  PENDING  QUEUED  RECONNECTS  PING  HEALTH\n"
      "7    waiting, 1 failed  1 s  0        0       0           -     -\n"
      "  ws://tools.example.org:443/a/long/p...  refused: nothing listens there\n"
      "7    ready              1 s  0        0       0           -     -\n"
      "  ws://tools.example.org:443/a/long/path/to/the/mcp/endpoint\n";
  // clang-format on
  CHECK(table == expected);
  CHECK(status_table({shim}, now, 200).find("LAST ERROR") != std::string::npos);
  CHECK_FALSE(status_table({shim}, now, 1).empty());
}

TEST_CASE("status table 13: without a shim it says so") {
  CHECK(status_table({}, WallTime()) == "no shim is running\n");
}

TEST_CASE("status table 13: a wall clock that was set back shows no time below zero") {
  StatusEntry shim;
  shim.since = WallTime(10h);
  CHECK(status_table({shim}, WallTime(1h)).find(" 0 s ") != std::string::npos);
}

}  // namespace
}  // namespace shim
