#include "common/mcp.hpp"

#include <algorithm>
#include <array>

#include "common/jsonrpc.hpp"

namespace shim::mcp {
namespace {

struct Entry {
  std::string_view name;
  Method method;
};

/// Sorted by name.
constexpr std::array<Entry, 21> entries{{
    {"completion/complete", Method::complete},
    {"initialize", Method::initialize},
    {"logging/setLevel", Method::set_level},
    {"notifications/cancelled", Method::cancelled},
    {"notifications/initialized", Method::initialized},
    {"notifications/message", Method::log_message},
    {"notifications/progress", Method::progress},
    {"notifications/roots/list_changed", Method::roots_list_changed},
    {"notifications/subscriptions/acknowledged", Method::subscription_acknowledged},
    {"ping", Method::ping},
    {"prompts/get", Method::prompts_get},
    {"prompts/list", Method::prompts_list},
    {"resources/list", Method::resources_list},
    {"resources/read", Method::resources_read},
    {"resources/subscribe", Method::resources_subscribe},
    {"resources/templates/list", Method::resources_templates_list},
    {"resources/unsubscribe", Method::resources_unsubscribe},
    {"server/discover", Method::discover},
    {"subscriptions/listen", Method::listen},
    {"tools/call", Method::tools_call},
    {"tools/list", Method::tools_list},
}};

static_assert(std::ranges::is_sorted(entries, {}, &Entry::name));

}  // namespace

Method method(std::string_view name) {
  const auto* const found = std::ranges::lower_bound(entries, name, {}, &Entry::name);
  return found != entries.end() && found->name == name ? found->method : Method::other;
}

bool is_repeatable(Method method) {
  switch (method) {
    case Method::complete:
    case Method::discover:
    case Method::ping:
    case Method::prompts_get:
    case Method::prompts_list:
    case Method::resources_list:
    case Method::resources_read:
    case Method::resources_subscribe:
    case Method::resources_templates_list:
    case Method::resources_unsubscribe:
    case Method::set_level:
    case Method::tools_list: return true;
    case Method::other:
    case Method::cancelled:
    case Method::initialize:
    case Method::initialized:
    case Method::listen:
    case Method::log_message:
    case Method::progress:
    case Method::roots_list_changed:
    case Method::subscription_acknowledged:
    case Method::tools_call: return false;
  }
  return false;
}

bool never_initializes(std::string_view error_code) {
  return error_code == "-32601" || error_code == "-32602" || error_code == "-32022" ||
         error_code == "-32004";
}

int log_severity(std::string_view level) {
  constexpr std::array<std::string_view, 8> levels{"debug", "info",     "notice", "warning",
                                                   "error", "critical", "alert",  "emergency"};
  const auto* const found = std::ranges::find(levels, level);
  return found == levels.end() ? -1 : static_cast<int>(found - levels.begin());
}

std::string cancelled(std::string_view id, std::string_view reason) {
  std::string params = R"({"requestId":)";
  params += id;
  if (!reason.empty()) params += R"(,"reason":)" + jsonrpc::quote(reason);
  return jsonrpc::notification("notifications/cancelled", params += '}');
}

}  // namespace shim::mcp
