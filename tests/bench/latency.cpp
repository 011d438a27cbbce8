// One request at a time: how long until its answer is there, and what that costs the contestant.

#include <map>

#include "bench.hpp"

namespace bench {
namespace {

constexpr double us = 1e-6;

const std::vector<Size> sizes{
    {"200 B", 200}, {"4 KiB", 4096}, {"64 KiB", 65536}, {"1 MiB", 1048576}, {"10 MB", 10000000}};

/// As many as take each contestant a fraction of a second.
int repetitions(const Bench& bench, std::size_t size) {
  const int most = bench.pick(3, 400, 2000);
  const int least = bench.pick(2, 3, 5);
  return std::max(least, std::min(most, static_cast<int>(bench.pick(3e5, 1e7, 4e7) /
                                                         static_cast<double>(size))));
}

/// Per message, in microseconds.
struct Figures {
  double median;
  double p99;
  double cpu;
};

Figures measure(Session& session, std::size_t size, int count) {
  std::vector<double> times;
  times.reserve(static_cast<std::size_t>(count));
  const double cpu = session.cpu();
  for (int i = 0; i < count; ++i) {
    const std::size_t id = session.next_id();
    const std::string message = echo_request(id, size);
    const auto start = Clock::now();
    session.request(message, id);
    times.push_back(seconds_since(start) / us);
  }
  const double spent = session.cpu() - cpu;
  return {percentile(times, 0.5), percentile(times, 0.99), spent / count / us};
}

void measure_over(Bench& bench, Stdio stdio) {
  const std::string suffix = std::string(", ") + name_of(stdio);
  std::map<std::string, std::unique_ptr<Session>> sessions;
  for (const auto& size : sizes) {
    const int count = repetitions(bench, size.bytes);
    double direct = 0;
    const auto one = [&](const Contestant& contestant, int run) {
      auto& session = sessions[contestant.name];
      if (!session) {
        session =
            std::make_unique<Session>(contestant, stdio, bench.backend(contestant.wire).port());
      }
      if (run == 0) static_cast<void>(measure(*session, size.bytes, count));  // warms up
      const Figures figures = measure(*session, size.bytes, count);
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
