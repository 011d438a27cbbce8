#include "shim/commands/status.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "shim/commands/output.hpp"
#include "shim/commands/status_files.hpp"
#include "shim/commands/status_metrics.hpp"
#include "shim/commands/status_table.hpp"
#include "shim/commands/status_watch.hpp"

namespace shim {
namespace {

std::string as_json(const std::vector<StatusEntry>& shims) {
  std::string out;
  for (const StatusEntry& shim : shims)
    out.append(out.empty() ? "[\n  " : ",\n  ").append(shim.serialise());
  return out.empty() ? "[]\n" : out + "\n]\n";
}

std::string rendered(const Options& options, const std::vector<StatusEntry>& shims,
                     std::size_t columns) {
  if (options.json) return as_json(shims);
  if (options.prometheus) return status_metrics(shims);
  return status_table(shims, WallTime(std::chrono::system_clock::now().time_since_epoch()),
                      columns);
}

}  // namespace

int run_status(const Options& options) {
  bool all_ready = true;
  const auto look = [&](std::size_t columns) {
    const StatusFiles files = read_status_files();
    all_ready = files.unreadable == 0 && std::ranges::all_of(files.shims, &StatusEntry::ready);
    if (!options.watch) {
      for (const std::string& note : files.notes)
        std::fprintf(stderr, "mcp-ws-shim: %s\n", note.c_str());
    }
    return rendered(options, files.shims, columns);
  };
  const bool printed = options.watch ? watch(look) : print_out(look(unlimited_columns));
  return printed && all_ready ? 0 : 1;
}

}  // namespace shim
