#include "shim/core/answers.hpp"

#include <doctest/doctest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "common/jsonrpc.hpp"

namespace shim {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

struct ReasonRow {
  Reason reason;
  int code;
  std::string name;
  bool delivered;
  bool retryable;
};

const std::array<ReasonRow, 6> reason_rows{{
    {Reason::backend_unavailable, 31001, "backend-unavailable", false, true},
    {Reason::outcome_unknown, 31002, "outcome-unknown", true, false},
    {Reason::queue_full, 31003, "queue-full", false, true},
    {Reason::message_too_large, 31005, "message-too-large", false, false},
    {Reason::session_incompatible, 31006, "session-incompatible", false, false},
    {Reason::bad_backend_message, 31007, "bad-backend-message", true, false},
}};

Request request_of(mcp::Method method, bool modern = false) {
  Request request;
  request.id = "\"x\\u0041\"";
  request.method = method;
  if (modern) request.version = "2026-07-28";
  return request;
}

void check_data(const json& data, const ReasonRow& row) {
  CHECK(data["source"] == "mcp-ws-shim");
  CHECK(data["reason"] == row.name);
  CHECK(data["delivered"] == row.delivered);
  CHECK(data["retryable"] == row.retryable);
}

TEST_CASE("answers 9: the table of codes, as JSON-RPC errors") {
  for (const ReasonRow& row : reason_rows) {
    CAPTURE(row.name);
    for (const auto& [method, form] : {std::pair{mcp::Method::other, ToolErrors::result},
                                       std::pair{mcp::Method::tools_list, ToolErrors::result},
                                       std::pair{mcp::Method::tools_call, ToolErrors::error}}) {
      const std::string line = failure(request_of(method), row.reason, "said \"so\"", {}, form);
      CHECK(line.find(R"("id":"x\u0041")") != std::string::npos);  // as the host spelled it
      const json message = json::parse(line);
      CHECK(message["jsonrpc"] == "2.0");
      CHECK_FALSE(message.contains("result"));
      CHECK(message["error"]["code"] == row.code);
      CHECK(message["error"]["message"] == "said \"so\"");
      check_data(message["error"]["data"], row);
      CHECK(message["error"]["data"].size() == 4);
      const bool reserved = row.code >= -32768 && row.code <= -32000;
      CHECK_FALSE(reserved);
    }
  }
}

TEST_CASE("answers 9: the table of codes, as tool results") {
  for (const ReasonRow& row : reason_rows) {
    for (const bool modern : {false, true}) {
      CAPTURE(row.name);
      CAPTURE(modern);
      const std::string line = failure(request_of(mcp::Method::tools_call, modern), row.reason,
                                       "plain words", {}, ToolErrors::result);
      CHECK(line.find(R"("id":"x\u0041")") != std::string::npos);
      const json message = json::parse(line);
      CHECK_FALSE(message.contains("error"));
      const json& result = message["result"];
      CHECK(result["isError"] == true);
      REQUIRE(result["content"].size() == 1);
      CHECK(result["content"][0]["type"] == "text");
      CHECK(result["content"][0]["text"] == "plain words");
      check_data(result["_meta"]["mcp-ws-shim/error"], row);
      CHECK(result.contains("resultType") == modern);
      if (modern) CHECK(result["resultType"] == "complete");
    }
  }
}

TEST_CASE("answers 9: circumstances are told where there are any") {
  const auto data = [](const Circumstances& circumstances) {
    return json::parse(failure(request_of(mcp::Method::other), Reason::queue_full, "s",
                               circumstances, ToolErrors::result))["error"]["data"];
  };
  const json all = data({.attempt = 4, .down = 1500ms, .last_error = "refused"});
  CHECK(all["attempt"] == 4);
  CHECK(all["down_ms"] == 1500);
  CHECK(all["last_error"] == "refused");
  CHECK(data({.attempt = 1, .last_error = ""}).size() == 5);
  CHECK(data({.down = 1ms, .last_error = ""}).size() == 5);
  CHECK(data({.last_error = "x"}).size() == 5);
}

TEST_CASE("answers: whatever the words, the line is one line of valid JSON") {
  for (const std::string said : {"", "\n\r\t\"\\", "\xff\xfe", "\xc3\xa9", "a\u2028b"}) {
    for (const mcp::Method method : {mcp::Method::other, mcp::Method::tools_call}) {
      const std::string line = failure(request_of(method), Reason::outcome_unknown, said,
                                       {.last_error = said}, ToolErrors::result);
      CAPTURE(line);
      CHECK(line.find_first_of("\r\n") == std::string::npos);
      jsonrpc::Reader reader;
      jsonrpc::Message message;
      CHECK(reader.read(line, message) == jsonrpc::Read::message);
      CHECK(message.kind == jsonrpc::Kind::response);
    }
  }
}

}  // namespace
}  // namespace shim
