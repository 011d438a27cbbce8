// How cost grows with what there is more of: the exponent of a power law through the points. 0 is
// constant, 1 is linear.

#include <cmath>
#include <map>
#include <string>

#include "bench.hpp"
#include "reconnect.hpp"

namespace bench {
namespace {

constexpr const char* exponents = "Growth, exponent (0: constant, 1: linear)";
constexpr double us = 1e-6;

struct Point {
  double amount;
  double cost;
};

/// Least squares on a double logarithmic scale.
double exponent(const std::vector<Point>& points) {
  double x = 0, y = 0, xx = 0, xy = 0;
  for (const auto& point : points) {
    const double a = std::log(point.amount);
    const double b = std::log(point.cost);
    x += a;
    y += b;
    xx += a * a;
    xy += a * b;
  }
  const auto n = static_cast<double>(points.size());
  return (n * xy - x * y) / (n * xx - x * x);
}

struct Cost {
  double time;
  double cpu;
};

Cost round_trips(Session& session, std::size_t size, int count) {
  std::vector<double> times;
  const double cpu = session.cpu();
  for (int i = 0; i < count; ++i) {
    const std::size_t id = session.next_id();
    const std::string message = echo_request(id, size);
    const auto start = Clock::now();
    session.request(message, id);
    times.push_back(seconds_since(start));
  }
  return {percentile(times, 0.5), (session.cpu() - cpu) / count};
}

/// From where the size outweighs what each message costs.
void with_size(Bench& bench) {
  const std::vector<Size> sizes{
      {"256 KiB", 1 << 18}, {"1 MiB", 1 << 20}, {"4 MiB", 1 << 22}, {"16 MiB", 1 << 24}};
  const int count = bench.pick(1, 3, 9);
  bench.interleaved(
      "growth with size", bench.pick(1, 1, 3), [&](const Contestant& contestant, int) {
        const auto session = bench.start(contestant);
        std::vector<Point> time;
        std::vector<Point> cpu;
        for (const auto& size : sizes) {
          const Cost cost = round_trips(*session, size.bytes, count);
          const auto amount = static_cast<double>(size.bytes);
          time.push_back({amount, cost.time});
          cpu.push_back({amount, cost.cpu});
          bench.report.add("Growth: round trip of one message, ms", contestant.name, size.name,
                           cost.time * 1e3);
        }
        bench.report.add(exponents, contestant.name, "time with size", exponent(time));
        if (contestant.is_direct()) return;
        bench.report.add(exponents, contestant.name, "CPU with size", exponent(cpu));
      });
}

/// Calls that the backend does not answer before it is told to.
void with_pending(Bench& bench) {
  const std::vector<std::size_t> amounts{10, 100, 1000, 10000};
  const int count = bench.pick(5, 300, 2000);
  bench.interleaved("growth with pending", bench.pick(1, 2, 5),
                    [&](const Contestant& contestant, int) {
                      const auto session = bench.start(contestant);
                      session->call(count);
                      std::vector<Point> cpu;
                      std::size_t pending = 0;
                      for (const auto amount : amounts) {
                        for (; pending < amount; ++pending) {
                          session->put(tool_request(session->next_id(), "hold"));
                          session->send_all();
                        }
                        session->call(1);
                        const Cost cost = round_trips(*session, 200, count);
                        const std::string column = std::to_string(amount) + " pending";
                        bench.report.add("Growth: round trip of 200 B, µs", contestant.name, column,
                                         cost.time / us);
                        if (contestant.is_direct()) continue;
                        cpu.push_back({static_cast<double>(amount), cost.cpu});
                        bench.report.add("Growth: CPU for a round trip of 200 B, µs",
                                         contestant.name, column, cost.cpu / us);
                      }
                      const auto start = Clock::now();
                      const std::size_t id = session->next_id();
                      session->request(tool_request(id, "release"), id);
                      bench.report.add("Growth: round trip of 200 B, µs", contestant.name,
                                       "to settle 10000, each",
                                       seconds_since(start) / static_cast<double>(pending) / us);
                      if (contestant.is_direct()) return;
                      bench.report.add(exponents, contestant.name,
                                       "CPU of a call with pending calls", exponent(cpu));
                    });
}

void with_reconnects(Bench& bench) {
  const std::vector<int> amounts =
      bench.pick<std::vector<int>>({1, 2}, {4, 16, 64}, {10, 100, 1000});
  bench.interleaved(
      "growth with reconnects", bench.pick(1, 1, 3), [&](const Contestant& contestant, int) {
        if (!bench.reconnects(contestant)) return;
        const auto session = bench.start(hasty(contestant));
        for (int i = 0; i < 3; ++i) reconnect(*session);  // warms up
        const double before = session->cpu();
        std::vector<Point> cpu;
        std::vector<Point> held;
        int done = 0;
        for (const int amount : amounts) {
          for (; done < amount; ++done) reconnect(*session);
          const double spent = session->cpu() - before;
          const double resident = memory(session->pid()).resident;
          cpu.push_back({static_cast<double>(amount), spent});
          held.push_back({static_cast<double>(amount), resident});
          const std::string column = "after " + std::to_string(amount);
          bench.report.add("Growth: CPU for a reconnect so far, µs", contestant.name, column,
                           spent / amount / us);
          bench.report.add("Growth: resident memory with reconnects, MiB", contestant.name, column,
                           resident);
        }
        bench.report.add(exponents, contestant.name, "CPU with reconnects", exponent(cpu));
        bench.report.add(exponents, contestant.name, "memory with reconnects", exponent(held));
      });
}

}  // namespace

void measure_growth(Bench& bench) {
  bench.report.without_ratios(exponents);
  with_size(bench);
  with_pending(bench);
  with_reconnects(bench);
}

}  // namespace bench
