#pragma once

#include <cstdint>
#include <string>

#include "shim/core/loss.hpp"

namespace shim {

/// Why a connection cannot even begin: what connect(2) says at once (an errno), or 0 if it would
/// not fail at once. It is tried again to find out, since libwebsockets does not tell; should that
/// succeed, the connection is dropped.
[[nodiscard]] int immediate_connect_error(const std::string& numeric_address, std::uint16_t port);
[[nodiscard]] int immediate_connect_error(const std::string& unix_path);

/// What an errno of socket(2) or connect(2) means.
[[nodiscard]] Cause cause_of_connect_error(int error);

}  // namespace shim
