#pragma once

#include <string>
#include <vector>

#include "json.hpp"

namespace backend {

inline constexpr const char* kModernVersion = "2026-07-28";
inline constexpr const char* kVersionKey = "io.modelcontextprotocol/protocolVersion";
inline constexpr const char* kSubscriptionKey = "io.modelcontextprotocol/subscriptionId";
inline constexpr const char* kServerInfoKey = "io.modelcontextprotocol/serverInfo";

[[nodiscard]] bool known_legacy_version(const std::string& version);
/// 0 debug ... 7 emergency; -1 for anything else.
[[nodiscard]] int level_number(const std::string& level);

// The fixed data this server serves.
[[nodiscard]] Json all_tools(const std::vector<std::string>& extra);
[[nodiscard]] Json all_prompts();
[[nodiscard]] Json all_resources();
[[nodiscard]] Json all_templates();
/// Null if there is no such resource.
[[nodiscard]] Json resource_contents(const std::string& uri);
/// Null if there is no such prompt.
[[nodiscard]] Json prompt_messages(const std::string& name, const Json& arguments);

}  // namespace backend
