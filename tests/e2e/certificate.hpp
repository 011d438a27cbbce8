#pragma once

#include <string>

#include "backend.hpp"
#include "files.hpp"

namespace e2e {

/// Whether the shell command worked. If not the test says that it is skipped.
[[nodiscard]] bool run_command(const std::string& command);

/// A self-signed certificate for these names, made by the openssl program.
struct Certificate {
  TempDir files;
  std::string cert = files.path("cert.pem");
  std::string key = files.path("key.pem");
  bool made = false;

  explicit Certificate(const std::string& names) : names_(names) { make("ec"); }

  /// Makes it anew with a key as `openssl req -newkey` names it.
  void make(const std::string& key_type);

  /// Signs it anew for a time long ago, which only `openssl ca` does.
  void expire();

  [[nodiscard]] Arguments served() const { return {"--cert", cert, "--key", key}; }

 private:
  std::string names_;
};

}  // namespace e2e
