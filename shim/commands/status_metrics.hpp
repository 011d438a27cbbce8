#pragma once

#include <string>
#include <vector>

#include "shim/core/status_entry.hpp"

namespace shim {

/// The shims in Prometheus' text exposition format, for the textfile collector of a node exporter.
[[nodiscard]] std::string status_metrics(const std::vector<StatusEntry>& shims);

}  // namespace shim
