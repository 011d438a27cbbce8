#pragma once

#include <string>
#include <string_view>

#include "shim/commands/client.hpp"
#include "shim/commands/params.hpp"

namespace shim {

/// How a backend wants to be spoken to.
enum class Era : std::uint8_t {
  unknown,
  legacy,  ///< `initialize` first (MCP 2024-11-05 to 2025-11-25)
  modern,  ///< `_meta` in each request (MCP 2026-07-28)
};

struct Opening {
  Era era = Era::unknown;
  Client::Answer answer;  ///< to `initialize`
};

/// Tries `initialize`; if that works, says `notifications/initialized`. A backend that will never
/// accept it counts as modern; any other failure is Era::unknown.
[[nodiscard]] Opening open_session(Client& client, const std::string& shim_version,
                                   TimePoint deadline);

/// Raw params of an `initialize` of our own.
[[nodiscard]] std::string initialize_params(const std::string& shim_version);

/// What each request of the modern era carries in its `_meta`.
[[nodiscard]] MetaMembers modern_meta(const std::string& shim_version);

}  // namespace shim
