#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "files.hpp"
#include "tcp_servers.hpp"

namespace e2e {

/// A wire between the shim and a backend, served by a thread of its own.
class Relay {
 public:
  /// Passes on to 127.0.0.1:`target`. `on_upgraded` runs once, in the relay's thread, when the first
  /// answer to an upgrade has arrived and before the shim gets it.
  Relay(std::uint16_t target, std::function<void()> on_upgraded);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  [[nodiscard]] std::string url() const;

 private:
  struct Pair;
  void run();
  /// False once either side has ended.
  bool pass(const File& from, const File& to, bool is_answer);

  Port port_;
  std::uint16_t target_;
  std::function<void()> on_upgraded_;
  File listener_;
  Ends stop_;
  std::thread thread_;
};

}  // namespace e2e
