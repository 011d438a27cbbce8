// The tools of Mcp. Each one's arguments are in README.md.

#include <algorithm>

#include "catalog.hpp"
#include "mcp.hpp"

namespace backend {
namespace {

constexpr long kTextBytesMax = 256L << 20;
constexpr long kMsMax = 24L * 3600 * 1000;

/// A tool call's arguments, or null.
const Json& arguments_of(const Json& params) { return member(params, "arguments"); }

Json text_result(const std::string& text) {
  return {{"content", Json::array({{{"type", "text"}, {"text", text}}})}};
}

/// What a real server would send along with a request of this method.
Json default_params(const std::string& method) {
  if (method == "sampling/createMessage") {
    return {{"messages",
             Json::array({{{"role", "user"}, {"content", {{"type", "text"}, {"text", "hi"}}}}})},
            {"maxTokens", 10}};
  }
  if (method == "elicitation/create") {
    return {
        {"mode", "form"},
        {"message", "Sure?"},
        {"requestedSchema", {{"type", "object"}, {"properties", {{"ok", {{"type", "boolean"}}}}}}}};
  }
  return nullptr;
}

}  // namespace

const std::map<std::string, Mcp::Handler>& Mcp::tools() {
  static const std::map<std::string, Handler> kTools = {
      {"echo", &Mcp::tool_echo},           {"sleep", &Mcp::tool_sleep},
      {"busy", &Mcp::tool_busy},           {"big", &Mcp::tool_big},
      {"fail", &Mcp::tool_fail},           {"error", &Mcp::tool_error},
      {"counter", &Mcp::tool_counter},     {"crash", &Mcp::tool_crash},
      {"close", &Mcp::tool_close},         {"ask_host", &Mcp::tool_ask_host},
      {"notify", &Mcp::tool_notify},       {"log", &Mcp::tool_log},
      {"headers", &Mcp::tool_headers},     {"touch_resource", &Mcp::tool_touch_resource},
      {"set_tools", &Mcp::tool_set_tools}, {"end_subscriptions", &Mcp::tool_end_subscriptions},
  };
  return kTools;
}

void Mcp::tools_call(const Call& call, Effects& effects) {
  const std::string name = string_or(member(call.params, "name"), "");
  const auto found = tools().find(name);
  const auto& extra = config_.extra_tools;
  const bool is_extra = std::find(extra.begin(), extra.end(), name) != extra.end();
  if (found == tools().end() && !is_extra) {
    error(call, -32602, "Tool " + name + " not found", effects);
    return;
  }
  effects.push_back(effect::Executed{call.conn, name, call.id});
  const Handler handler = found == tools().end() ? &Mcp::tool_echo : found->second;
  (this->*handler)(call, effects);
}

void Mcp::text(const Call& call, const std::string& text, Effects& effects) const {
  result(call, text_result(text), effects);
}

void Mcp::tool_echo(const Call& call, Effects& effects) {
  const Json& arguments = arguments_of(call.params);
  const Json& given =
      arguments.contains("text") ? member(arguments, "text") : member(arguments, "message");
  text(call, given.is_string() ? given.get<std::string>() : to_text(given), effects);
}

void Mcp::tool_sleep(const Call& call, Effects& effects) {
  const Json& arguments = arguments_of(call.params);
  Waiting waiting{.conn = call.conn,
                  .id = call.id,
                  .modern = call.modern,
                  .progress_token = member(member(call.params, "_meta"), "progressToken"),
                  .ms = number_or(member(arguments, "ms"), 0, 0, kMsMax)};
  const long every = number_or(member(arguments, "progress_every_ms"), 0, 0, kMsMax);
  waiting.step_ms =
      every > 0 && !waiting.progress_token.is_null() ? std::min(every, waiting.ms) : waiting.ms;
  const TimerId timer = ++last_timer_;
  effects.push_back(effect::StartTimer{timer, waiting.step_ms});
  sleeping_.emplace(timer, std::move(waiting));
}

void Mcp::on_timer(TimerId timer, Effects& effects) {
  const auto found = sleeping_.find(timer);
  if (found == sleeping_.end()) return;  // cancelled, or its connection is gone
  Waiting& waiting = found->second;
  waiting.elapsed_ms += waiting.step_ms;
  const bool reports = waiting.step_ms < waiting.ms || waiting.elapsed_ms > waiting.step_ms;
  if (reports) {
    effects.push_back(effect::Send{waiting.conn,
                                   {{"jsonrpc", "2.0"},
                                    {"method", "notifications/progress"},
                                    {"params",
                                     {{"progressToken", waiting.progress_token},
                                      {"progress", waiting.elapsed_ms},
                                      {"total", waiting.ms}}}}});
  }
  if (waiting.elapsed_ms < waiting.ms) {
    // The last step may be shorter; `total` is reached exactly.
    const long rest = waiting.ms - waiting.elapsed_ms;
    if (waiting.step_ms > rest) waiting.step_ms = rest;
    effects.push_back(effect::StartTimer{timer, waiting.step_ms});
    return;
  }
  const Waiting done = std::move(waiting);
  sleeping_.erase(found);
  const std::string method = "tools/call";
  text(Call{done.conn, done.id, method, Json(), done.modern},
       "slept " + std::to_string(done.ms) + " ms", effects);
}

void Mcp::tool_busy(const Call& call, Effects& effects) {
  const Json& arguments = arguments_of(call.params);
  const long ms = number_or(member(arguments, "ms"), 0, 0, kMsMax);
  effects.push_back(effect::Block{ms, member(arguments, "health") != false});
  text(call, "was busy for " + std::to_string(ms) + " ms", effects);
}

void Mcp::tool_big(const Call& call, Effects& effects) {
  const long wanted = number_or(member(arguments_of(call.params), "bytes"), 0, 0, kTextBytesMax);
  auto bytes = static_cast<std::size_t>(wanted);
  if (const auto oversize = sessions_.at(call.conn).faults->oversize) {
    // As many as make the whole answer that long.
    Effects probe;
    text(call, "", probe);
    const std::size_t rest = to_text(std::get<effect::Answer>(probe.back()).message).size();
    bytes = static_cast<std::size_t>(*oversize) -
            std::min<std::size_t>(static_cast<std::size_t>(*oversize), rest);
  }
  text(call, std::string(bytes, 'x'), effects);
}

void Mcp::tool_fail(const Call& call, Effects& effects) {
  Json value = text_result("this tool always fails");
  value["isError"] = true;
  result(call, std::move(value), effects);
}

void Mcp::tool_error(const Call& call, Effects& effects) {
  const Json& arguments = arguments_of(call.params);
  error(call,
        static_cast<int>(number_or(member(arguments, "code"), -32000, -2147483648L, 2147483647L)),
        string_or(member(arguments, "message"), "this tool is answered with an error"), effects);
}

void Mcp::tool_counter(const Call& call, Effects& effects) {
  text(call, std::to_string(++counter_), effects);
}

void Mcp::tool_crash(const Call&, Effects& effects) { effects.push_back(effect::Crash{}); }

void Mcp::tool_close(const Call& call, Effects& effects) {
  const Json& arguments = arguments_of(call.params);
  effects.push_back(effect::Close{
      call.conn, static_cast<int>(number_or(member(arguments, "code"), 1000, 0, 65535)),
      string_or(member(arguments, "reason"), "")});
}

void Mcp::tool_ask_host(const Call& call, Effects& effects) {
  const Json& arguments = arguments_of(call.params);
  const std::string method = string_or(member(arguments, "method"), "ping");
  Session& session = sessions_.at(call.conn);
  const Json id =
      arguments.contains("id") ? member(arguments, "id") : Json(session.next_host_request++);
  Json params = arguments.contains("params") ? member(arguments, "params") : default_params(method);
  Json message = {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}};
  if (!params.is_null()) message["params"] = std::move(params);
  effects.push_back(effect::Send{call.conn, std::move(message)});
  asked_.insert_or_assign(
      {call.conn, to_text(id)},
      Waiting{.conn = call.conn, .id = call.id, .modern = call.modern, .progress_token = {}});
}

void Mcp::tool_notify(const Call& call, Effects& effects) {
  const Json& arguments = arguments_of(call.params);
  Json message = {{"jsonrpc", "2.0"}, {"method", string_or(member(arguments, "method"), "x/none")}};
  if (arguments.contains("params")) message["params"] = member(arguments, "params");
  effects.push_back(effect::Send{call.conn, std::move(message)});
  text(call, "sent", effects);
}

void Mcp::tool_log(const Call& call, Effects& effects) {
  const Json& arguments = arguments_of(call.params);
  log(call.conn, string_or(member(arguments, "level"), "info"),
      string_or(member(arguments, "logger"), "test"), member(arguments, "data"), effects);
  text(call, "logged", effects);
}

void Mcp::tool_headers(const Call& call, Effects& effects) {
  text(call, to_text(sessions_.at(call.conn).headers), effects);
}

void Mcp::tool_touch_resource(const Call& call, Effects& effects) {
  const std::string uri = string_or(member(arguments_of(call.params), "uri"), "");
  const Session& session = sessions_.at(call.conn);
  int sent = 0;
  const auto send = [&](const Json& params) {
    effects.push_back(effect::Send{
        call.conn,
        {{"jsonrpc", "2.0"}, {"method", "notifications/resources/updated"}, {"params", params}}});
    ++sent;
  };
  if (session.subscriptions.contains(uri)) send({{"uri", uri}});
  for (const Listen& listen : session.listens) {
    const Json& uris = member(listen.filter, "resourceSubscriptions");
    if (std::find(uris.begin(), uris.end(), Json(uri)) != uris.end()) {
      send({{"uri", uri}, {"_meta", {{kSubscriptionKey, listen.id}}}});
    }
  }
  text(call, "sent " + std::to_string(sent), effects);
}

void Mcp::tool_set_tools(const Call& call, Effects& effects) {
  for (const Json& name : member(arguments_of(call.params), "add")) {
    auto& extra = config_.extra_tools;
    if (!name.is_string() || std::find(extra.begin(), extra.end(), name) != extra.end()) continue;
    extra.push_back(name.get<std::string>());
  }
  // The tools are the process's, so every client hears of it.
  const Json changed = {{"jsonrpc", "2.0"}, {"method", "notifications/tools/list_changed"}};
  for (const auto& [conn, session] : sessions_) {
    if (session.initialized) effects.push_back(effect::Send{conn, changed});
    for (const Listen& listen : session.listens) {
      if (member(listen.filter, "toolsListChanged") != true) continue;
      Json message = changed;
      message["params"] = {{"_meta", {{kSubscriptionKey, listen.id}}}};
      effects.push_back(effect::Send{conn, std::move(message)});
    }
  }
  text(call, "tools: " + std::to_string(all_tools(config_.extra_tools).size()), effects);
}

void Mcp::tool_end_subscriptions(const Call& call, Effects& effects) {
  const bool cancel = member(arguments_of(call.params), "cancel") == true;
  std::vector<Listen>& listens = sessions_.at(call.conn).listens;
  for (const Listen& listen : listens) {
    Json last_word{{"jsonrpc", "2.0"}};
    if (cancel) {
      last_word["method"] = "notifications/cancelled";
      last_word["params"] = {{"requestId", listen.id}};
    } else {
      last_word["id"] = listen.id;
      last_word["result"] = {{"resultType", "complete"},
                             {"_meta", {{kSubscriptionKey, listen.id}}}};
    }
    effects.push_back(effect::Send{call.conn, std::move(last_word)});
  }
  text(call, "ended " + std::to_string(listens.size()), effects);
  listens.clear();
}

}  // namespace backend
