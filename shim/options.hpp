#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/url.hpp"
#include "shim/core/settings.hpp"
#include "shim/io/log.hpp"

namespace shim {

/// The command line and the environment, validated (contract 2): whatever is in here can be used
/// without a further check.
struct Options {
  std::vector<Url> endpoints;                                ///< at least one
  std::vector<std::pair<std::string, std::string>> headers;  ///< name, value
  std::string subprotocol;
  std::string ca_file;
  std::string health_file;  ///< set exactly if core.has_health_file
  std::string cache_dir;    ///< empty: nothing is cached
  Settings core;
  Log::Options log;
};

struct ParsedOptions {
  std::optional<Options> options;  ///< absent: end with `exit_status`
  int exit_status = 0;             ///< 0 after --help and --version, 2 after a usage error
};

/// Parses the arguments. Prints help, version, or one line about what is wrong.
[[nodiscard]] ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace shim
