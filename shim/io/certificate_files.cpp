#include "shim/io/certificate_files.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <utility>

#include "shim/io/tls.hpp"

namespace shim {
namespace {

bool load_ca(SSL_CTX* context, const std::string& path) {
  if (!check_ca_file(path).empty()) return false;
  X509_STORE* const store = X509_STORE_new();
  if (store == nullptr) return false;
  if (X509_STORE_load_file(store, path.c_str()) != 1) {
    X509_STORE_free(store);
    return false;
  }
  SSL_CTX_set_cert_store(context, store);  // which owns it now
  return true;
}

bool load_client(SSL_CTX* context, const std::string& cert, const std::string& key) {
  return check_client_cert(cert, key).empty() &&
         SSL_CTX_use_certificate_chain_file(context, cert.c_str()) == 1 &&
         SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1;
}

}  // namespace

CertificateFiles::CertificateFiles(Paths paths)
    : paths_(std::move(paths)), ca_(stamp_of(paths_.ca)), client_(client_stamps()) {}

CertificateFiles::Stamp CertificateFiles::stamp_of(const std::string& path) {
  struct stat facts {};
  if (path.empty() || ::stat(path.c_str(), &facts) != 0) return {};
  return {.device = facts.st_dev,
          .inode = facts.st_ino,
          .size = facts.st_size,
          .seconds = facts.st_mtim.tv_sec,
          .nanoseconds = facts.st_mtim.tv_nsec};
}

CertificateFiles::ClientStamps CertificateFiles::client_stamps() const {
  return {stamp_of(paths_.client_cert), stamp_of(paths_.client_key)};
}

void CertificateFiles::refresh(SSL_CTX* context) {
  // Looked at before they are read: what changes in between is read again next time.
  const Stamp ca = stamp_of(paths_.ca);
  if (ca != ca_ && load_ca(context, paths_.ca)) ca_ = ca;
  const ClientStamps client = client_stamps();
  if (client != client_ && load_client(context, paths_.client_cert, paths_.client_key))
    client_ = client;
}

}  // namespace shim
