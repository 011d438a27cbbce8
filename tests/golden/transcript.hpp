#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/session_fixture.hpp"

namespace shim::test {

/// One message of a recorded session.
struct Recorded {
  bool from_host = false;
  std::string text;
  jsonrpc::Kind kind = jsonrpc::Kind::other;
  std::string id;      ///< raw, or empty
  std::string method;  ///< or empty
};

/// The recorded sessions of a file in tests/golden, one per connection, in order.
[[nodiscard]] std::vector<std::vector<Recorded>> load_transcript(const std::string& file_name);

/// Plays a recorded session through the core, as host and backend, and keeps book of what a legal
/// session owes the host. The link can be cut anywhere.
class Playback {
 public:
  explicit Playback(const std::vector<Recorded>& session);

  void play(const Recorded& message);

  /// Cuts the link, lets the shim connect again and take the session up.
  void cut();

  /// To be called at the end: every request settled once, and nothing answered that was not asked.
  void check_books();

  /// What was written in either direction, and the log, one line each.
  [[nodiscard]] const std::string& protocol() const { return protocol_; }

 private:
  void play_host(const Recorded& message);
  void play_backend(const Recorded& message);
  void settle_up();
  void note_host_line(const std::string& line);
  void serve_link(const std::string& text);

  Driver driver_;
  std::map<std::string, std::string> results_;  ///< method to its last recorded result
  std::map<std::string, Recorded> asked_;       ///< host's requests by raw id
  std::set<std::string> cancelled_;
  std::map<std::string, int> answers_;
  std::set<std::string> delivered_;          ///< ids in the backend's hands, this link
  std::map<std::string, std::string> open_;  ///< backend's request id to its name at the host
  std::set<std::string> ever_open_;          ///< all such names so far
  std::set<std::string> repeatable_;         ///< tools that were listed as such
  std::size_t logged_ = 0;
  std::string protocol_;
};

}  // namespace shim::test
