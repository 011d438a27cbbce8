#include "tests/sim/swarm.hpp"

#include <utility>

namespace sim {
namespace {

/// So far ahead of a slow one may the others be: their outcomes are kept in memory.
constexpr std::uint64_t ahead_max = 1000;

}  // namespace

Swarm::Swarm(std::uint64_t first, std::uint64_t last, unsigned jobs, bool trace)
    : last_(last), trace_(trace), unclaimed_(first), wanted_(first) {
  for (unsigned i = 0; i < jobs; ++i) threads_.emplace_back([this] { work(); });
}

Swarm::~Swarm() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::optional<Swarm::Result> Swarm::next() {
  std::unique_lock lock(mutex_);
  if (wanted_ > last_) return std::nullopt;
  changed_.wait(lock, [this] { return done_.contains(wanted_); });
  Result result{wanted_, std::move(done_.extract(wanted_).mapped())};
  ++wanted_;
  changed_.notify_all();
  return result;
}

std::optional<std::uint64_t> Swarm::claim() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || unclaimed_ < wanted_ + ahead_max; });
  if (stopped_ || unclaimed_ > last_) return std::nullopt;
  return unclaimed_++;
}

void Swarm::work() {
  while (const auto seed = claim()) {
    Outcome outcome = run({.seed = *seed}, trace_);
    const std::scoped_lock lock(mutex_);
    done_.emplace(*seed, std::move(outcome));
    changed_.notify_all();
  }
}

}  // namespace sim
