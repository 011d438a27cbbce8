#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "files.hpp"
#include "limits.hpp"
#include "namespace.hpp"
#include "process.hpp"
#include "tcp_servers.hpp"

namespace e2e {

using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

/// The fake backend (tests/backend) on a port that stays ours while nothing listens there, with a
/// journal for each time it was started.
class Backend {
 public:
  /// Reserves the port; nothing listens yet.
  Backend() = default;
  /// Starts it, too.
  explicit Backend(const Arguments& arguments) { start(arguments); }
  /// One that will run, and be reached, over there. Nothing listens yet.
  explicit Backend(const Namespace& place) : enter_(place.enter()), address_(place.address()) {}

  /// Returns once it listens.
  void start(const Arguments& arguments = {});
  /// SIGKILL; returns once it is gone.
  void kill() { process_.reset(); }
  void restart(const Arguments& arguments = {});
  /// SIGSTOP and SIGCONT.
  void freeze() const { process_->signal(19); }
  void thaw() const { process_->signal(18); }

  [[nodiscard]] std::string url(const std::string& path = "/") const;
  [[nodiscard]] std::uint16_t port() const { return port_.number(); }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

  /// The journal of the start with this number, counted from 1.
  [[nodiscard]] std::vector<Json> journal(std::size_t start) const;
  [[nodiscard]] std::vector<Json> journal() const { return journal(starts_); }
  /// The messages in that journal.
  [[nodiscard]] std::vector<Json> received(std::size_t start) const;
  [[nodiscard]] std::vector<Json> received() const { return received(starts_); }
  /// A condition to wait for: the present process has got so many messages with this method.
  [[nodiscard]] std::function<bool()> has_received(std::string method, std::size_t count = 1) const;
  /// Ids of all tool calls that any of the processes has begun to run, in order.
  [[nodiscard]] std::vector<Json> executed() const;
  [[nodiscard]] std::size_t starts() const { return starts_; }

  [[nodiscard]] std::string file(const std::string& name) const { return files_.path(name); }

 private:
  Arguments enter_{};
  std::string address_ = "127.0.0.1";
  Port port_;
  TempDir files_;
  std::unique_ptr<Process> process_;
  std::size_t starts_ = 0;
};

/// What a shim is started with: these flags and this URL.
[[nodiscard]] Arguments operator+(Arguments flags, const std::string& url);
[[nodiscard]] Arguments operator+(Arguments flags, const Arguments& more);

}  // namespace e2e
