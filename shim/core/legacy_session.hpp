#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/core/lists.hpp"

namespace shim {

/// What an `initialize` result says that matters to the shim.
struct InitializeFacts {
  std::string protocol_version;                          ///< raw JSON string
  std::array<bool, list_kinds.size()> has_list{};        ///< the capability is there
  std::array<bool, list_kinds.size()> announces_list{};  ///< with `listChanged: true`
  bool has_logging = false;

  /// nullopt if it names no protocol version. `result` is valid raw JSON.
  [[nodiscard]] static std::optional<InitializeFacts> read(std::string_view result);
};

/// What a new link must be told so that a restarted backend knows the session of a legacy-era host
/// (contract 5.1; MCP 2025-11-25, Lifecycle). Remembers raw JSON; sends nothing itself.
class LegacySession {
 public:
  /// Subscriptions remembered at most; further ones work but do not survive a restart.
  static constexpr std::size_t subscriptions_max = 4096;
  /// Bytes of their URIs and parameters, likewise.
  static constexpr std::size_t subscription_bytes_max = std::size_t{4} << 20U;

  /// The host has sent `initialize`: a new session begins and replaces what was known.
  void begin(std::string requested_version);

  /// The host has been given this result of this `initialize` of its, by the backend or from the
  /// cache.
  void established(std::string initialize_text, InitializeFacts told);

  void host_initialized() { host_initialized_ = true; }
  void level_set(std::string_view params) { level_params_ = params; }
  /// Returns false if there is no room to remember it.
  [[nodiscard]] bool subscribed(std::string_view uri, std::string_view params);
  void unsubscribed(std::string_view uri);

  /// Whether a new link has to be told anything.
  [[nodiscard]] bool is_established() const { return told_.has_value(); }
  /// The negotiated version, a raw JSON string; only of an established session.
  [[nodiscard]] const std::string& protocol_version() const { return told_->protocol_version; }
  /// Whether the host was told that it will hear of changes of this list.
  [[nodiscard]] bool announces(ListKind kind) const {
    return told_ && told_->announces_list[static_cast<std::size_t>(kind)];
  }
  /// Whether the host was told that there are log messages.
  [[nodiscard]] bool has_logging() const { return told_ && told_->has_logging; }
  /// The log level that the host has set, else `info`.
  [[nodiscard]] std::string log_level() const;
  /// The version that the host asked for, without quotes; empty before `initialize`.
  [[nodiscard]] const std::string& requested_version() const { return requested_version_; }
  /// Whether the host has sent `notifications/initialized`.
  [[nodiscard]] bool is_initialized() const { return host_initialized_; }

  /// The host's own `initialize`, byte for byte but for the id (raw JSON) and the protocol version,
  /// which becomes the one that was negotiated with the host.
  [[nodiscard]] std::string resume_initialize(std::string_view id) const;

  /// One request that is to be sent once the backend has accepted `initialize` again.
  struct Step {
    std::string_view method;  ///< a literal
    std::string params;
  };
  [[nodiscard]] std::vector<Step> steps() const;

 private:
  std::string initialize_text_;
  std::string requested_version_;
  std::optional<InitializeFacts> told_;
  bool host_initialized_ = false;
  std::string level_params_;                          ///< params of the last logging/setLevel
  std::map<std::string, std::string> subscriptions_;  ///< URI to params of its subscribe
  std::size_t subscription_bytes_ = 0;
};

}  // namespace shim
