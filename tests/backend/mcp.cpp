#include "mcp.hpp"

#include <algorithm>
#include <charconv>

#include "catalog.hpp"

namespace backend {
namespace {

constexpr int kInvalidRequest = -32600;
constexpr int kMethodNotFound = -32601;
constexpr int kInvalidParams = -32602;
constexpr int kUnsupportedVersion = -32004;
constexpr int kNoSuchResource = -32002;

Json notification(const std::string& method, Json params) {
  Json message = {{"jsonrpc", "2.0"}, {"method", method}};
  if (!params.is_null()) message["params"] = std::move(params);
  return message;
}

bool valid_id(const Json& id) { return id.is_string() || id.is_number(); }

}  // namespace

Json error_message(const Json& id, int code, const std::string& text) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", text}}}};
}

Mcp::Mcp(McpConfig config) : config_(std::move(config)) {}

void Mcp::on_open(ConnId conn, const Faults& faults, Json headers) {
  Session& session = sessions_[conn];
  session.faults = &faults;
  session.headers = std::move(headers);
}

void Mcp::on_close(ConnId conn) {
  sessions_.erase(conn);
  std::erase_if(sleeping_, [&](const auto& item) { return item.second.conn == conn; });
  std::erase_if(asked_, [&](const auto& item) { return item.first.first == conn; });
}

void Mcp::on_message(ConnId conn, const Json& message, Effects& effects) {
  if (!sessions_.contains(conn)) return;
  if (message.is_array()) {
    for (const Json& element : message) on_message(conn, element, effects);
    return;
  }
  const Json& id = member(message, "id");
  const Json& method = member(message, "method");
  if (method.is_string()) {
    const std::string name = method.get<std::string>();
    const Json& params = member(message, "params");
    if (!message.contains("id")) {
      if (!config_.echo_any) on_notification(conn, name, params, effects);
      return;
    }
    const bool modern = config_.era == Era::modern ||
                        (config_.era == Era::dual && member(params, "_meta").contains(kVersionKey));
    const Call call{conn, id, name, params, modern};
    if (member(message, "jsonrpc") != "2.0" || !valid_id(id)) {
      effects.push_back(effect::Answer{conn, "",
                                       error_message(valid_id(id) ? id : Json(), kInvalidRequest,
                                                     "Not a JSON-RPC 2.0 request")});
    } else {
      on_request(call, effects);
    }
  } else if (message.is_object() && (message.contains("result") || message.contains("error"))) {
    on_answer(conn, message, effects);
  } else {
    effects.push_back(effect::Answer{
        conn, "",
        error_message(valid_id(id) ? id : Json(), kInvalidRequest, "Not a JSON-RPC message")});
  }
}

void Mcp::on_request(const Call& call, Effects& effects) {
  static const std::map<std::string, Handler> kBoth = {
      {"tools/list", &Mcp::tools_list},         {"tools/call", &Mcp::tools_call},
      {"resources/list", &Mcp::resources_list}, {"resources/read", &Mcp::resources_read},
      {"prompts/list", &Mcp::prompts_list},     {"prompts/get", &Mcp::prompts_get},
      {"completion/complete", &Mcp::complete},  {"resources/templates/list", &Mcp::templates_list},
  };
  static const std::map<std::string, Handler> kLegacy = {
      {"initialize", &Mcp::initialize},
      {"ping", &Mcp::ping},
      {"logging/setLevel", &Mcp::set_level},
      {"resources/subscribe", &Mcp::subscribe},
      {"resources/unsubscribe", &Mcp::unsubscribe},
  };
  static const std::map<std::string, Handler> kModern = {
      {"server/discover", &Mcp::discover},
      {"subscriptions/listen", &Mcp::listen},
  };

  if (config_.echo_any) {
    effects.push_back(
        effect::Answer{call.conn,
                       call.method,
                       {{"jsonrpc", "2.0"}, {"id", call.id}, {"result", {{"echo", call.params}}}}});
    return;
  }
  const auto& own = call.modern ? kModern : kLegacy;
  auto found = own.find(call.method);
  const bool known = found != own.end() || (found = kBoth.find(call.method)) != kBoth.end();
  // A modern server knows no initialize, whether or not that carries _meta.
  if (call.modern && !known) {
    error(call, kMethodNotFound, "Method not found: " + call.method, effects);
    return;
  }
  if (!(call.modern ? admit_modern(call, effects) : admit_legacy(call, effects))) return;
  if (!known) {
    error(call, kMethodNotFound, "Method not found: " + call.method, effects);
    return;
  }
  (this->*found->second)(call, effects);
}

bool Mcp::admit_legacy(const Call& call, Effects& effects) {
  const Session& session = sessions_.at(call.conn);
  if (call.method == "initialize" || call.method == "ping" || session.initialized) return true;
  error(call, kInvalidRequest,
        session.initialize_answered ? "initialized notification missing" : "Server not initialized",
        effects);
  return false;
}

bool Mcp::admit_modern(const Call& call, Effects& effects) {
  const Json& version = member(member(call.params, "_meta"), kVersionKey);
  if (version == kModernVersion) return true;
  if (version.is_string()) {
    Json message = error_message(call.id, kUnsupportedVersion, "Unsupported protocol version");
    message["error"]["data"] = {{"supported", Json::array({kModernVersion})},
                                {"requested", version}};
    effects.push_back(effect::Answer{call.conn, call.method, std::move(message)});
  } else {
    error(call, kInvalidParams, std::string("_meta lacks ") + kVersionKey, effects);
  }
  return false;
}

void Mcp::result(const Call& call, Json value, Effects& effects) const {
  if (call.modern) {
    value["resultType"] = "complete";
    value["_meta"][kServerInfoKey] = {{"name", config_.server_name},
                                      {"version", config_.server_version}};
  }
  Json message = {{"jsonrpc", "2.0"}, {"id", call.id}};
  message["result"] = std::move(value);
  effects.push_back(effect::Answer{call.conn, call.method, std::move(message)});
}

void Mcp::cacheable(const Call& call, Json value, Effects& effects) const {
  if (call.modern) {
    value["ttlMs"] = 0;
    value["cacheScope"] = "private";
  }
  result(call, std::move(value), effects);
}

void Mcp::error(const Call& call, int code, const std::string& message, Effects& effects) const {
  effects.push_back(effect::Answer{call.conn, call.method, error_message(call.id, code, message)});
}

void Mcp::on_notification(ConnId conn, const std::string& method, const Json& params,
                          Effects& effects) {
  if (method == "notifications/initialized") on_initialized(conn, effects);
  if (method == "notifications/cancelled") on_cancelled(conn, member(params, "requestId"));
}

void Mcp::on_initialized(ConnId conn, Effects& effects) {
  Session& session = sessions_.at(conn);
  if (!session.initialize_answered || session.initialized) return;
  session.initialized = true;
  if (session.faults->host_request_on_open) {
    effects.push_back(
        effect::Send{conn, {{"jsonrpc", "2.0"}, {"id", 0}, {"method", "roots/list"}}});
  }
  for (long n = 0; n < session.faults->notify_flood.value_or(0); ++n) {
    log(conn, "info", "flood", {{"n", n}}, effects);
  }
}

void Mcp::on_cancelled(ConnId conn, const Json& id) {
  const auto is_it = [&](const auto& item) {
    return item.second.conn == conn && item.second.id == id;
  };
  std::erase_if(sleeping_, is_it);
  std::erase_if(asked_, is_it);
  std::erase_if(sessions_.at(conn).listens, [&](const Listen& listen) { return listen.id == id; });
}

void Mcp::on_answer(ConnId conn, const Json& message, Effects& effects) {
  const auto found = asked_.find({conn, to_text(member(message, "id"))});
  if (found == asked_.end()) return;
  const Waiting waiting = std::move(found->second);
  asked_.erase(found);
  const std::string method = "tools/call";
  text(Call{conn, waiting.id, method, Json(), waiting.modern}, to_text(message), effects);
}

void Mcp::log(ConnId conn, const std::string& level, const std::string& logger, const Json& data,
              Effects& effects) const {
  const auto session = sessions_.find(conn);
  if (session == sessions_.end()) return;
  const std::string& wanted = session->second.log_level;
  if (!wanted.empty() && level_number(level) < level_number(wanted)) return;
  effects.push_back(
      effect::Send{conn, notification("notifications/message",
                                      {{"level", level}, {"logger", logger}, {"data", data}})});
}

void Mcp::initialize(const Call& call, Effects& effects) {
  Session& session = sessions_.at(call.conn);
  if (session.faults->init_silent) return;
  if (session.faults->init_error) {
    error(call, -32603, "initialize fails, as asked for", effects);
    return;
  }
  const Json& requested = member(call.params, "protocolVersion");
  if (!requested.is_string()) {
    error(call, kInvalidParams, "initialize needs a protocolVersion", effects);
    return;
  }
  std::string version = requested.get<std::string>();
  if (!known_legacy_version(version)) version = config_.protocol_version;
  if (!config_.force_version.empty()) version = config_.force_version;

  // A second initialize on the same connection starts over.
  session.initialize_answered = true;
  session.initialized = false;
  const Json list_changed = {{"listChanged", true}};
  result(call,
         {{"protocolVersion", version},
          {"capabilities",
           {{"tools", list_changed},
            {"prompts", list_changed},
            {"resources", {{"subscribe", true}, {"listChanged", true}}},
            {"logging", Json::object()},
            {"completions", Json::object()}}},
          {"serverInfo", {{"name", config_.server_name}, {"version", config_.server_version}}},
          {"instructions", "A test backend."}},
         effects);
}

void Mcp::ping(const Call& call, Effects& effects) { result(call, Json::object(), effects); }

void Mcp::discover(const Call& call, Effects& effects) {
  cacheable(call,
            {{"supportedVersions", Json::array({kModernVersion})},
             {"capabilities",
              {{"tools", {{"listChanged", true}}},
               {"prompts", {{"listChanged", true}}},
               {"resources", {{"listChanged", true}, {"subscribe", true}}},
               {"logging", Json::object()}}},
             {"instructions", "A test backend."}},
            effects);
}

void Mcp::listen(const Call& call, Effects& effects) {
  Json filter = member(call.params, "notifications");
  if (!filter.is_object()) {
    error(call, kInvalidParams, "subscriptions/listen needs notifications", effects);
    return;
  }
  sessions_.at(call.conn).listens.push_back({call.id, filter});
  effects.push_back(effect::Send{
      call.conn,
      notification("notifications/subscriptions/acknowledged",
                   {{"notifications", filter}, {"_meta", {{kSubscriptionKey, call.id}}}})});
}

void Mcp::set_level(const Call& call, Effects& effects) {
  const std::string level = string_or(member(call.params, "level"), "");
  if (level_number(level) < 0) {
    error(call, kInvalidParams, "Unknown log level", effects);
    return;
  }
  sessions_.at(call.conn).log_level = level;
  result(call, Json::object(), effects);
}

void Mcp::subscribe(const Call& call, Effects& effects) {
  const std::string uri = string_or(member(call.params, "uri"), "");
  if (resource_contents(uri).is_null()) {
    error(call, kNoSuchResource, "Resource not found: " + uri, effects);
    return;
  }
  sessions_.at(call.conn).subscriptions.insert(uri);
  result(call, Json::object(), effects);
}

void Mcp::unsubscribe(const Call& call, Effects& effects) {
  sessions_.at(call.conn).subscriptions.erase(string_or(member(call.params, "uri"), ""));
  result(call, Json::object(), effects);
}

void Mcp::tools_list(const Call& call, Effects& effects) {
  const Json tools = all_tools(config_.extra_tools);
  if (config_.page_size == 0) {
    cacheable(call, {{"tools", tools}}, effects);
    return;
  }
  std::size_t start = 0;
  if (const Json& cursor = member(call.params, "cursor"); !cursor.is_null()) {
    const std::string text = string_or(cursor, "");
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), start);
    if (bad != std::errc() || end != text.data() + text.size() || start >= tools.size()) {
      error(call, kInvalidParams, "Invalid cursor", effects);
      return;
    }
  }
  const std::size_t end = std::min(tools.size(), start + config_.page_size);
  Json page = {{"tools", Json::array()}};
  for (std::size_t i = start; i < end; ++i) page["tools"].push_back(tools[i]);
  if (end < tools.size()) page["nextCursor"] = std::to_string(end);
  cacheable(call, std::move(page), effects);
}

void Mcp::prompts_list(const Call& call, Effects& effects) {
  cacheable(call, {{"prompts", all_prompts()}}, effects);
}

void Mcp::prompts_get(const Call& call, Effects& effects) {
  Json messages =
      prompt_messages(string_or(member(call.params, "name"), ""), member(call.params, "arguments"));
  if (messages.is_null()) {
    error(call, kInvalidParams, "Prompt not found", effects);
  } else {
    result(call, {{"messages", std::move(messages)}}, effects);
  }
}

void Mcp::resources_list(const Call& call, Effects& effects) {
  cacheable(call, {{"resources", all_resources()}}, effects);
}

void Mcp::resources_read(const Call& call, Effects& effects) {
  const std::string uri = string_or(member(call.params, "uri"), "");
  Json contents = resource_contents(uri);
  if (contents.is_null()) {
    error(call, kNoSuchResource, "Resource not found: " + uri, effects);
  } else {
    cacheable(call, {{"contents", std::move(contents)}}, effects);
  }
}

void Mcp::templates_list(const Call& call, Effects& effects) {
  cacheable(call, {{"resourceTemplates", all_templates()}}, effects);
}

void Mcp::complete(const Call& call, Effects& effects) {
  const std::string typed = string_or(member(member(call.params, "argument"), "value"), "");
  Json values = Json::array();
  for (const char* value : {"Engineering", "Sales", "Support"}) {
    if (std::string(value).starts_with(typed)) values.push_back(value);
  }
  const std::size_t total = values.size();
  result(call,
         {{"completion", {{"values", std::move(values)}, {"total", total}, {"hasMore", false}}}},
         effects);
}

}  // namespace backend
