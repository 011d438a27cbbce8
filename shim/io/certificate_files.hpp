#pragma once

#include <sys/types.h>

#include <array>
#include <ctime>
#include <string>

typedef struct ssl_ctx_st SSL_CTX;  // NOLINT(modernize-use-using): as OpenSSL declares it

namespace shim {

/// The certificates and the key that the user gave. They are renewed while we run, often together
/// with the backend's own: what was read at the start would then lock us out for ever.
class CertificateFiles {
 public:
  struct Paths {
    std::string ca{};                         ///< PEM; empty: not given
    std::string client_cert{}, client_key{};  ///< PEM; both or neither
  };

  /// Takes the files as they are now for known.
  explicit CertificateFiles(Paths paths);

  /// Gives `context` what has changed in the files. A file that is missing or no good now (it may
  /// be half written), or a certificate without its key, leaves it as it is, until it is better.
  void refresh(SSL_CTX* context);

 private:
  /// What changes when a file is written or replaced.
  struct Stamp {
    dev_t device{};
    ino_t inode{};
    off_t size{};
    time_t seconds{};
    long nanoseconds{};
    bool operator==(const Stamp&) const = default;
  };
  using ClientStamps = std::array<Stamp, 2>;

  [[nodiscard]] static Stamp stamp_of(const std::string& path);
  [[nodiscard]] ClientStamps client_stamps() const;

  Paths paths_;
  Stamp ca_;
  ClientStamps client_;
};

}  // namespace shim
