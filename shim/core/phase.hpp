#pragma once

#include <cstdint>
#include <string_view>

namespace shim {

/// Where the link to the backend stands (contract 4.1).
enum class Phase : std::uint8_t {
  waiting,     ///< between two attempts; the reconnect timer is armed
  connecting,  ///< lookup, TCP, TLS, opening handshake
  validating,  ///< open; the first ping is out
  resuming,    ///< validated; the new link is being told what the session is
  ready,       ///< host traffic flows
  stopped,     ///< the shim is ending
};

[[nodiscard]] constexpr std::string_view name(Phase phase) {
  switch (phase) {
    case Phase::waiting: return "waiting";
    case Phase::connecting: return "connecting";
    case Phase::validating: return "validating";
    case Phase::resuming: return "resuming";
    case Phase::ready: return "ready";
    case Phase::stopped: return "stopped";
  }
  return "?";
}

/// The legal moves. Whatever the phase, a failure leads to waiting: nothing ever gives up.
[[nodiscard]] constexpr bool may_move(Phase from, Phase to) {
  if (to == Phase::stopped) return from != Phase::stopped;
  switch (from) {
    case Phase::waiting: return to == Phase::connecting;
    case Phase::connecting: return to == Phase::validating || to == Phase::waiting;
    case Phase::validating: return to == Phase::resuming || to == Phase::waiting;
    case Phase::resuming: return to == Phase::ready || to == Phase::waiting;
    case Phase::ready: return to == Phase::waiting;
    case Phase::stopped: return false;
  }
  return false;
}

static_assert(!may_move(Phase::connecting, Phase::ready));  // no traffic before the first pong
static_assert(!may_move(Phase::validating,
                        Phase::ready));  // and none before the session is resumed
static_assert(!may_move(Phase::stopped, Phase::connecting));

}  // namespace shim
