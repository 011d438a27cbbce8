#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/url.hpp"
#include "shim/core/settings.hpp"
#include "shim/io/log.hpp"

namespace shim {

enum class Command : std::uint8_t { bridge, call, doctor, status, config };

/// What `call` is to send.
struct CallOptions {
  std::string method;
  std::string params;   ///< raw JSON; `-`: from stdin; empty: none
  bool notify = false;  ///< as a notification, so that no answer is waited for
  Duration timeout = std::chrono::seconds(60);
};

/// One setting as `config` shows it. No secrets, but perhaps not printable.
struct ShownSetting {
  std::string name;
  std::string value;
  std::string origin;
};

/// The command line and what the environment and files add to it, validated (contract 2): whatever
/// is in here can be used without a further check.
struct Options {
  Command command = Command::bridge;
  /// With placeholders filled in; at least one, except for `status` and `config`.
  std::vector<Url> endpoints;
  std::vector<std::pair<std::string, std::string>> headers;  ///< name, value
  std::string token;                                         ///< or empty
  std::string token_file;                                    ///< or empty; never both
  bool allow_plaintext_token = false;
  std::string subprotocol = "mcp";
  std::string ca_file;
  std::string client_cert;  ///< given exactly if client_key is
  std::string client_key;
  std::string health_file;  ///< set exactly if core.has_health_file
  std::string cache_dir;    ///< empty: nothing is cached
  bool sandbox = false;     ///< and this kernel has what it takes
  Settings core;
  Log::Options log;

  CallOptions call;
  bool json = false;        ///< `doctor`, `status`, `config`: for programs
  bool watch = false;       ///< `status`
  bool prometheus = false;  ///< `status`

  std::vector<ShownSetting> shown;  ///< for `config` and `doctor`

  [[nodiscard]] bool has_token() const { return !token.empty() || !token_file.empty(); }
  /// Whether one of the headers is Authorization; never together with a token.
  [[nodiscard]] bool authorises() const;
  /// Whether there is anything that is for the backend only.
  [[nodiscard]] bool has_secret() const;
};

struct ParsedOptions {
  std::optional<Options> options{};  ///< absent: print `text` and end with `exit_status`
  std::string text{};                ///< help or version; empty after a usage error
  int exit_status = 0;               ///< 0 after --help and --version, 2 after a usage error
};

/// Parses the arguments and reads the environment and the files that they name. Says what is wrong,
/// if anything is, in one line on stderr.
[[nodiscard]] ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace shim
