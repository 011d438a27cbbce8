#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "child.hpp"
#include "contestant.hpp"
#include "messages.hpp"
#include "stream.hpp"

namespace bench {

/// The echo backend as a process of its own.
class Backend {
 public:
  /// On a free port if `port` is 0. Returns once it listens.
  Backend(const std::string& program, Contestant::Wire wire, int port = 0);

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  void kill() { child_.kill(); }

 private:
  Child child_;
  int port_ = 0;
};

/// One contestant, started and connected, seen from its host. Every wait has a limit; what goes
/// wrong is a std::runtime_error.
class Session {
 public:
  /// Starts the contestant and has `initialize` answered.
  Session(const Contestant& contestant, Stdio stdio, int port);

  void put(std::string_view message) { stream_->put(message); }
  /// Sends what was put, as far as that is possible at once.
  void flush();
  /// Sends what was put, and waits for that, without reading.
  void send_all();
  /// The next message, valid until the next call. Goes on sending meanwhile.
  [[nodiscard]] std::string_view receive();
  /// The next one if it has been read already.
  [[nodiscard]] std::optional<std::string_view> received() { return stream_->next(); }
  /// Sends and reads until something was read; false if nothing was within `limit`.
  bool wait(double limit);

  /// Passes over what comes until a message is found; false if none is within `limit`.
  using Wanted = std::function<bool(std::string_view)>;
  bool find(const Wanted& wanted, double limit);

  /// Sends a request and waits for its answer, which is valid until the next call; whatever else
  /// comes is passed over.
  std::string_view request(std::string_view message, std::size_t id);
  /// The echo of a short text, so often.
  void call(int times);
  [[nodiscard]] std::size_t next_id() { return ++last_id_; }

  /// Of the contestant; 0 if that is the driver itself.
  [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : 0; }
  [[nodiscard]] double cpu() const { return child_ ? cpu_seconds(pid()) : 0; }
  /// Closes its input and waits for its end.
  bool end();

  [[nodiscard]] double start_seconds() const { return start_seconds_; }
  [[nodiscard]] double start_cpu() const { return start_cpu_; }

 private:
  void initialize(bool again);

  std::unique_ptr<Child> child_;
  std::unique_ptr<Stream> stream_;
  std::size_t last_id_ = 0;
  double start_seconds_ = 0;
  double start_cpu_ = 0;
};

}  // namespace bench
