#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shim/io/descriptor.hpp"
#include "shim/io/loop.hpp"

namespace shim {

/// Name lookup off the loop: getaddrinfo() may hang for as long as it likes, and nothing waits.
class Resolver {
 public:
  /// Addresses considered of one name at most.
  static constexpr std::size_t addresses_max = 16;
  /// Lookups under way at once at most; a hanging one cannot be ended, only left alone.
  static constexpr std::size_t lookups_max = 4;

  struct Result {
    std::vector<std::string> addresses;  ///< numeric, in the order to try them; empty: failed
    std::string error;                   ///< why, for people
  };
  using Done = std::function<void(const Result&)>;

  explicit Resolver(Loop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Looks `host` up and calls `done` from the loop, never from inside this call. A new lookup
  /// replaces the one before, whose `done` is dropped; one that is still under way for the same
  /// name is not started twice.
  void lookup(const std::string& host, Done done);

  /// Drops the present `done`.
  void cancel() { done_ = nullptr; }

 private:
  struct Shared;
  void on_wake();

  Loop& loop_;
  std::shared_ptr<Shared> shared_;  ///< outlives us in a thread that hangs
  std::string host_;                ///< the name `done_` waits for
  Done done_;
};

/// Whether `host` is an IPv4 or IPv6 address that needs no lookup.
[[nodiscard]] bool is_numeric_address(const std::string& host);

}  // namespace shim
