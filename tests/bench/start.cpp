// From the start of the process until `initialize` is answered, and from the end of input to its
// end.

#include <thread>

#include "bench.hpp"

namespace bench {

void measure_start(Bench& bench) {
  constexpr double ms = 1e-3;
  constexpr const char* table = "Start and end, ms";
  const int times = bench.pick(1, 5, 30);
  bench.interleaved("start", times, [&](const Contestant& contestant, int) {
    const auto session = bench.start(contestant);
    const auto add = [&](const char* column, double seconds) {
      bench.report.add(table, contestant.name, column, seconds / ms);
    };
    add("start to `initialize` answered", session->start_seconds());
    if (contestant.is_direct()) return;
    add("CPU until then", session->start_cpu());
    session->call(1);
    // What only the start needs is over by then.
    std::this_thread::sleep_for(std::chrono::milliseconds(bench.pick(1, 20, 100)));
    const auto end = Clock::now();
    if (!session->end()) throw std::runtime_error("it does not end with its input");
    add("end of input to exit", seconds_since(end));
  });
}

}  // namespace bench
