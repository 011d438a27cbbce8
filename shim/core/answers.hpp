#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.hpp"
#include "shim/core/pending.hpp"
#include "shim/core/settings.hpp"

/// The answers that the shim gives in the backend's place (contract 9).
namespace shim {

enum class Reason : std::uint8_t {
  backend_unavailable,
  outcome_unknown,
  queue_full,
  request_timeout,
  message_too_large,
  session_incompatible,
  bad_backend_message,
  count,
};

/// As in the table of contract 9: `backend-unavailable`.
[[nodiscard]] std::string_view name(Reason reason);

/// What is said of a request whose link was lost under it.
inline constexpr std::string_view lost_while_running =
    "The connection to the MCP backend was lost while this was running. It may or may not "
    "have been carried out; check before you repeat it.";

/// What is known about the link when a request is settled. Plain data.
struct Circumstances {
  unsigned attempt = 0;  ///< failed attempts so far; 0 is left out of the answer
  Duration down{};       ///< time without a ready link; 0 is left out
  std::string last_error;
};

/// The whole answer to `request`: a JSON-RPC error, or for a tools/call with ToolErrors::result a
/// tool result with `isError` that a model can read and act on. `said` is one plain sentence or
/// two.
[[nodiscard]] std::string failure(const Request& request, Reason reason, std::string_view said,
                                  const Circumstances& circumstances, ToolErrors tool_errors);

/// The answer to a line of the host that is no request the shim could take (contract 3), or that it
/// takes for none: `code` is JSON-RPC's for it. `id` is raw JSON. `delivered`: another
/// request under this id has been sent, and a host may take this for its answer.
[[nodiscard]] std::string refusal(std::string_view id, int code, std::string_view said,
                                  bool delivered = false);

}  // namespace shim
