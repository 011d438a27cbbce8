#include "shim/io/tls.hpp"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "common/text.hpp"

namespace shim {
namespace {

bool is_readable(const char* path) { return ::access(path, R_OK) == 0; }

/// The environment may name another place than the usual one.
bool has_place(const char* variable, const char* usual) {
  const char* const given = std::getenv(variable);
  return given != nullptr || is_readable(usual);
}

}  // namespace

std::string check_ca_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (file == nullptr) return "cannot read " + printable(path);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      PEM_read_X509(file.get(), nullptr, nullptr, nullptr), X509_free);
  if (certificate == nullptr) return printable(path) + " holds no PEM certificate";
  return {};
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

std::string check_client_cert(const std::string& cert, const std::string& key) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free);
  if (context == nullptr) return "OpenSSL does not work here";
  // Else it would ask on the terminal for a pass phrase.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_certificate_chain_file(context.get(), cert.c_str()) != 1)
    return "--client-cert: " + printable(cert) + " holds no PEM certificate";
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
    return "--client-key: " + printable(key) +
           " is no PEM key without a pass phrase that fits the certificate";
  return {};
}

}  // namespace shim
