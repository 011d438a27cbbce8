#pragma once

#include <sys/types.h>

#include <span>
#include <string>

typedef struct ssl_st SSL;    // NOLINT(modernize-use-using): as OpenSSL declares them
typedef struct x509_st X509;  // NOLINT(modernize-use-using)

namespace shim {

/// The system's certificates where OpenSSL does not look: it only knows the places of the system
/// that it was built for, and a program that contains it may run on another one. Empty if OpenSSL
/// finds its own, or if there are none at all.
[[nodiscard]] std::string foreign_ca_file();

/// How many days the certificate is still good; below 0: it has expired.
[[nodiscard]] long days_to_expiry(const X509* certificate);

/// For people: whom the certificate is for, who vouches for it and until when. Printable ASCII.
[[nodiscard]] std::string describe_certificate(const X509* certificate);

/// What a completed TLS handshake has come to.
struct TlsFacts {
  std::string text;  ///< version and certificate, printable ASCII
  long days_to_expiry = 0;
};
[[nodiscard]] TlsFacts describe_tls(const SSL* connection);

/// Makes a handshake that is about to begin check the certificate for this IP address, and name no
/// host to the other side, which RFC 6066 § 3 keeps for names.
void expect_address(SSL* connection, const std::string& numeric);

/// Whether the certificate that the other side has shown is for this IP address.
[[nodiscard]] bool is_for_address(const SSL* connection, const std::string& numeric);

/// As read(2) on a non-blocking descriptor: the number of bytes, 0 at the end, -1 with errno set.
/// Returns no more than one TLS record, and the whole of it if `room` is 16 KiB or more, so that
/// OpenSSL holds nothing back of which the descriptor would not tell.
[[nodiscard]] ssize_t read_tls(SSL* connection, std::span<char> room);

}  // namespace shim
