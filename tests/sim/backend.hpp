#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.hpp"
#include "tests/sim/json_text.hpp"
#include "tests/sim/link.hpp"

namespace sim {

class World;

/// An MCP server of both eras that crashes, restarts without memory, and sends what it should not.
///
/// It serves a request of the legacy era only after `initialize` and `notifications/initialized` on
/// the same connection. Each answer carries, as `to`, the host's number (`params.seq`) of the
/// request.
class Backend {
 public:
  explicit Backend(World& world) : world_(world) {}

  [[nodiscard]] bool is_up() const { return up_; }
  /// Counts starts: another life is another process.
  [[nodiscard]] std::uint64_t life() const { return life_; }
  void start();
  /// A crash: state and connections are gone; the shim hears of it after `notice`.
  void kill(Duration notice = {});
  /// Gives way to another version, or comes back to its own.
  void set_version(std::string version) { version_ = std::move(version); }
  /// From now on it answers with the version that the host's session has.
  void mend_version() { mended_ = true; }
  [[nodiscard]] const std::string& version() const { return version_; }
  /// From now on it lists one tool more, or the first ones again.
  void change_tools() { catalog_ = (catalog_ + 1) % 3; }
  /// The raw `tools` member of its answer to tools/list.
  [[nodiscard]] std::string tools() const;
  /// As one does that shuts down, with results or cancellations.
  void end_subscriptions();
  /// Whether some request on a connection that lives will never be answered.
  [[nodiscard]] bool has_swallowed() const;

  // Moods (contract 7). Each lasts from now on for so long; a crash ends them all.
  /// Its event loop stands still: then it does all that was to be done meanwhile.
  void block(Duration span);
  /// It answers pings and nothing else.
  void wedge(Duration span);
  /// No heartbeats.
  void mute(Duration span) { mute_until_ = world_now() + span; }
  /// It does not read.
  void stop_reading(Duration span);
  void end_moods();
  /// Until then nothing is read from its sockets.
  [[nodiscard]] TimePoint reads_from() const { return std::max(blocked_until_, deaf_until_); }
  [[nodiscard]] bool is_blocked() const { return world_now() < blocked_until_; }

  // The network's end.
  void connected(Epoch connection);
  void disconnected(Epoch connection);
  void receive(Epoch connection, std::string_view text);

  // For scenarios.
  /// Asks the host something on the present connection.
  void ask_host();
  /// Sends this on the present connection.
  void say(std::string text) { send(connection(), std::move(text)); }
  /// Reports progress there.
  void report(std::string_view token, std::string_view value) {
    report_progress(connection(), token, value);
  }
  /// Answers of this method are held back until release().
  void hold(std::string method) { held_method_ = std::move(method); }
  void release();
  /// Overrides the plan's service time for tools/call.
  void set_call_time(Duration time) { call_time_ = time; }
  /// Each answer to a tools/call is sent this often.
  void set_copies(unsigned copies) { copies_ = copies; }
  /// What is answered to this method from now on, with the request's id in the place of `ID`.
  void set_raw(std::string method, std::string text) { raw_[std::move(method)] = std::move(text); }
  [[nodiscard]] std::uint64_t received(std::string_view method) const;
  [[nodiscard]] Epoch connection() const {
    return connections_.empty() ? 0 : connections_.rbegin()->first;
  }
  [[nodiscard]] std::string level() const;
  [[nodiscard]] std::uint64_t answers_from_host() const { return answers_from_host_; }

 private:
  struct Connection {
    bool greeted = false;
    bool initialized = false;
    bool swallowed = false;
    std::uint64_t next_id = 0;                   ///< of requests to the host
    std::map<std::string, std::uint64_t> asked;  ///< raw id to tag
    std::string level;
    std::map<std::string, std::uint64_t> subscriptions;  ///< raw id to seq
  };
  struct Held {
    Epoch connection;
    std::string text;
  };

  void request(Epoch connection, std::string_view text, const Json& message);
  void notification(Epoch connection, std::string_view text, const Json& message);
  [[nodiscard]] std::string answer_to(Connection& connection, std::string_view text,
                                      const Json& message);
  void subscribe(Epoch connection, std::string_view id, std::uint64_t seq, Duration time);
  void serve(Epoch connection, const std::string& method, std::string answer, Duration time);
  void deliver(Epoch connection, const std::string& answer);
  void send_faulty(Epoch connection, const std::string& answer);
  void send_dressed(Epoch connection, std::string answer);
  void ask_host(Epoch connection);
  void process(Epoch connection, std::string_view text);
  void report_progress(Epoch connection, std::string_view token, std::string_view value);
  void plan_progress(Epoch connection, std::string_view token, Duration time);

  // backend_moods.cpp
  [[nodiscard]] TimePoint world_now() const;
  /// Does `what` after `delay`, when it is in the mood for it.
  void later(Duration delay, std::function<void()> what);
  void do_or_wait(std::function<void()> what);
  void wake_up();
  void beat(Epoch connection);
  void send(Epoch connection, std::string text, Link::Frame kind = Link::Frame::message);
  [[nodiscard]] Connection* find(Epoch connection);

  World& world_;
  bool up_ = true;
  std::uint64_t life_ = 1;
  TimePoint blocked_until_, wedged_until_, mute_until_, deaf_until_;
  std::vector<std::function<void()>> waiting_;  ///< for the end of a mood
  std::uint64_t heartbeats_ = 0;
  bool mended_ = false;
  std::string version_ = "2025-06-18";
  unsigned catalog_ = 0;
  std::map<Epoch, Connection> connections_;
  std::uint64_t last_tag_ = 0;
  std::string held_method_;
  std::vector<Held> held_;
  std::vector<std::string> leftovers_;  ///< answers whose connection has gone
  std::optional<Duration> call_time_;
  unsigned copies_ = 1;
  std::map<std::string, std::string> raw_;
  std::map<std::string, std::uint64_t, std::less<>> received_;
  std::uint64_t answers_from_host_ = 0;
};

}  // namespace sim
