#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace shim {

/// How far an attempt to connect has got, for people who want to know (`doctor`). Each is reported
/// the moment it is reached; what fails is reported as LinkLost, as always.
struct Milestone {
  enum class Kind : std::uint8_t {
    looked_up,       ///< the addresses of the name
    trying,          ///< the address, or the path of the Unix socket
    address_failed,  ///< why the address did not take the connection; the next one will be tried
    tcp,             ///< the address took the connection
    certificate,     ///< what the certificate says that is being refused
    tls,             ///< the protocol version and what the certificate says
    upgraded,        ///< the subprotocol that the backend selected, or nothing
  };
  Kind kind = Kind::tcp;
  std::string text{};       ///< printable ASCII
  long days_to_expiry = 0;  ///< of the certificate, for Kind::certificate and tls
};

/// May be empty: nobody wants to know.
using MilestoneSink = std::function<void(Milestone)>;

}  // namespace shim
