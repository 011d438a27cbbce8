#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/line_framer.hpp"
#include "common/time.hpp"
#include "tests/sim/plan.hpp"

namespace sim {

class World;

/// The host and the two pipes to it. It keeps to the protocol (waits for the answer to
/// `initialize`) but writes rubbish now and then, reads slowly, changes its mind, and uses ids
/// again.
///
/// Every message that it sends has a number of its own, `params.seq`, which nobody else reads.
class Host {
 public:
  explicit Host(World& world);

  // The pipes.
  void heard(std::string line);  ///< the shim wrote a line
  void heard_space();            ///< the shim wrote a space ahead of the next one
  void pause(bool paused) {
    paused_ = paused;
    listen_again();
  }
  /// Whether all that was written either way has been read.
  [[nodiscard]] bool is_caught_up() const { return unread_.empty() && said_.empty(); }
  [[nodiscard]] std::size_t unread_bytes() const { return unread_bytes_; }

  // A life of its own, as the plan says.
  void begin_life();
  void end_life() { alive_ = false; }

  // A script. Each returns the seq of what it sent.
  /// Sends `initialize`; `notifications/initialized` follows by itself when it is answered.
  std::uint64_t greet();
  /// `members`: what stands in `params` besides `seq`, each with a comma behind it.
  std::uint64_t request(const std::string& method, const std::string& members = {});
  /// Calls the tool `add`, which must not be executed twice, or `look`, which may.
  std::uint64_t call(const std::string& tool = "add");
  /// Likewise, with a progress token (raw JSON).
  std::uint64_t call_with_token(const std::string& token);
  /// Subscribes to changes of the list of tools, as the modern era does.
  std::uint64_t subscribe();
  /// Asks for the tools as the modern era does.
  std::uint64_t request_modern_tools();
  std::uint64_t notify(const std::string& method, const std::string& members = {});
  void cancel(std::uint64_t seq);
  /// Writes a line, whatever it is.
  void say(const std::string& line, const char* ending = "\n");
  /// Closes its end of our stdin, once all was read.
  void close();
  [[nodiscard]] bool is_closed() const { return closed_; }

  void answer_requests(bool answers) { answers_ = answers; }
  /// Takes one line per so much time; zero: as they come.
  void set_read_gap(Duration gap) { read_gap_ = gap; }
  [[nodiscard]] std::uint64_t lines_heard() const { return lines_heard_; }
  [[nodiscard]] std::uint64_t times_heard(const std::string& line) const {
    const auto found = notifications_heard_.find(line);
    return found == notifications_heard_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::uint64_t requests_heard() const { return requests_heard_; }
  /// The number that the last tools/call had for the backends' journal.
  [[nodiscard]] std::uint64_t last_call() const { return last_call_; }
  [[nodiscard]] bool is_settled() const { return state_ == State::active; }

 private:
  enum class State : std::uint8_t { silent, greeting, active };
  struct Open {
    std::string id;
    std::uint64_t seq;
    std::string method;
  };

  // host.cpp: the pipes and what is heard.
  void schedule_write();
  void schedule_read();
  void listen_again();
  void pump();
  [[nodiscard]] bool pull_lines(bool ended);
  void read();
  void react(const std::string& line);
  void answer(const std::string& line);
  void forget(std::string_view id);

  // host_life.cpp: what it does by itself.
  void live();
  void act();
  void act_once();
  void say_rubbish();
  void say_batch();
  void ask_something();
  void change_setting();
  void be_modern();
  void cancel_something();
  void reuse_an_id();
  void say_too_much();
  [[nodiscard]] std::string padding();
  [[nodiscard]] std::string with_token();
  [[nodiscard]] bool is_open(std::string_view method) const;

  [[nodiscard]] std::string new_id();
  [[nodiscard]] std::string build(const std::string& id, const std::string& method,
                                  const std::string& members);
  std::string call_members(const std::string& tool);

  World& world_;
  State state_ = State::silent;
  bool alive_ = false;
  bool answers_ = true;
  bool paused_ = false;
  bool closing_ = false, closed_ = false;

  std::string pipe_;              ///< written and not yet read by the shim
  std::size_t pipe_read_ = 0;     ///< bytes of it that have been
  std::deque<std::string> said_;  ///< the lines in it
  shim::LineFramer framer_;
  bool write_scheduled_ = false;

  std::deque<std::string> unread_;
  std::size_t unread_bytes_ = 0;
  bool read_scheduled_ = false;
  Duration read_gap_{};

  std::uint64_t last_seq_ = 0;
  std::uint64_t last_number_ = 0;  ///< of an id
  std::uint64_t last_call_ = 0;
  std::string greeting_id_;
  std::deque<Open> open_;
  std::uint64_t lines_heard_ = 0;
  std::map<std::string, std::uint64_t> notifications_heard_;
  std::uint64_t requests_heard_ = 0;
};

}  // namespace sim
