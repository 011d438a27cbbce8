#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shim/core/loss.hpp"

struct lws;

namespace shim {

/// How far an attempt had got when it failed.
struct AttemptProgress {
  bool tls = false;  ///< it is to speak TLS
  bool tcp_connected = false;
  bool request_sent = false;
};

/// What an attempt failed of, from libwebsockets' words for it and from what came as an answer.
/// Call it from its CONNECTION_ERROR.
[[nodiscard]] Loss explain_upgrade_failure(lws* connection, std::string_view said,
                                           const AttemptProgress& progress);

/// So many bytes came, and no answer to the upgrade: what listens there speaks something else.
[[nodiscard]] std::string bytes_of_no_http(std::uint64_t count);

/// The subprotocol in the answer to the upgrade, printable; empty if there is none. Only while
/// libwebsockets has the answer.
[[nodiscard]] std::string selected_subprotocol(lws* connection);

}  // namespace shim
