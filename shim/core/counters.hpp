#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/time.hpp"
#include "shim/core/answers.hpp"

namespace shim {

/// Why a message was dropped instead of passed on.
enum class Drop : std::uint8_t {
  unknown_answer,       ///< from the backend, to nothing that is in flight on this link
  unknown_progress,     ///< for a token that is not pending
  bad_backend_message,  ///< not strict JSON-RPC, or too long
  binary_frame,
  stale_host_answer,  ///< of the host, to a request of a link that is gone
  bad_host_answer,
  unknown_cancel,           ///< of a request that is not pending
  unsendable_notification,  ///< of the host, with no room to wait or nobody it could concern
  unexpected_request,       ///< of the backend: modern era, or too many open at once
  count,
};

[[nodiscard]] constexpr std::string_view name(Drop drop) {
  switch (drop) {
    case Drop::unknown_answer: return "answer to nothing in flight";
    case Drop::unknown_progress: return "progress for a token that is not pending";
    case Drop::bad_backend_message: return "invalid message from the backend";
    case Drop::binary_frame: return "binary frame";
    case Drop::stale_host_answer: return "host's answer to a request of a lost link";
    case Drop::bad_host_answer: return "malformed answer of the host";
    case Drop::unknown_cancel: return "cancellation of a request that is not pending";
    case Drop::unsendable_notification: return "notification of the host that cannot be kept";
    case Drop::unexpected_request: return "request of the backend that cannot be passed on";
    case Drop::count: break;
  }
  return "?";
}

/// The same as a key for programs.
[[nodiscard]] constexpr std::string_view key(Drop drop) {
  switch (drop) {
    case Drop::unknown_answer: return "unknown-answer";
    case Drop::unknown_progress: return "unknown-progress";
    case Drop::bad_backend_message: return "bad-backend-message";
    case Drop::binary_frame: return "binary-frame";
    case Drop::stale_host_answer: return "stale-host-answer";
    case Drop::bad_host_answer: return "bad-host-answer";
    case Drop::unknown_cancel: return "unknown-cancel";
    case Drop::unsendable_notification: return "unsendable-notification";
    case Drop::unexpected_request: return "unexpected-request";
    case Drop::count: break;
  }
  return "?";
}

/// What has happened so far. Only ever counts up.
struct Counters {
  std::uint64_t host_messages = 0;
  std::uint64_t host_bytes = 0;
  std::uint64_t backend_messages = 0;
  std::uint64_t backend_bytes = 0;
  std::uint64_t links_ready = 0;
  std::uint64_t replays = 0;
  std::uint64_t heartbeats = 0;
  std::uint64_t filtered_logs = 0;  ///< log messages below the level the host has asked for
  std::uint64_t keepalives = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(Reason::count)> settled{};
  std::array<std::uint64_t, static_cast<std::size_t>(Drop::count)> dropped{};

  bool operator==(const Counters&) const = default;

  /// Links that became ready after the first that did.
  [[nodiscard]] std::uint64_t reconnects() const { return links_ready > 0 ? links_ready - 1 : 0; }
  [[nodiscard]] std::uint64_t of(Reason reason) const {
    return settled[static_cast<std::size_t>(reason)];
  }

  [[nodiscard]] std::uint64_t of(Drop drop) const {
    return dropped[static_cast<std::size_t>(drop)];
  }
};

/// Lets a repeated line through at most once per period, and counts what it held back.
class RateLimit {
 public:
  /// How many were held back since the last one let through, if this one may pass.
  [[nodiscard]] std::optional<std::uint64_t> pass(TimePoint now) {
    if (last_ && now - *last_ < period) {
      ++held_back_;
      return std::nullopt;
    }
    last_ = now;
    const std::uint64_t held_back = held_back_;
    held_back_ = 0;
    return held_back;
  }

 private:
  static constexpr Duration period = std::chrono::seconds(10);
  std::optional<TimePoint> last_;
  std::uint64_t held_back_ = 0;
};

}  // namespace shim
