#pragma once

#include <sys/types.h>

#include <array>
#include <ctime>
#include <memory>
#include <string>

// NOLINTBEGIN(modernize-use-using): as OpenSSL declares them
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
// NOLINTEND(modernize-use-using)

namespace shim {

/// Whether `path` is a PEM file with at least one certificate, and none that is damaged. Returns
/// one line that says what is wrong with it, empty if all is well: libwebsockets would accept the
/// file in silence and then refuse every backend.
[[nodiscard]] std::string check_ca_file(const std::string& path);

/// Whether `cert` is a PEM certificate chain and `key` its private key, without a pass phrase.
/// Returns one line that says what is wrong, empty if all is well.
[[nodiscard]] std::string check_client_cert(const std::string& cert, const std::string& key);

/// The certificates and the key that the user gave. They are renewed while we run, often together
/// with the backend's own: what was read at the start would then lock us out for ever.
class CertificateFiles {
 public:
  struct Paths {
    std::string ca{};                         ///< PEM; empty: not given
    std::string client_cert{}, client_key{};  ///< PEM; both or neither
  };

  /// Reads the client's certificate. The CA file as it is now is taken for known.
  explicit CertificateFiles(Paths paths);

  /// Shows the client's certificate in the handshakes of this context, which must not outlive us.
  void serve(SSL_CTX* context);

  /// Reads again what has changed; the next handshake of `context` uses it. A file that is missing
  /// or no good now (it may be half written), or a certificate without its key, changes nothing.
  /// Returns one line for each such change, once, or an empty text.
  [[nodiscard]] std::string refresh(SSL_CTX* context);

 private:
  /// What changes when a file is written, replaced or made readable.
  struct Stamp {
    dev_t device{};
    ino_t inode{};
    off_t size{};
    std::array<timespec, 2> times{};  ///< of the content and of the permissions
    bool operator==(const Stamp& other) const;
  };
  using ClientStamps = std::array<Stamp, 2>;
  /// Holds no more than a chain and its key.
  using Identity = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;

  [[nodiscard]] static Stamp stamp_of(const std::string& path);
  [[nodiscard]] ClientStamps client_stamps() const;
  [[nodiscard]] int show(SSL* connection) const;

  Paths paths_;
  Stamp ca_;
  ClientStamps client_;
  Identity identity_;
};

}  // namespace shim
