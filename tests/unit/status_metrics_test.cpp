// Contract 13: the metrics of `status --prometheus`.

#include "shim/commands/status_metrics.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace shim {
namespace {

using namespace std::chrono_literals;  // NOLINT

StatusEntry shim_with(int pid, const std::string& url) {
  Report report;
  report.phase = Phase::ready;
  report.endpoint = url;
  report.epoch = 3;
  report.ping_round_trip = 1500us;
  report.counters.links_ready = 2;
  report.counters.host_bytes = 12345678901234;
  report.counters.settled[static_cast<std::size_t>(Reason::queue_full)] = 5;
  report.counters.dropped[static_cast<std::size_t>(Drop::binary_frame)] = 6;
  StatusEntry entry;
  entry.pid = pid;
  entry.version = "0.1.0";
  entry.since = WallTime(1785587696500ms);
  entry.take(report);
  return entry;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool has_line(const std::string& text, const std::string& line) {
  const auto lines = lines_of(text);
  return std::ranges::find(lines, line) != lines.end();
}

TEST_CASE("metrics 13: values with their labels") {
  const std::string text = status_metrics({shim_with(7, "ws://h/"), shim_with(8, "ws://i/")});
  for (const char* const line : {
           R"(mcp_ws_shim_running 2)",
           R"(mcp_ws_shim_info{pid="7",url="ws://h/",version="0.1.0"} 1)",
           R"(mcp_ws_shim_ready{pid="8",url="ws://i/"} 1)",
           R"(mcp_ws_shim_phase{pid="7",url="ws://h/",phase="ready"} 1)",
           R"(mcp_ws_shim_phase_start_time_seconds{pid="7",url="ws://h/"} 1785587696.500000)",
           R"(mcp_ws_shim_ping_round_trip_seconds{pid="7",url="ws://h/"} 0.001500)",
           R"(mcp_ws_shim_links_total{pid="7",url="ws://h/"} 3)",
           R"(mcp_ws_shim_reconnects_total{pid="7",url="ws://h/"} 1)",
           R"(mcp_ws_shim_bytes_total{pid="7",url="ws://h/",from="host"} 12345678901234)",
           R"(mcp_ws_shim_settled_total{pid="7",url="ws://h/",reason="queue-full"} 5)",
           R"(mcp_ws_shim_settled_total{pid="7",url="ws://h/",reason="request-timeout"} 0)",
           R"(mcp_ws_shim_dropped_total{pid="7",url="ws://h/",cause="binary-frame"} 6)",
       }) {
    CAPTURE(line);
    CHECK(has_line(text, line));
  }
}

TEST_CASE("metrics 13: the text is what the exposition format allows") {
  const std::string text =
      status_metrics({shim_with(7, "ws://h/?a=\"b\\c\"\nd"), shim_with(8, "ws://i/")});
  const std::regex comment("# (HELP|TYPE) (mcp_ws_shim_[a-z_]+) ([^\\n]+)");
  const std::regex sample(
      "(mcp_ws_shim_[a-z_]+)((\\{([a-z]+=\"([^\"\\\\]|\\\\[\\\\\"n])*\",?)+\\})?) [0-9.]+");
  std::map<std::string, std::string> types;
  std::set<std::string> seen;
  std::string current;
  for (const std::string& line : lines_of(text)) {
    CAPTURE(line);
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      current = match[2];
      if (match[1] == "TYPE") types[current] = match[3];
      continue;
    }
    REQUIRE(std::regex_match(line, match, sample));
    CHECK(match[1] == current);  // all samples of a metric stand together, behind its type
    CHECK(types.contains(match[1]));
    CHECK(seen.insert(match[1].str() + match[2].str()).second);
  }
  for (const auto& [name, type] : types) {
    CAPTURE(name);
    CHECK((type == "counter") == name.ends_with("_total"));
  }
}

TEST_CASE("metrics 13: quotes, backslashes and line breaks in a label are escaped") {
  const std::string text = status_metrics({shim_with(7, "ws://h/\"\\\n")});
  CHECK(has_line(text, R"(mcp_ws_shim_ready{pid="7",url="ws://h/\"\\\n"} 1)"));
}

TEST_CASE("metrics 13: without a ping there is no sample of it") {
  StatusEntry shim = shim_with(7, "ws://h/");
  shim.ping.reset();
  CHECK(status_metrics({shim}).find("\nmcp_ws_shim_ping") == std::string::npos);
}

TEST_CASE("metrics 13: without a shim the number of shims is still told") {
  CHECK(has_line(status_metrics({}), "mcp_ws_shim_running 0"));
}

}  // namespace
}  // namespace shim
