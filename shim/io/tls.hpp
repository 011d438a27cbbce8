#pragma once

#include <string>

namespace shim {

/// Whether `path` is a PEM file with at least one certificate. Returns one line that says what is
/// wrong with it, empty if all is well: libwebsockets would accept the file in silence and then
/// refuse every backend.
[[nodiscard]] std::string check_ca_file(const std::string& path);

/// Whether `cert` is a PEM certificate chain and `key` its private key, without a pass phrase.
/// Returns one line that says what is wrong, empty if all is well.
[[nodiscard]] std::string check_client_cert(const std::string& cert, const std::string& key);

}  // namespace shim
