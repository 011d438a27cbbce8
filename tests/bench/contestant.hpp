#pragma once

#include <string>
#include <vector>

namespace bench {

/// Something that carries lines to a backend.
struct Contestant {
  enum class Wire { websocket, lines };

  Contestant(std::string name_, std::vector<std::string> command_)
      : name(std::move(name_)), command(std::move(command_)) {}

  std::string name;
  /// {url} and {port} are replaced. Empty: the driver is the client itself.
  std::vector<std::string> command;
  Wire wire = Wire::websocket;
  bool is_shim = false;
  bool loses_early_lines = false;  // what comes before it is connected
  std::string skipped;             // why it cannot take part; empty: it does

  [[nodiscard]] bool is_direct() const { return command.empty(); }
};

inline constexpr const char* direct_name = "direct";

/// A shim to be measured, `--shim NAME=PATH`. Ratios are to the first one.
struct Shim {
  std::string name;
  std::string program;
};

/// Direct, the shims, and whatever of the others is installed here. `folder` holds the programs of
/// contestants that are only a library.
[[nodiscard]] std::vector<Contestant> contestants(const std::vector<Shim>& shims,
                                                  const std::string& folder);

}  // namespace bench
