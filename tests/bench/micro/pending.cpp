// One request through the pending table, by how many others are pending: the time must stay the
// same.

#include "shim/core/pending.hpp"

#include <benchmark/benchmark.h>

#include <string>

#include "common/check.hpp"

namespace shim {
namespace {

constexpr TimePoint start{};
constexpr Epoch epoch = 1;

Request request(std::uint64_t number) {
  Request out;
  out.id = std::to_string(number);
  out.method = mcp::Method::tools_call;
  out.accepted = start;
  out.order = number;
  return out;
}

/// The life of a request: accepted, sent, found by the id of its answer, removed. The oldest one
/// goes when a new one comes, so that the table keeps its size.
void pending(benchmark::State& state, Duration timeout) {
  const auto size = static_cast<std::uint64_t>(state.range(0));
  PendingTable table(timeout);
  std::uint64_t next = 0;
  const auto send_one = [&] {
    SHIM_CHECK(table.add(request(next)) == PendingTable::Added::ok);
    table.sent(*table.find(std::to_string(next)), epoch, {}, start);
    ++next;
  };
  while (next < size) send_one();
  for ([[maybe_unused]] auto _ : state) {
    send_one();
    const std::string answered = std::to_string(next - 1 - size);
    benchmark::DoNotOptimize(table.find(answered));
    benchmark::DoNotOptimize(table.remove(answered));
  }
  SHIM_CHECK(table.size() == size);
  state.SetComplexityN(state.range(0));
}

// The fit of the constant says how far the sizes are from it (RMS); a table that slows down with
// its size shows in the rows, and is fitted by `N` or `lgN` instead when `oAuto` is asked for.
BENCHMARK_CAPTURE(pending, plain, Duration::zero())
    ->RangeMultiplier(10)
    ->Range(1, 10000)
    ->Complexity(benchmark::o1);
BENCHMARK_CAPTURE(pending, with_timeout, std::chrono::seconds(60))
    ->RangeMultiplier(10)
    ->Range(1, 10000)
    ->Complexity(benchmark::o1);

}  // namespace
}  // namespace shim
