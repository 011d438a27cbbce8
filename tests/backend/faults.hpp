#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace backend {

/// Everything this server can be told to do wrong. README.md says what each one means.
struct Faults {
  // Before there is a WebSocket.
  bool silent_tcp = false;
  bool silent_upgrade = false;
  bool garbage = false;
  bool no_pong = false;
  bool reset_upgrade = false;
  std::optional<long> status;
  std::string redirect;

  // The life of a connection.
  bool close_after_open = false;
  std::optional<long> close_after_ready_ms;
  std::optional<long> wedge_after_ms;
  std::optional<long> stop_reading;
  std::optional<long> drop_after;
  std::optional<std::pair<long, int>> close_after;  // messages, close code

  // How an answer looks.
  bool answer_twice = false;
  bool unknown_id = false;
  bool wrong_id_type = false;
  bool unknown_progress = false;
  bool pretty = false;
  bool batch = false;
  bool invalid_json = false;
  bool duplicate_key = false;
  bool invalid_utf8 = false;
  bool binary = false;
  bool bad_jsonrpc = false;
  std::optional<long> fragment;
  std::optional<long> late_answer_ms;
  std::optional<long> oversize;
  std::optional<long> deep;

  // The MCP session.
  bool host_request_on_open = false;
  bool init_error = false;
  bool init_silent = false;
  std::optional<long> notify_flood;

  /// Methods whose answers the damaging faults hit; `*` means all. The harmless ones (answer-twice,
  /// unknown-id, wrong-id-type, unknown-progress, fragment, pretty, batch) hit every answer.
  std::vector<std::string> methods{"tools/call"};

  /// True if the damaging faults apply to answers to `method`.
  [[nodiscard]] bool damages(const std::string& method) const;
};

/// Reads `NAME` and `NAME=VALUE` items. Throws std::invalid_argument that names the bad item.
[[nodiscard]] Faults parse_faults(const std::vector<std::string>& items);

}  // namespace backend
