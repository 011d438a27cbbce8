#include "shim/io/certificate_files.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <utility>

#include "common/text.hpp"

namespace shim {
namespace {

/// A FIFO would hold us up for ever.
bool is_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

using Store = std::unique_ptr<X509_STORE, void (*)(X509_STORE*)>;

/// What it holds is only good if there is no error.
Store read_ca(const std::string& path, std::string& error) {
  Store store(X509_STORE_new(), X509_STORE_free);
  if (store == nullptr) {
    error = "OpenSSL does not work here";
  } else if (!is_file(path)) {
    error = "cannot read " + printable(path);
  } else if (X509_STORE_load_file(store.get(), path.c_str()) != 1) {
    error = printable(path) + " holds no PEM certificate, or a damaged one";
  }
  return store;
}

using Context = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;

/// A context with nothing but a chain and its key, which are only good if there is no error.
Context read_client(const std::string& cert, const std::string& key, std::string& error) {
  Context context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (context == nullptr) {
    error = "OpenSSL does not work here";
    return context;
  }
  // Else it would ask on the terminal for a pass phrase.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
  if (!is_file(cert)) {
    error = "--client-cert: cannot read " + printable(cert);
  } else if (!is_file(key)) {
    error = "--client-key: cannot read " + printable(key);
  } else if (SSL_CTX_use_certificate_chain_file(context.get(), cert.c_str()) != 1) {
    error = "--client-cert: " + printable(cert) + " holds no PEM certificate";
  } else if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(context.get()) != 1) {
    error = "--client-key: " + printable(key) +
            " is not a PEM key that belongs to --client-cert and has no pass phrase";
  }
  return context;
}

bool is_same(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

}  // namespace

std::string check_ca_file(const std::string& path) {
  std::string error;
  static_cast<void>(read_ca(path, error));
  return error;
}

std::string check_client_cert(const std::string& cert, const std::string& key) {
  std::string error;
  static_cast<void>(read_client(cert, key, error));
  return error;
}

CertificateFiles::CertificateFiles(Paths paths)
    : paths_(std::move(paths)),
      ca_(stamp_of(paths_.ca)),
      client_(client_stamps()),
      identity_(nullptr, SSL_CTX_free) {
  if (paths_.client_cert.empty()) return;
  std::string error;
  Identity identity = read_client(paths_.client_cert, paths_.client_key, error);
  if (error.empty()) identity_ = std::move(identity);
}

void CertificateFiles::serve(SSL_CTX* context) {
  if (paths_.client_cert.empty()) return;
  SSL_CTX_set_cert_cb(
      context,
      [](SSL* connection, void* self) {
        return static_cast<const CertificateFiles*>(self)->show(connection);
      },
      this);
}

/// A context keeps one certificate for each type of key, and goes on showing an old one of another
/// type; so what it has is taken away from each connection first.
int CertificateFiles::show(SSL* connection) const {
  constexpr int go_on = 1;
  constexpr int give_up = 0;
  if (identity_ == nullptr) return go_on;
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(identity_.get(), &chain);
  SSL_certs_clear(connection);
  constexpr int replace = 1;
  return SSL_use_cert_and_key(connection, SSL_CTX_get0_certificate(identity_.get()),
                              SSL_CTX_get0_privatekey(identity_.get()), chain, replace) == 1
             ? go_on
             : give_up;
}

std::string CertificateFiles::refresh(SSL_CTX* context) {
  std::string problems;
  const auto report = [&problems](std::string problem) {
    problems += (problems.empty() ? "" : "; ") + std::move(problem) + "; the old one stays in use";
  };
  // Looked at before they are read: what changes in between is read again next time.
  if (const Stamp ca = stamp_of(paths_.ca); ca != std::exchange(ca_, ca)) {
    std::string error;
    Store store = read_ca(paths_.ca, error);
    if (error.empty()) {
      SSL_CTX_set_cert_store(context, store.release());  // which owns it now
    } else {
      report("--ca-file: " + error);
    }
  }
  if (const ClientStamps client = client_stamps(); client != std::exchange(client_, client)) {
    std::string error;
    Identity identity = read_client(paths_.client_cert, paths_.client_key, error);
    if (error.empty()) {
      identity_ = std::move(identity);
    } else {
      report(std::move(error));
    }
  }
  ERR_clear_error();  // what is left there would be taken for a failure of the next handshake
  return problems;
}

bool CertificateFiles::Stamp::operator==(const Stamp& other) const {
  return device == other.device && inode == other.inode && size == other.size &&
         is_same(times[0], other.times[0]) && is_same(times[1], other.times[1]);
}

CertificateFiles::Stamp CertificateFiles::stamp_of(const std::string& path) {
  struct stat facts {};
  if (path.empty() || ::stat(path.c_str(), &facts) != 0) return {};
  return {.device = facts.st_dev,
          .inode = facts.st_ino,
          .size = facts.st_size,
          .times = {facts.st_mtim, facts.st_ctim}};
}

CertificateFiles::ClientStamps CertificateFiles::client_stamps() const {
  return {stamp_of(paths_.client_cert), stamp_of(paths_.client_key)};
}

}  // namespace shim
