#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace shim {

/// A JSON text of the backend's, one that jsonrpc::Reader has found valid, for a terminal as well
/// as for a program: on one line, in ASCII, its numbers as they are spelled. The value of each
/// string, names of members included, goes through `without_secrets`; so does a number that is too
/// long to be an ordinary one, and which becomes a string if that changes it.
[[nodiscard]] std::string shown_json(
    std::string_view json, const std::function<std::string(std::string_view)>& without_secrets);

}  // namespace shim
