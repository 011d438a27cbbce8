#include "shim/io/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string_view>

#include "common/text.hpp"

namespace shim {
namespace {

bool is_readable(const char* path) { return ::access(path, R_OK) == 0; }

/// The environment may name another place than the usual one.
bool has_place(const char* variable, const char* usual) {
  const char* const given = std::getenv(variable);
  return given != nullptr || is_readable(usual);
}

/// Names shown of one certificate at most.
constexpr int names_max = 4;

std::string_view bytes_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string describe(const GENERAL_NAME* name) {
  int type = 0;
  const auto* const value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &type));
  if (type == GEN_DNS) return printable(bytes_of(value), 80);
  if (type != GEN_IPADD) return {};
  const std::string_view bytes = bytes_of(value);
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

std::string common_name(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return "no name";
  return printable(bytes_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at))), 80);
}

/// The names that the certificate is good for; its common name if it lists none.
std::string names_of(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  std::string out;
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  for (int i = 0; i < count && i < names_max; ++i) {
    const std::string name = describe(sk_GENERAL_NAME_value(names.get(), i));
    if (!name.empty()) out += (out.empty() ? "" : ", ") + name;
  }
  if (count > names_max) out += " and more";
  return out.empty() ? common_name(X509_get_subject_name(certificate)) : out;
}

std::string date(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 16> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "?";
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return {text.data(), length};
}

}  // namespace

long days_to_expiry(const X509* certificate) {
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1) return 0;
  return seconds < 0 ? days - 1 : days;
}

std::string describe_certificate(const X509* certificate) {
  if (certificate == nullptr) return "no certificate";
  return "certificate for " + names_of(certificate) + ", issued by " +
         common_name(X509_get_issuer_name(certificate)) + ", valid from " +
         date(X509_get0_notBefore(certificate)) + " to " + date(X509_get0_notAfter(certificate));
}

TlsFacts describe_tls(const SSL* connection) {
  TlsFacts facts{.text = SSL_get_version(connection)};
  const std::unique_ptr<X509, void (*)(X509*)> certificate(SSL_get1_peer_certificate(connection),
                                                           X509_free);
  if (certificate == nullptr) return facts;
  facts.text += ", " + describe_certificate(certificate.get());
  facts.days_to_expiry = days_to_expiry(certificate.get());
  return facts;
}

std::string foreign_ca_file() {
  if (has_place(X509_get_default_cert_file_env(), X509_get_default_cert_file()) ||
      has_place(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()))
    return {};
  for (const char* const path :
       {"/etc/ssl/certs/ca-certificates.crt",  // Debian's kin, Arch, Gentoo
        "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora and its kin
        "/etc/ssl/ca-bundle.pem",              // openSUSE
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"}) {
    if (is_readable(path)) return path;
  }
  return {};
}

void expect_address(SSL* connection, const std::string& numeric) {
  SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, nullptr);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), numeric.c_str());
}

bool is_for_address(const SSL* connection, const std::string& numeric) {
  const std::unique_ptr<X509, void (*)(X509*)> certificate(SSL_get1_peer_certificate(connection),
                                                           X509_free);
  return certificate != nullptr && X509_check_ip_asc(certificate.get(), numeric.c_str(), 0) == 1;
}

ssize_t read_tls(SSL* connection, std::span<char> room) {
  ERR_clear_error();
  errno = 0;
  const int count = SSL_read(connection, room.data(), static_cast<int>(room.size()));
  if (count > 0) return count;
  switch (SSL_get_error(connection, count)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SYSCALL: return errno == 0 ? 0 : -1;
    default:
      // Many servers end without TLS's own goodbye.
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return 0;
      errno = EPROTO;
      return -1;
  }
}

}  // namespace shim
