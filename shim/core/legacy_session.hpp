#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace shim {

/// What a new link must be told so that a restarted backend knows the session of a legacy-era host
/// (contract 5.1; MCP 2025-11-25, Lifecycle). Remembers raw JSON; sends nothing itself.
class LegacySession {
 public:
  /// Subscriptions remembered at most; further ones work but do not survive a restart.
  static constexpr std::size_t subscriptions_max = 4096;

  /// The host has sent `initialize`: a new session begins and replaces what was known.
  void begin(std::string initialize_text);

  /// The backend has answered it with a result of this protocol version (a raw JSON string).
  void established(std::string_view protocol_version);

  void host_initialized() { host_initialized_ = true; }
  void level_set(std::string_view params) { level_params_ = params; }
  /// Returns false if there is no room to remember it.
  [[nodiscard]] bool subscribed(std::string_view uri, std::string_view params);
  void unsubscribed(std::string_view uri) { subscriptions_.erase(std::string(uri)); }

  /// Whether a new link has to be told anything.
  [[nodiscard]] bool is_established() const { return !protocol_version_.empty(); }
  [[nodiscard]] const std::string& protocol_version() const { return protocol_version_; }
  /// Whether the host has sent `notifications/initialized`.
  [[nodiscard]] bool is_initialized() const { return host_initialized_; }

  /// The host's own `initialize`, byte for byte but for the id (raw JSON) and the protocol version,
  /// which becomes the one that was negotiated with the host.
  [[nodiscard]] std::string resume_initialize(std::string_view id) const;

  /// One request that is to be sent once the backend has accepted `initialize` again.
  struct Step {
    std::string method;
    std::string params;
  };
  [[nodiscard]] std::vector<Step> steps() const;

 private:
  std::string initialize_text_;
  std::string protocol_version_;
  bool host_initialized_ = false;
  std::string level_params_;                          ///< params of the last logging/setLevel
  std::map<std::string, std::string> subscriptions_;  ///< URI to params of its subscribe
};

}  // namespace shim
