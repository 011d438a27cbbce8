#pragma once

#include <optional>

#include "shim/core/loss.hpp"

typedef struct ssl_st SSL;  // NOLINT(modernize-use-using): as OpenSSL declares it

namespace shim {

/// Why a TLS handshake has failed, from what OpenSSL tells while it goes on: afterwards
/// libwebsockets has thrown the reasons away. A backend of TLS 1.3 refuses a client's certificate
/// only when the handshake is over for us.
class TlsFailure {
 public:
  /// For each call of OpenSSL's information callback (SSL_CTX_set_info_callback(3)).
  void note(const SSL* connection, int where, int value);

  /// What was noted, if that ends a connection; else `loss`, with what may lie behind it.
  [[nodiscard]] Loss explain(Loss loss) const;

 private:
  [[nodiscard]] std::optional<Loss> noted() const;

  bool client_certificate_wanted_ = false;
  int alert_ = -1;  ///< fatal, of the other side
  int reason_ = 0;  ///< of OpenSSL's error
};

}  // namespace shim
