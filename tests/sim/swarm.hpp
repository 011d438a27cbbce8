#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "tests/sim/run.hpp"

namespace sim {

/// Runs seeds on several threads and hands over what came of them in the order of the seeds, so
/// that what is printed does not depend on how many threads there are.
class Swarm {
 public:
  /// Both seeds included. `jobs`: threads.
  Swarm(std::uint64_t first, std::uint64_t last, unsigned jobs, bool trace);
  /// Waits for the runs under way.
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  struct Result {
    std::uint64_t seed = 0;
    Outcome outcome;
  };
  /// Waits for the next one; nothing after the last.
  [[nodiscard]] std::optional<Result> next();

 private:
  void work();
  [[nodiscard]] std::optional<std::uint64_t> claim();

  const std::uint64_t last_;
  const bool trace_;
  std::mutex mutex_;  ///< of all below
  std::condition_variable changed_;
  std::uint64_t unclaimed_;  ///< the next seed to be run
  std::uint64_t wanted_;     ///< the next one to be handed over
  bool stopped_ = false;
  std::map<std::uint64_t, Outcome> done_;
  std::vector<std::thread> threads_;
};

}  // namespace sim
