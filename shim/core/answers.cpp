#include "shim/core/answers.hpp"

#include <nlohmann/json.hpp>

#include "common/jsonrpc.hpp"

namespace shim {
namespace {

using Json = nlohmann::ordered_json;

struct Entry {
  int code;
  const char* name;
  bool delivered;
  bool retryable;
};

/// The table of contract 9.
Entry entry(Reason reason) {
  switch (reason) {
    case Reason::backend_unavailable: return {31001, "backend-unavailable", false, true};
    case Reason::outcome_unknown: return {31002, "outcome-unknown", true, false};
    case Reason::queue_full: return {31003, "queue-full", false, true};
    case Reason::request_timeout: return {31004, "request-timeout", true, false};
    case Reason::message_too_large: return {31005, "message-too-large", false, false};
    case Reason::session_incompatible: return {31006, "session-incompatible", false, false};
    case Reason::bad_backend_message: return {31007, "bad-backend-message", true, false};
    case Reason::count: break;
  }
  return {jsonrpc::internal_error, "internal", true, false};
}

Json data(const Entry& entry, const Circumstances& circumstances) {
  Json out = {{"source", "mcp-ws-shim"},
              {"reason", entry.name},
              {"delivered", entry.delivered},
              {"retryable", entry.retryable}};
  if (circumstances.attempt > 0) out["attempt"] = circumstances.attempt;
  if (circumstances.down > Duration::zero()) out["down_ms"] = milliseconds(circumstances.down);
  if (!circumstances.last_error.empty()) out["last_error"] = circumstances.last_error;
  return out;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string_view name(Reason reason) { return entry(reason).name; }

std::string failure(const Request& request, Reason reason, std::string_view said,
                    const Circumstances& circumstances, ToolErrors tool_errors) {
  const Entry facts = entry(reason);
  if (request.method != mcp::Method::tools_call || tool_errors == ToolErrors::error) {
    return jsonrpc::error_answer(request.id, facts.code, said, dump(data(facts, circumstances)));
  }
  Json result;
  result["content"] = Json::array({{{"type", "text"}, {"text", said}}});
  result["isError"] = true;
  if (request.modern()) result["resultType"] = "complete";
  result["_meta"]["mcp-ws-shim/error"] = data(facts, circumstances);
  return jsonrpc::result_answer(request.id, dump(result));
}

std::string refusal(std::string_view id, int code, std::string_view said, bool delivered) {
  const auto name = [code] {
    switch (code) {
      case jsonrpc::parse_error: return "parse-error";
      case jsonrpc::method_not_found: return "method-not-found";
      case jsonrpc::internal_error: return "internal";
      default: return "invalid-request";
    }
  };
  const Entry facts{code, name(), delivered, false};
  return jsonrpc::error_answer(id, facts.code, said, dump(data(facts, {})));
}

}  // namespace shim
