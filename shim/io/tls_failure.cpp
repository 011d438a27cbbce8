#include "shim/io/tls_failure.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>
#include <utility>

namespace shim {
namespace {

bool is_about_certificate(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_DECRYPT_ERROR: return true;
    default: return false;
  }
}

Loss too_old() {
  return {.cause = Cause::tls, .detail = "the backend offers no TLS of version 1.2 or newer"};
}

}  // namespace

void TlsFailure::note(const SSL* connection, int where, int value) {
  if ((where & SSL_CB_LOOP) != 0 && SSL_get_state(connection) == TLS_ST_CR_CERT_REQ)
    client_certificate_wanted_ = true;
  const auto number = static_cast<unsigned>(value);
  if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && number >> 8U == SSL3_AL_FATAL)
    alert_ = static_cast<int>(number & 0xffU);
  if ((where & SSL_CB_EXIT) == 0 || value > 0) return;
  const unsigned long error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) reason_ = ERR_GET_REASON(error);
}

std::optional<Loss> TlsFailure::noted() const {
  if (alert_ == SSL_AD_PROTOCOL_VERSION) return too_old();
  if (alert_ == TLS13_AD_CERTIFICATE_REQUIRED ||
      (alert_ == SSL_AD_HANDSHAKE_FAILURE && client_certificate_wanted_))
    return Loss{.cause = Cause::certificate,
                .detail = "the backend wants a client certificate, or another one"};
  if (alert_ >= 0) {
    const std::string what = SSL_alert_desc_string_long(alert_);
    if (client_certificate_wanted_ && is_about_certificate(alert_))
      return Loss{.cause = Cause::certificate,
                  .detail = "the backend refuses the client certificate: " + what};
    return Loss{.cause = Cause::tls, .detail = "the backend refuses the TLS handshake: " + what};
  }
  switch (reason_) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION: return too_old();
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_UNEXPECTED_MESSAGE:
      return Loss{.cause = Cause::tls,
                  .detail = "what answers does not speak TLS; should the URL begin with ws://?"};
    default: return std::nullopt;
  }
}

Loss TlsFailure::explain(Loss loss) const {
  if (auto found = noted()) return *std::move(found);
  // The alert that refuses what we sent is lost when the socket is reset behind it.
  if (loss.cause == Cause::reset && client_certificate_wanted_)
    loss.detail += ", and a client certificate was asked for";
  return loss;
}

}  // namespace shim
