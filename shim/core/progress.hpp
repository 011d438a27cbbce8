#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/time.hpp"
#include "shim/core/due_queue.hpp"

namespace shim {

/// The progress tokens of pending requests: what the host was last told under each, and when it is
/// to be told something again (contract 8; MCP 2025-11-25, Progress: the value increases with every
/// notification). Tokens and values are raw JSON. A token should be unique, but several requests
/// may share one: then it lives as long as one of them, and what is said under it is said about
/// all.
class ProgressTokens {
 public:
  /// Zero: no token is ever due.
  explicit ProgressTokens(Duration interval) : interval_(interval) {}

  /// A request with this token is accepted. A token is due on behalf of those that are not `quiet`.
  void add(std::string_view token, std::string_view request_id, TimePoint now, bool quiet);
  /// One that was added like this is no longer pending.
  void remove(std::string_view token, bool quiet);
  [[nodiscard]] bool contains(std::string_view token) const;
  /// When the backend last reported something under a token that is there; long ago if never.
  [[nodiscard]] TimePoint reported_at(std::string_view token) const;

  /// The request will be worked on from the beginning again, and so may the values.
  void restarted(std::string_view token);

  /// The backend reports this value under a token that is there. Returns what to put in its place
  /// if the host would otherwise not see an increase because of a value of our own; else empty.
  [[nodiscard]] std::string reported(std::string_view token, std::string_view value, TimePoint now);

  /// A value of our own for a token of which the host has heard nothing for an interval.
  struct Due {
    std::string token;
    std::string request_id;  ///< the latest that came with it and is not quiet
    std::string value;  ///< above the last one by as little as makes sense; empty: there is none
  };
  [[nodiscard]] std::optional<Due> take_due(TimePoint now);
  /// What is due has to wait for another interval.
  void postpone_due(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> next_due() const { return due_.next(); }

 private:
  struct Token {
    std::string raw;
    std::string request_id;
    unsigned requests = 0;
    unsigned quiet_requests = 0;  ///< of these
    TimePoint reported_at;
    bool ours = false;  ///< the last value was ours, or values start afresh
    double last = 0;    ///< the last value the host was given
  };
  void schedule(const std::string& key, const Token& token, TimePoint now);

  Duration interval_;
  std::unordered_map<std::string, Token> tokens_;  ///< by jsonrpc::token_key()
  DueQueue due_;
};

}  // namespace shim
