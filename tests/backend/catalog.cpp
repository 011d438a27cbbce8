#include "catalog.hpp"

#include <algorithm>
#include <array>

namespace backend {
namespace {

Json schema(const Json& properties) { return {{"type", "object"}, {"properties", properties}}; }

Json tool(const char* name, const char* description, const Json& properties) {
  return {{"name", name}, {"description", description}, {"inputSchema", schema(properties)}};
}

Json read_only(Json tool) {
  tool["annotations"] = {{"readOnlyHint", true}};
  return tool;
}

Json echo_like(const std::string& name) {
  Json echo = tool(name.c_str(), "Returns its text",
                   {{"text", {{"type", "string"}}}, {"message", {{"type", "string"}}}});
  echo["annotations"] = {{"readOnlyHint", true}, {"idempotentHint", true}};
  return echo;
}

Json user_message(const std::string& text) {
  return {{"role", "user"}, {"content", {{"type", "text"}, {"text", text}}}};
}

}  // namespace

bool known_legacy_version(const std::string& version) {
  static constexpr std::array kKnown = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"};
  return std::find(kKnown.begin(), kKnown.end(), version) != kKnown.end();
}

int level_number(const std::string& level) {
  static constexpr std::array kLevels = {"debug", "info",     "notice", "warning",
                                         "error", "critical", "alert",  "emergency"};
  const auto found = std::find(kLevels.begin(), kLevels.end(), level);
  return found == kLevels.end() ? -1 : static_cast<int>(found - kLevels.begin());
}

Json all_tools(const std::vector<std::string>& extra) {
  const Json number = {{"type", "number"}};
  const Json text = {{"type", "string"}};
  const Json object = {{"type", "object"}};
  const Json list = {{"type", "array"}};
  const Json none = Json::object();
  Json tools = Json::array({
      echo_like("echo"),
      tool("sleep", "Answers later; other requests are served meanwhile",
           {{"ms", number}, {"progress_every_ms", number}}),
      tool("busy", "Blocks the whole server", {{"ms", number}, {"health", {{"type", "boolean"}}}}),
      read_only(tool("big", "Returns a text of this many bytes", {{"bytes", number}})),
      tool("fail", "Returns a result with isError", none),
      tool("error", "Is answered with a JSON-RPC error", {{"code", number}, {"message", text}}),
      tool("counter", "Increments a counter of the process and returns it", none),
      tool("crash", "Ends the process without an answer", none),
      tool("close", "Closes the WebSocket without an answer", {{"code", number}, {"reason", text}}),
      tool("ask_host", "Sends a request to the host and returns what it answered",
           {{"method", text}, {"params", object}, {"id", none}}),
      tool("notify", "Sends this notification", {{"method", text}, {"params", object}}),
      tool("log", "Sends a log message, if the level asked for allows it",
           {{"level", text}, {"logger", text}, {"data", none}}),
      read_only(tool("headers", "Returns the headers of this connection's upgrade request", none)),
      tool("touch_resource", "Sends resources/updated, if subscribed", {{"uri", text}}),
      tool("set_tools", "Adds tools and says so", {{"add", list}}),
      tool("end_subscriptions", "Ends this connection's, as a shutdown does",
           {{"cancel", {{"type", "boolean"}}}}),
  });
  for (const std::string& name : extra) tools.push_back(echo_like(name));
  return tools;
}

Json all_prompts() {
  return Json::array({{{"name", "simple-prompt"}, {"description", "A prompt with no arguments"}},
                      {{"name", "args-prompt"},
                       {"description", "A prompt with arguments"},
                       {"arguments", Json::array({{{"name", "city"}, {"required", true}},
                                                  {{"name", "state"}, {"required", false}}})}}});
}

Json all_resources() {
  return Json::array({{{"uri", "demo://one"}, {"name", "one"}, {"mimeType", "text/plain"}},
                      {{"uri", "demo://two"}, {"name", "two"}, {"mimeType", "text/markdown"}},
                      {{"uri", "config://app"}, {"name", "app"}, {"mimeType", "text/plain"}}});
}

Json all_templates() {
  return Json::array(
      {{{"name", "dynamic"}, {"uriTemplate", "demo://dynamic/{id}"}, {"mimeType", "text/plain"}}});
}

Json resource_contents(const std::string& uri) {
  const auto text_of = [&](const char* type, const std::string& text) -> Json {
    return Json::array({{{"uri", uri}, {"mimeType", type}, {"text", text}}});
  };
  if (uri == "demo://one") return text_of("text/plain", "the first resource");
  if (uri == "demo://two") return text_of("text/markdown", "# The second resource\n");
  if (uri == "config://app") return text_of("text/plain", "v");
  const std::string prefix = "demo://dynamic/";
  if (uri.starts_with(prefix)) return text_of("text/plain", "dynamic " + uri.substr(prefix.size()));
  return nullptr;
}

Json prompt_messages(const std::string& name, const Json& arguments) {
  if (name == "simple-prompt") return Json::array({user_message("A simple prompt")});
  if (name == "args-prompt") {
    return Json::array({user_message("What is the weather in " +
                                     string_or(member(arguments, "city"), "nowhere") + "?")});
  }
  return nullptr;
}

}  // namespace backend
