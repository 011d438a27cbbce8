#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "files.hpp"
#include "limits.hpp"
#include "process.hpp"

namespace e2e {

using Json = nlohmann::json;

/// One line that the shim wrote.
struct Line {
  std::string text;
  Json json;  ///< discarded with HostOptions::plain
  Clock::time_point at;
};

/// Fails the test, and goes on, unless `part` stands in `text`.
void check_holds(std::string_view text, std::string_view part);

/// So many of this character.
[[nodiscard]] std::string filler(std::size_t bytes, char c);

/// Timings with which failures show in tenths of a second.
[[nodiscard]] std::vector<std::string> quick();

enum class Wiring { pipes, sockets };

struct HostOptions {
  std::vector<std::string> environment{};
  Wiring wiring = Wiring::pipes;
  /// Lines are kept as bytes only; nothing is checked or found by id.
  bool plain = false;
  /// Whether anybody reads the shim's stderr.
  bool read_log = true;
};

/// An MCP host: starts the shim, speaks to it over its standard streams and keeps all that comes
/// back. One thread: bytes move while one of the waiting members runs.
///
/// Whatever the test is about, each line must be one JSON-RPC message, and each answer must be to a
/// request that was sent and not answered before; the destructor checks that nothing else came.
class Host {
 public:
  explicit Host(const std::vector<std::string>& arguments, HostOptions options = {});
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  [[nodiscard]] Process& shim() { return *shim_; }
  [[nodiscard]] pid_t pid() const { return shim_->pid(); }

  /// Queues a line (the newline is added) and writes what the shim takes at once.
  void send(std::string_view line);
  /// The same for bytes that are no line of ours to judge.
  void send_raw(std::string_view bytes);
  [[nodiscard]] std::size_t unsent_bytes() const { return outgoing_.size() - sent_; }
  /// Waits until all is written, reading meanwhile.
  void flush(Millis limit = patience);
  void close_input();
  /// The same without waiting: what is not written never will be.
  void abandon_input() { to_shim_.close(); }
  void close_output() { from_shim_.close(); }
  void close_log() { log_pipe_.close(); }

  /// Sends a request with the next number as its id, and returns that.
  int request(std::string_view method, const Json& params = nullptr);
  int call(std::string_view tool, const Json& arguments = Json::object());
  void notify(std::string_view method, const Json& params = nullptr);
  /// The opening of a legacy session; returns the result of `initialize`.
  Json initialize(Millis limit = patience);

  // Wait for the answer to the latest request with this id. They fail the test when it does not
  // come within allowed(limit) or is of another kind.
  const Line& expect_answer(const Json& id, Millis limit = patience);
  Json expect_result(const Json& id, Millis limit = patience);
  Json expect_error(const Json& id, int code, Millis limit = patience);
  /// The one text of a tool result that is no error.
  std::string expect_text(const Json& id, Millis limit = patience);
  /// A tool result of the shim's own; returns the object of contract 9.
  Json expect_tool_failure(const Json& id, std::string_view reason, Millis limit = patience);
  [[nodiscard]] bool is_answered(const Json& id) const;

  /// Waits for the first log line behind the last one found here that holds `part`.
  std::string expect_log(std::string_view part, Millis limit = patience);
  [[nodiscard]] const std::vector<std::string>& log() const { return log_; }
  [[nodiscard]] std::size_t count_log(std::string_view part) const;

  /// Reads and writes until `done` says so. False after allowed(limit).
  bool wait_until(const std::function<bool()>& done, Millis limit = patience);
  /// The same, and fails the test with `what`.
  void expect(std::string_view what, const std::function<bool()>& done, Millis limit = patience);
  /// Reads and writes for so long.
  void linger(Millis span);
  /// One step: waits for `slice` at most for something to be possible and does it.
  void pump(Millis slice);
  /// From now on each step reads this much of stdout at most; 0: nothing.
  void read_at_most(std::size_t bytes) { read_max_ = bytes; }

  [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }
  /// Whether the shim has closed its stdout.
  [[nodiscard]] bool output_ended() const { return output_ended_; }
  /// Waits for the shim's end, reading on, and returns its exit status.
  int expect_exit(Millis limit = patience);

 private:
  [[noreturn]] void give_up(std::string_view what) const;
  void write_some();
  void read_lines();
  void read_log();
  void take(std::string text);
  void note_sent(std::string_view line);

  HostOptions options_;
  File to_shim_, from_shim_, log_pipe_;
  std::unique_ptr<Process> shim_;
  TempDir home_;

  std::string outgoing_;
  std::size_t sent_ = 0;
  bool input_broken_ = false;
  std::string incoming_;
  std::string log_text_;
  bool output_ended_ = false;
  std::size_t read_max_ = std::size_t{1} << 20U;

  std::vector<Line> lines_;
  std::vector<std::string> log_;
  std::size_t log_seen_ = 0;
  int last_id_ = 0;
  std::map<std::string, std::vector<std::size_t>> answers_;  ///< id to indices of lines
  std::map<std::string, std::size_t> asked_;                 ///< id to number of requests
  bool any_id_ = false;  ///< something was sent whose id is not ours to know
  std::vector<std::string> violations_;
};

/// Fails the test, and says how, if a link that was ready has been lost.
void check_kept(const Host& host);

}  // namespace e2e
