#pragma once

#include <cstdint>
#include <string>

#include "common/url.hpp"
#include "shim/core/loss.hpp"

namespace shim {

/// The stretches of an attempt to connect, in their order.
enum class Stretch : std::uint8_t { token, lookup, tcp, tls, upgrade, subprotocol, ping };

/// Where an attempt with this loss has failed; `reached` is the stretch that was under way.
[[nodiscard]] Stretch stretch_of(const Loss& loss, Stretch reached);

/// What else a remedy depends on.
struct Surroundings {
  const Url& url;
  Stretch stretch = Stretch::tcp;  ///< that failed
  bool has_token = false;          ///< or an Authorization header
  bool has_ca_file = false;
  bool is_expired = false;  ///< the certificate that was refused
};

/// What a person can do about it: one line, printable ASCII, no secrets; empty if nobody knows.
[[nodiscard]] std::string remedy(const Loss& loss, const Surroundings& around);

}  // namespace shim
