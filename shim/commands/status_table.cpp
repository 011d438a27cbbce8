#include "shim/commands/status_table.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <numeric>
#include <string_view>

#include "common/units.hpp"

namespace shim {
namespace {

using Row = std::array<std::string, 10>;
using Widths = std::array<std::size_t, std::tuple_size_v<Row>>;
constexpr std::size_t url_cell = 8;
constexpr std::size_t error_cell = 9;

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
          age(shim.ready() ? shim.since : shim.down_since.value_or(shim.since), now),
          std::to_string(shim.pending),
          std::to_string(shim.queued),
          std::to_string(shim.reconnects),
          shim.ping ? in_ms(*shim.ping) : "-",
          shim.health.empty() || shim.health == "none" ? "-" : shim.health,
          shim.url,
          shim.last_error.empty() ? "-" : shim.last_error};
}

/// The first `count` cells of a row, in columns.
std::string joined(const Row& cells, std::size_t count, const Widths& widths) {
  std::string line;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    line += cells[i];
    line.append(widths[i] + 2 - cells[i].size(), ' ');
  }
  return line + cells[count - 1] + "\n";
}

/// URL and error of a shim on a line of their own; a long URL leaves half of it to the error.
std::string below(const Row& cells, std::size_t columns) {
  constexpr std::string_view indent = "  ";
  std::string url = cells[url_cell];
  const std::size_t room = std::max<std::size_t>(columns / 2, 12) - indent.size();
  const bool has_error = cells[error_cell] != "-";
  if (has_error && url.size() > room) url.replace(room - 3, std::string::npos, "...");
  return std::string(indent) + url + (has_error ? "  " + cells[error_cell] : "") + "\n";
}

}  // namespace

std::string status_table(const std::vector<StatusEntry>& shims, WallTime now, std::size_t columns) {
  if (shims.empty()) return "no shim is running\n";
  std::vector<Row> rows{{"PID", "STATE", "FOR", "PENDING", "QUEUED", "RECONNECTS", "PING", "HEALTH",
                         "URL", "LAST ERROR"}};
  for (const StatusEntry& shim : shims) rows.push_back(row(shim, now));
  Widths widths{};
  for (const Row& cells : rows) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  }
  const std::size_t width = std::accumulate(widths.begin(), widths.end(), 2 * (widths.size() - 1));
  std::string out;
  for (const Row& cells : rows) {
    out += joined(cells, width <= columns ? cells.size() : url_cell, widths);
    if (width > columns && &cells != &rows.front()) out += below(cells, columns);
  }
  return out;
}

}  // namespace shim
