// Contract 13: what is in a status file.

#include "shim/core/status_entry.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace shim {
namespace {

using namespace std::chrono_literals;  // NOLINT
using nlohmann::json;

Report report() {
  Report report;
  report.phase = Phase::ready;
  report.epoch = 7;
  report.endpoint = "ws://127.0.0.1:8765/a?token=...";
  report.attempts = 3;
  report.last_error = "refused: nothing listens there";
  report.ping_round_trip = 1234us;
  report.pending = 2;
  report.queued = 1;
  report.health = HealthState::fresh;
  report.counters.host_messages = 10;
  report.counters.host_bytes = 1000;
  report.counters.backend_messages = 20;
  report.counters.backend_bytes = 2000;
  report.counters.links_ready = 5;
  report.counters.replays = 6;
  report.counters.heartbeats = 8;
  report.counters.keepalives = 9;
  report.counters.settled[static_cast<std::size_t>(Reason::outcome_unknown)] = 11;
  report.counters.dropped[static_cast<std::size_t>(Drop::binary_frame)] = 12;
  return report;
}

StatusEntry entry() {
  StatusEntry entry;
  entry.pid = 4711;
  entry.started = 987654321;
  entry.version = "1.2.3";
  entry.since = WallTime(1785587696789ms);
  entry.take(report());
  return entry;
}

TEST_CASE("status file 13: everything is in it, under stable names") {
  const std::string text = entry().serialise();
  CHECK(text.find('\n') == std::string::npos);
  CHECK(json::parse(text) == json::parse(R"({
    "pid": 4711, "started": 987654321, "version": "1.2.3",
    "url": "ws://127.0.0.1:8765/a?token=...", "phase": "ready", "epoch": 7,
    "since": "2026-08-01T12:34:56.789Z", "since_unix": 1785587696.789, "attempts": 3,
    "down_since": null, "down_since_unix": null,
    "last_error": "refused: nothing listens there", "ping_ms": 1.234, "pending": 2, "queued": 1,
    "health": "fresh",
    "counters": {
      "host_messages": 10, "host_bytes": 1000, "backend_messages": 20, "backend_bytes": 2000,
      "reconnects": 4, "replays": 6, "heartbeats": 8, "keepalives": 9,
      "settled": {"backend-unavailable": 0, "outcome-unknown": 11, "queue-full": 0,
                  "request-timeout": 0, "message-too-large": 0, "session-incompatible": 0,
                  "bad-backend-message": 0},
      "dropped": {"unknown-answer": 0, "unknown-progress": 0, "bad-backend-message": 0,
                  "binary-frame": 12, "stale-host-answer": 0, "bad-host-answer": 0,
                  "unknown-cancel": 0, "unsendable-notification": 0, "unexpected-request": 0}
    }})"));
}

TEST_CASE("status file 13: what was written is read back") {
  const std::string text = entry().serialise();
  const auto read = StatusEntry::parse(text);
  REQUIRE(read.has_value());
  CHECK(read->serialise() == text);
  CHECK(read->ready());
  CHECK(read->ping == 1234us);
}

TEST_CASE("status file 13: without a ping there is none") {
  StatusEntry without = entry();
  without.ping.reset();
  const auto read = StatusEntry::parse(without.serialise());
  REQUIRE(read.has_value());
  CHECK_FALSE(read->ping.has_value());
}

TEST_CASE("status file 13: since when there is no ready link is read back") {
  StatusEntry down = entry();
  down.down_since = WallTime(1785587000001ms);
  const std::string text = down.serialise();
  CHECK(json::parse(text)["down_since"] == "2026-08-01T12:23:20.001Z");
  const auto read = StatusEntry::parse(text);
  REQUIRE(read.has_value());
  CHECK(read->down_since == down.down_since);
}

TEST_CASE("status file 13: members that an older version did not write may be missing") {
  const auto read = StatusEntry::parse(R"({"pid":1,"phase":"waiting","since_unix":1})");
  REQUIRE(read.has_value());
  CHECK(read->pid == 1);
  CHECK(read->settled.empty());
  CHECK_FALSE(read->ready());
}

TEST_CASE("status file 13: a text cut anywhere is none") {
  const std::string text = entry().serialise();
  for (std::size_t length = 0; length < text.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(StatusEntry::parse(std::string_view(text).substr(0, length)).has_value());
  }
}

TEST_CASE("status file 13: members of another type, and numbers that cannot be, spoil it") {
  struct Row {
    const char* pointer;
    const char* value;
  };
  const Row rows[] = {
      {"/pid", "\"4711\""},
      {"/pid", "-1"},
      {"/pid", "0"},
      {"/pid", "4294967296"},
      {"/pid", "1.5"},
      {"/started", "-1"},
      {"/started", "{}"},
      {"/version", "1"},
      {"/url", "null"},
      {"/url", "[]"},
      {"/phase", "\"dancing\""},
      {"/phase", "3"},
      {"/epoch", "true"},
      {"/since_unix", "\"1\""},
      {"/since_unix", "-1"},
      {"/since_unix", "1e300"},
      {"/since_unix", "null"},
      {"/down_since_unix", "\"1\""},
      {"/down_since_unix", "1e300"},
      {"/ping_ms", "\"fast\""},
      {"/ping_ms", "-1"},
      {"/ping_ms", "1e300"},
      {"/last_error", "{}"},
      {"/pending", "-1"},
      {"/counters", "[]"},
      {"/counters", "3"},
      {"/counters/host_messages", "\"1\""},
      {"/counters/settled", "[1]"},
      {"/counters/settled/outcome-unknown", "\"1\""},
      {"/counters/dropped/binary-frame", "-1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pointer);
    CAPTURE(row.value);
    json changed = json::parse(entry().serialise());
    changed[json::json_pointer(row.pointer)] = json::parse(row.value);
    CHECK_FALSE(StatusEntry::parse(changed.dump()).has_value());
  }
}

TEST_CASE("status file 13: what is no JSON object, or too large, or too deep, is none") {
  CHECK_FALSE(StatusEntry::parse("").has_value());
  CHECK_FALSE(StatusEntry::parse("[]").has_value());
  CHECK_FALSE(StatusEntry::parse("null").has_value());
  CHECK_FALSE(StatusEntry::parse(std::string(1000, '\0')).has_value());
  CHECK_FALSE(StatusEntry::parse("\xff\xfe").has_value());
  CHECK_FALSE(StatusEntry::parse(std::string(60000, '[')).has_value());
  CHECK_FALSE(StatusEntry::parse(std::string(30000, '[') + std::string(30000, ']')).has_value());
  const std::string large = entry().serialise() + std::string(StatusEntry::file_bytes_max, ' ');
  CHECK_FALSE(StatusEntry::parse(large).has_value());
}

TEST_CASE("status file 13: texts come out visible and bounded, and once only escaped") {
  json changed = json::parse(entry().serialise());
  changed["url"] = "ws://h/\x1b[2J\n";
  changed["last_error"] = "reset: said \\x1b\\n";
  changed["health"] = std::string(5000, 'h');
  changed["counters"]["settled"]["a\nb"] = 1;
  const auto read = StatusEntry::parse(changed.dump());
  REQUIRE(read.has_value());
  CHECK(read->url == "ws://h/\\x1b[2J\\n");
  CHECK(read->last_error == "reset: said \\x1b\\n");
  CHECK(read->health.size() < 1100);
  CHECK(read->settled.contains("a\\nb"));
}

TEST_CASE("status file 13: times as ISO 8601") {
  CHECK(iso_8601(WallTime()) == "1970-01-01T00:00:00.000Z");
  CHECK(iso_8601(WallTime(1709251199s + 999ms)) == "2024-02-29T23:59:59.999Z");
}

}  // namespace
}  // namespace shim
