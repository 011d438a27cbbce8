#include "shim/io/tls.hpp"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <memory>

#include "common/text.hpp"

namespace shim {

std::string check_ca_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (file == nullptr) return "cannot read " + printable(path);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      PEM_read_X509(file.get(), nullptr, nullptr, nullptr), X509_free);
  if (certificate == nullptr) return printable(path) + " holds no PEM certificate";
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
