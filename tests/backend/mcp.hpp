#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "faults.hpp"
#include "json.hpp"

namespace backend {

using ConnId = int;
using TimerId = std::uint64_t;

enum class Era { legacy, modern, dual };

struct McpConfig {
  Era era = Era::legacy;
  std::string protocol_version = "2025-11-25";  // offered when the client asks for an unknown one
  std::string force_version;                    // answered always, if not empty
  std::string server_name = "fake-backend";
  std::string server_version = "1.0.0";
  std::vector<std::string> extra_tools;
  std::size_t page_size = 0;  // tools per page, 0: one page
  bool echo_any = false;
};

// What the server must do, in this order.
namespace effect {
struct Answer {  // the faults apply to it
  ConnId conn;
  std::string method;
  Json message;
};
struct Send {  // a notification or a request of ours
  ConnId conn;
  Json message;
};
struct Close {
  ConnId conn;
  int code;
  std::string reason;
};
struct Executed {  // a tool has begun to run; must be journaled before anything later happens
  ConnId conn;
  std::string tool;
  Json id;
};
struct StartTimer {  // on_timer(id) after ms
  TimerId id;
  long ms;
};
struct Block {  // the whole process does nothing else for ms
  long ms;
  bool health;  // yet keeps its health file fresh
};
struct Crash {};
}  // namespace effect

using Effect = std::variant<effect::Answer, effect::Send, effect::Close, effect::Executed,
                            effect::StartTimer, effect::Block, effect::Crash>;
using Effects = std::vector<Effect>;

/// A JSON-RPC answer that holds an error.
[[nodiscard]] Json error_message(const Json& id, int code, const std::string& text);

/// The MCP server proper: messages in, effects out. No socket, no clock.
class Mcp {
 public:
  explicit Mcp(McpConfig config);

  /// `faults` must outlive the connection. `headers` are those of the upgrade request.
  void on_open(ConnId conn, const Faults& faults, Json headers);
  void on_close(ConnId conn);
  /// Any JSON value; never throws for a bad one.
  void on_message(ConnId conn, const Json& message, Effects& effects);
  void on_timer(TimerId timer, Effects& effects);

  /// A log message for `conn`, unless the client asked for a higher level.
  void log(ConnId conn, const std::string& level, const std::string& logger, const Json& data,
           Effects& effects) const;

 private:
  struct Listen {  // a live subscriptions/listen
    Json id;
    Json filter;
  };
  struct Session {
    const Faults* faults = nullptr;
    Json headers;
    bool initialize_answered = false;
    bool initialized = false;
    std::string log_level;  // empty: never set, everything is sent
    std::set<std::string> subscriptions;
    std::vector<Listen> listens;
    long next_host_request = 0;
  };
  struct Call {
    ConnId conn;
    const Json& id;
    const std::string& method;
    const Json& params;
    bool modern;
  };
  /// A tools/call that waits: for a timer, or for the host.
  struct Waiting {
    ConnId conn;
    Json id;
    bool modern;
    Json progress_token;
    long ms = 0;
    long elapsed_ms = 0;
    long step_ms = 0;
  };
  using Handler = void (Mcp::*)(const Call&, Effects&);

  // mcp.cpp: the protocol.
  void on_request(const Call& call, Effects& effects);
  void on_notification(ConnId conn, const std::string& method, const Json& params,
                       Effects& effects);
  void on_answer(ConnId conn, const Json& message, Effects& effects);
  void on_initialized(ConnId conn, Effects& effects);
  void on_cancelled(ConnId conn, const Json& id);
  [[nodiscard]] bool admit_legacy(const Call& call, Effects& effects);
  [[nodiscard]] bool admit_modern(const Call& call, Effects& effects);
  void result(const Call& call, Json value, Effects& effects) const;
  void cacheable(const Call& call, Json value, Effects& effects) const;
  void error(const Call& call, int code, const std::string& message, Effects& effects) const;

  void initialize(const Call& call, Effects& effects);
  void ping(const Call& call, Effects& effects);
  void discover(const Call& call, Effects& effects);
  void listen(const Call& call, Effects& effects);
  void set_level(const Call& call, Effects& effects);
  void subscribe(const Call& call, Effects& effects);
  void unsubscribe(const Call& call, Effects& effects);
  void tools_list(const Call& call, Effects& effects);
  void tools_call(const Call& call, Effects& effects);
  void prompts_list(const Call& call, Effects& effects);
  void prompts_get(const Call& call, Effects& effects);
  void resources_list(const Call& call, Effects& effects);
  void resources_read(const Call& call, Effects& effects);
  void templates_list(const Call& call, Effects& effects);
  void complete(const Call& call, Effects& effects);

  // tools.cpp.
  [[nodiscard]] static const std::map<std::string, Handler>& tools();
  void text(const Call& call, const std::string& text, Effects& effects) const;
  void tool_echo(const Call& call, Effects& effects);
  void tool_sleep(const Call& call, Effects& effects);
  void tool_busy(const Call& call, Effects& effects);
  void tool_big(const Call& call, Effects& effects);
  void tool_fail(const Call& call, Effects& effects);
  void tool_error(const Call& call, Effects& effects);
  void tool_counter(const Call& call, Effects& effects);
  void tool_crash(const Call& call, Effects& effects);
  void tool_close(const Call& call, Effects& effects);
  void tool_ask_host(const Call& call, Effects& effects);
  void tool_notify(const Call& call, Effects& effects);
  void tool_log(const Call& call, Effects& effects);
  void tool_headers(const Call& call, Effects& effects);
  void tool_touch_resource(const Call& call, Effects& effects);
  void tool_set_tools(const Call& call, Effects& effects);
  void tool_end_subscriptions(const Call& call, Effects& effects);

  McpConfig config_;
  std::map<ConnId, Session> sessions_;
  std::map<TimerId, Waiting> sleeping_;
  std::map<std::pair<ConnId, std::string>, Waiting> asked_;  // key: id as JSON text
  TimerId last_timer_ = 0;
  long counter_ = 0;
};

}  // namespace backend
