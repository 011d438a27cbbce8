#include "shim/commands/status_table.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>

#include "common/units.hpp"

namespace shim {
namespace {

using Row = std::array<std::string, 10>;

std::string state(const StatusEntry& shim) {
  std::string text(name(shim.phase));
  if (!shim.ready() && shim.attempts > 0) text += ", " + std::to_string(shim.attempts) + " failed";
  return text;
}

/// How long ago, to the second. A wall clock that was set back makes it zero.
std::string age(WallTime then, WallTime now) {
  const Duration span = std::max(now - then, Duration::zero());
  return span < std::chrono::seconds(1)
             ? "0 s"
             : describe_duration(std::chrono::floor<std::chrono::seconds>(span));
}

std::string in_ms(Duration span) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f ms", seconds(span) * 1000);
  return text.data();
}

Row row(const StatusEntry& shim, WallTime now) {
  return {std::to_string(shim.pid),
          state(shim),
          age(shim.since, now),
          std::to_string(shim.pending),
          std::to_string(shim.queued),
          std::to_string(shim.reconnects),
          shim.ping ? in_ms(*shim.ping) : "-",
          shim.health.empty() || shim.health == "none" ? "-" : shim.health,
          shim.url,
          shim.last_error.empty() ? "-" : shim.last_error};
}

}  // namespace

std::string status_table(const std::vector<StatusEntry>& shims, WallTime now) {
  if (shims.empty()) return "no shim is running\n";
  std::vector<Row> rows{{"PID", "STATE", "FOR", "PENDING", "QUEUED", "RECONNECTS", "PING", "HEALTH",
                         "URL", "LAST ERROR"}};
  for (const StatusEntry& shim : shims) rows.push_back(row(shim, now));
  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
  for (const Row& cells : rows) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  }
  std::string out;
  for (const Row& cells : rows) {
    for (std::size_t i = 0; i + 1 < cells.size(); ++i) {
      out += cells[i];
      out.append(widths[i] + 2 - cells[i].size(), ' ');
    }
    out += cells.back() + "\n";
  }
  return out;
}

}  // namespace shim
