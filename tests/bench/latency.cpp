// One request at a time: how long until its answer is there, and what that costs the contestant.

#include <map>
#include <stdexcept>

#include "bench.hpp"

namespace bench {
namespace {

constexpr double us = 1e-6;

const std::vector<Size> sizes{
    {"200 B", 200}, {"4 KiB", 4096}, {"64 KiB", 65536}, {"1 MiB", 1048576}, {"10 MB", 10000000}};

/// Per message, in microseconds.
struct Figures {
  double median;
  double p99;
  double cpu;
};

/// Round trips for so many seconds, but a few at least.
Figures measure(Session& session, std::size_t size, double seconds) {
  constexpr std::size_t fewest = 3;
  std::vector<double> times;
  const double cpu = session.cpu();
  const auto begin = Clock::now();
  while (times.size() < fewest || seconds_since(begin) < seconds) {
    const std::size_t id = session.next_id();
    const std::string message = echo_request(id, size);
    const auto start = Clock::now();
    const std::size_t answer = session.request(message, id).size();
    times.push_back(seconds_since(start) / us);
    // Members may be in another order; the text is all there.
    if (answer + 100 < message.size()) throw std::runtime_error("an answer is not complete");
  }
  const double spent = session.cpu() - cpu;
  return {percentile(times, 0.5), percentile(times, 0.99),
          spent / static_cast<double>(times.size()) / us};
}

void measure_over(Bench& bench, Stdio stdio) {
  const std::string suffix = std::string(", ") + name_of(stdio);
  const double seconds = bench.pick(0.002, 0.05, 0.2);
  std::map<std::string, std::unique_ptr<Session>> sessions;
  for (const auto& size : sizes) {
    double direct = 0;
    const auto one = [&](const Contestant& contestant, int run) {
      auto& session = sessions[contestant.name];
      if (!session) {
        session = bench.start(contestant, stdio);
      }
      if (run == 0) static_cast<void>(measure(*session, size.bytes, seconds / 2));  // warms up
      const Figures figures = measure(*session, size.bytes, seconds);
      const auto add = [&](const std::string& what, double value) {
        bench.report.add(what + suffix, contestant.name, size.name, value);
      };
      add("Round trip, p50, µs", figures.median);
      add("Round trip, p99, µs", figures.p99);
      if (contestant.is_direct()) {
        direct = figures.median;
      } else {
        add("Added to a round trip, p50, µs", figures.median - direct);
        add("CPU for a round trip, µs", figures.cpu);
      }
    };
    bench.interleaved("latency" + suffix + ", " + size.name, bench.runs, one);
  }
}

}  // namespace

void measure_latency(Bench& bench) {
  measure_over(bench, Stdio::pipes);
  measure_over(bench, Stdio::socketpairs);
}

}  // namespace bench
