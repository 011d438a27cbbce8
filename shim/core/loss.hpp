#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.hpp"

namespace shim {

/// Why an attempt failed or a link was lost.
enum class Cause : std::uint8_t {
  token,  ///< the token file cannot be used as it is now
  lookup_failed,
  unreachable,
  refused,
  connect_timeout,
  tls,
  certificate,
  http_status,    ///< the upgrade was answered with another status than 101
  not_websocket,  ///< what answered does not speak the opening handshake
  subprotocol,
  reset,
  closed,
  validate_timeout,
  resume_timeout,
  resume_refused,
  incompatible,
  no_pong,    ///< nothing in flight, and no byte since a ping
  path_dead,  ///< the kernel got no acknowledgement from the other side
  replaced,   ///< silent, and the health file names another process
  stalled,    ///< silent for too long with requests in flight
  wedged,     ///< pongs come, heartbeats do not
  internal,   ///< this machine refused us something (descriptors, memory)
};

[[nodiscard]] constexpr std::string_view name(Cause cause) {
  switch (cause) {
    case Cause::token: return "token";
    case Cause::lookup_failed: return "lookup-failed";
    case Cause::unreachable: return "unreachable";
    case Cause::refused: return "refused";
    case Cause::connect_timeout: return "connect-timeout";
    case Cause::tls: return "tls";
    case Cause::certificate: return "certificate";
    case Cause::http_status: return "http-status";
    case Cause::not_websocket: return "not-websocket";
    case Cause::subprotocol: return "subprotocol";
    case Cause::reset: return "reset";
    case Cause::closed: return "closed";
    case Cause::validate_timeout: return "validate-timeout";
    case Cause::resume_timeout: return "resume-timeout";
    case Cause::resume_refused: return "resume-refused";
    case Cause::incompatible: return "incompatible";
    case Cause::no_pong: return "no-pong";
    case Cause::path_dead: return "path-dead";
    case Cause::replaced: return "replaced";
    case Cause::stalled: return "stalled";
    case Cause::wedged: return "wedged";
    case Cause::internal: return "internal";
  }
  return "?";
}

/// All that is known about one loss. Plain data.
struct Loss {
  Cause cause = Cause::closed;
  std::string detail{};                   ///< for people; printable ASCII, no secrets
  int status = 0;                         ///< the HTTP status, for Cause::http_status
  std::optional<Duration> retry_after{};  ///< what a 429 or 503 asked for, at most 60 s
};

/// Whether waiting cannot mend it and a person has to (contract 4.2).
[[nodiscard]] constexpr bool needs_a_person(const Loss& loss) {
  switch (loss.cause) {
    case Cause::certificate:
    case Cause::subprotocol:
    case Cause::incompatible: return true;
    case Cause::http_status: return loss.status == 401 || loss.status == 403 || loss.status == 404;
    case Cause::token:
    case Cause::lookup_failed:
    case Cause::unreachable:
    case Cause::refused:
    case Cause::connect_timeout:
    case Cause::tls:
    case Cause::not_websocket:
    case Cause::reset:
    case Cause::closed:
    case Cause::validate_timeout:
    case Cause::resume_timeout:
    case Cause::resume_refused:
    case Cause::no_pong:
    case Cause::path_dead:
    case Cause::replaced:
    case Cause::stalled:
    case Cause::wedged:
    case Cause::internal: return false;
  }
  return false;
}

}  // namespace shim
