#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/backoff.hpp"
#include "common/time.hpp"

namespace shim {

enum class Replay : std::uint8_t { safe, never, always };
enum class ToolErrors : std::uint8_t { result, error };
enum class Protocol : std::uint8_t { automatic, mcp, jsonrpc };
/// How the host is told that a request is still being worked on (contract 8).
struct KeepaliveModes {
  bool progress = true;
  bool log = false;
  bool whitespace = false;
};
enum class Offline : std::uint8_t { cache, wait };

/// What the core needs to know of the options (contract 2), with their defaults.
struct Settings {
  /// What to call each endpoint in logs, in order of preference; at least one. No secrets.
  std::vector<std::string> endpoints;

  Duration connect_timeout = std::chrono::seconds(10);
  Duration validate_timeout = std::chrono::seconds(5);
  Duration resume_timeout = std::chrono::seconds(10);
  BackoffPolicy backoff;
  Duration min_uptime = std::chrono::seconds(5);
  Duration ping_interval = std::chrono::seconds(15);  ///< zero: no pings after the first
  Duration pong_timeout = std::chrono::seconds(10);
  Duration stall_timeout = std::chrono::seconds(120);     ///< zero: never
  Duration busy_timeout = std::chrono::seconds(600);      ///< zero: never
  Duration heartbeat_timeout = std::chrono::seconds(30);  ///< zero: never
  bool forward_heartbeats = false;
  bool request_heartbeats = false;
  bool has_health_file = false;
  Duration health_max_age = std::chrono::seconds(120);
  Duration queue_timeout = std::chrono::seconds(45);  ///< zero: wait for ever
  std::size_t queue_max = 1024;                       ///< messages
  std::size_t queue_bytes = std::size_t{16} << 20U;
  std::size_t max_message = std::size_t{64} << 20U;  ///< only named in error texts here
  Duration drain_timeout = std::chrono::seconds(2);
  Duration request_timeout{};  ///< zero: none
  KeepaliveModes keepalive{};
  Duration keepalive_interval = std::chrono::seconds(10);
  Replay replay = Replay::safe;
  ToolErrors tool_errors = ToolErrors::result;
  Protocol protocol = Protocol::automatic;
  Offline offline = Offline::cache;
  Duration init_grace = std::chrono::milliseconds(2500);
  Duration init_timeout = std::chrono::seconds(15);
  bool trace_messages = false;  ///< log the head of each message at level trace
  std::string shim_version{};   ///< for the server info of an answer of our own
  /// What is to be shown of a printable text of the backend's; empty: all of it.
  std::function<std::string(std::string)> without_secrets{};
};

}  // namespace shim
