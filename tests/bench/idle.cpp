// What a contestant does while nothing is asked of it.

#include <map>
#include <thread>

#include "field.hpp"

namespace bench {

void measure_idle(Bench& bench) {
  const double span = bench.pick(0.2, 5.0, 30.0);
  Field field(bench, "idle");
  struct Before {
    double switches = 0;
    double cpu = 0;
  };
  std::map<std::string, Before> before;
  field.each([](Session& session, const std::string&) { session.call(100); });
  // What the calls have left to be done is over by then.
  std::this_thread::sleep_for(Seconds(bench.pick(0.01, 1.0, 2.0)));
  const auto start = Clock::now();
  field.each([&](Session& session, const std::string& name) {
    before[name] = {static_cast<double>(context_switches(session.pid())), session.cpu()};
  });
  std::this_thread::sleep_for(Seconds(span));
  const double seconds = seconds_since(start);
  field.each([&](Session& session, const std::string& name) {
    const auto add = [&](const char* column, double value) {
      bench.report.add("Idle with a link", name, column, value);
    };
    const double switches = static_cast<double>(context_switches(session.pid()));
    add("wake-ups a second", (switches - before[name].switches) / seconds);
    add("CPU, % of a core", (session.cpu() - before[name].cpu) / seconds * 100);
  });
}

}  // namespace bench
