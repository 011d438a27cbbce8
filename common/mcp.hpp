#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// What MCP gives a meaning that matters to the shim: method names, and what goes with them.
namespace shim::mcp {

enum class Method : std::uint8_t {
  other,
  cancelled,
  complete,
  discover,
  initialize,
  initialized,
  listen,
  log_message,
  ping,
  progress,
  prompts_get,
  prompts_list,
  resources_list,
  resources_read,
  resources_subscribe,
  resources_templates_list,
  resources_unsubscribe,
  roots_list_changed,
  subscription_acknowledged,
  set_level,
  tools_call,
  tools_list,
};

/// The first version of the modern era, and so far the only one.
inline constexpr std::string_view modern_version = "2026-07-28";

/// Method::other for every name without a special meaning.
[[nodiscard]] Method method(std::string_view name);

/// Whether sending it twice does no more than sending it once, so that it may be sent again after a
/// link was lost (contract 5.3). True of what only reads, and of settings.
[[nodiscard]] bool is_repeatable(Method method);

/// Whether an error to `initialize` says that the backend will never accept it: it has no such
/// method (a server of the modern era only), or it does not know the protocol version (MCP
/// 2025-11-25, Lifecycle, and 2026-07-28, Versioning). `error_code` is raw JSON.
[[nodiscard]] bool never_initializes(std::string_view error_code);

/// The severity of a log level by name, `debug` being 0 (MCP 2025-11-25, Logging; RFC 5424 the
/// other way round); -1 for a name that is no level.
[[nodiscard]] int log_severity(std::string_view level);

/// `notifications/cancelled` about the request `id`, which is raw JSON; without a reason if that is
/// empty (MCP 2025-11-25, Cancellation).
[[nodiscard]] std::string cancelled(std::string_view id, std::string_view reason = {});

}  // namespace shim::mcp
