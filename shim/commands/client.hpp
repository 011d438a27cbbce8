#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/jsonrpc.hpp"
#include "shim/io/link.hpp"
#include "shim/io/loop.hpp"
#include "shim/io/secrets.hpp"
#include "shim/options/options.hpp"

namespace shim {

/// One connection to one backend, for commands that ask something and end: its members wait. No
/// second attempt, no session; what is lost stays lost.
class Client {
 public:
  /// To the endpoint with this index.
  Client(const Options& options, std::size_t endpoint, MilestoneSink on_milestone = {});
  ~Client() { link_.close(epoch_, true); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Connects, within the connect timeout, and has a first ping answered, within the validate
  /// timeout. Nothing if that worked. May be called again.
  [[nodiscard]] std::optional<Loss> connect();

  /// On the latest connection, also if it failed.
  [[nodiscard]] std::uint64_t bytes_received() const { return link_.bytes_received(); }

  struct Answer {
    enum class Kind : std::uint8_t {
      result,
      error,    ///< a JSON-RPC error
      invalid,  ///< an answer that is none
      too_long,
      lost,  ///< the connection ended first
      timeout,
    };
    Kind kind = Kind::timeout;
    std::string text{};        ///< raw JSON of the result or the error, on one line
    std::string error_code{};  ///< raw JSON, for Kind::error
    Loss loss{};               ///< for Kind::lost
  };
  /// Gets the raw params of each progress notification about the request.
  using ProgressSink = std::function<void(std::string_view)>;

  /// The next request's id and progress token: a JSON number.
  [[nodiscard]] std::string next_id() const { return std::to_string(last_id_ + 1); }

  /// Sends a request and waits for its answer; an error that names no request is one, too. What the
  /// backend asks meanwhile is refused, its pings are answered, and what else it says is dropped.
  [[nodiscard]] Answer ask(std::string_view method, std::string_view params, TimePoint deadline,
                           const ProgressSink& on_progress = {});

  /// Sends a notification, as far as that goes without waiting.
  void tell(std::string_view method, std::string_view params = {});

  /// Waits until the backend has received all that was sent. Kind::result if it has.
  [[nodiscard]] Answer confirm(TimePoint deadline);

  /// `; N of its messages were not valid JSON-RPC`, for those that could not be matched with a
  /// request; empty if there were none.
  [[nodiscard]] std::string about_invalid_messages() const;

  /// Ends the waiting, of whatever member, once this descriptor is readable: its time is over then.
  void stop_when_readable(int fd);

  /// What must not be seen of what the backend says.
  [[nodiscard]] const Secrets& secrets() const { return secrets_; }
  /// Raw JSON of the backend's, see shown_json().
  [[nodiscard]] std::string shown(std::string_view json) const;

 private:
  [[nodiscard]] std::optional<Event> next(TimePoint deadline);
  template <typename Wanted>
  [[nodiscard]] std::optional<Loss> await(TimePoint deadline, Cause on_timeout, const char* what);
  void write(std::string text);
  [[nodiscard]] std::optional<Answer> consider(const std::string& text, const std::string& id,
                                               const ProgressSink& on_progress);
  [[nodiscard]] std::optional<Answer> consider_message(const jsonrpc::Message& message,
                                                       const std::string& id,
                                                       const ProgressSink& on_progress);
  [[nodiscard]] std::optional<Answer> consider_broken(const IdScanner& found, const std::string& id,
                                                      Answer answer);

  const Settings& settings_;
  std::size_t endpoint_;
  std::deque<Event> inbox_;
  Secrets secrets_;
  Loop loop_;
  Link link_;
  Epoch epoch_ = 0;
  std::size_t unwritten_ = 0;  ///< bytes that the kernel has not got yet
  unsigned last_id_ = 0;
  std::size_t invalid_messages_ = 0;
  bool stopped_ = false;
  jsonrpc::Reader reader_;
};

}  // namespace shim
