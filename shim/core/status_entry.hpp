#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.hpp"
#include "shim/core/report.hpp"

namespace shim {

/// What one status file says about one shim (contract 13). Plain data, no secrets.
struct StatusEntry {
  static constexpr std::size_t file_bytes_max = std::size_t{64} << 10U;

  /// Messages from one side and their bytes.
  struct Traffic {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };

  int pid = 0;
  std::uint64_t started = 0;  ///< the process's start, in clock ticks since boot; 0: not known
  std::string version;        ///< of the shim
  std::string url;            ///< of the present or latest attempt
  Phase phase = Phase::waiting;
  std::uint64_t epoch = 0;
  WallTime since;                        ///< when the phase began
  std::optional<WallTime> down_since{};  ///< since when there is no ready link; absent: there is
  std::uint64_t attempts = 0;
  std::string last_error;
  std::optional<Duration> ping{};
  std::uint64_t pending = 0;
  std::uint64_t queued = 0;
  std::string health;

  Traffic from_host;
  Traffic from_backend;
  std::uint64_t reconnects = 0;
  std::uint64_t replays = 0;
  std::uint64_t heartbeats = 0;
  std::uint64_t keepalives = 0;
  std::map<std::string, std::uint64_t> settled;  ///< by reason, all that there are
  std::map<std::string, std::uint64_t> dropped;  ///< by cause, likewise

  /// All that a report says; what it does not know stays as it is.
  void take(const Report& report);

  [[nodiscard]] bool ready() const { return phase == Phase::ready; }

  /// One JSON object in one line.
  [[nodiscard]] std::string serialise() const;

  /// nullopt if `text` is not what serialise() writes. Members that an older version did not write
  /// may be missing. All texts in the result are visible ASCII.
  [[nodiscard]] static std::optional<StatusEntry> parse(std::string_view text);
};

/// `2026-08-01T12:34:56.789Z`.
[[nodiscard]] std::string iso_8601(WallTime at);

}  // namespace shim
