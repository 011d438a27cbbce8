// Measures what the README promises and prints it as a table. All figures come from the real
// program against the fake backend on this machine.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

using Seconds = std::chrono::duration<double>;

double seconds_since(Clock::time_point start) { return Seconds(Clock::now() - start).count(); }

/// One row: what is measured, what is promised, and median and worst of some runs.
void row(const char* what, const char* promised, double unit, const char* unit_name,
         std::vector<double> values) {
  std::ranges::sort(values);
  std::printf("| %s | %s | %.4g %s | %.4g %s | %zu |\n", what, promised,
              values[values.size() / 2] / unit, unit_name, values.back() / unit, unit_name,
              values.size());
  std::fflush(stdout);
}

std::vector<double> repeat(int runs, const std::function<double()>& measure) {
  std::vector<double> values;
  for (int i = 0; i < runs; ++i) values.push_back(measure());
  return values;
}

/// A session whose backend dies, stays away and comes back.
struct Outage {
  Backend backend{Arguments{}};
  Host host{Arguments{} + backend.url()};

  Outage() { host.initialize(); }
};

double start_to_initialize() {
  Backend backend(Arguments{});
  const auto start = Clock::now();
  Host host(Arguments{} + backend.url());
  host.initialize();
  return seconds_since(start);
}

double loss_to_outcome_unknown() {
  Outage outage;
  const int call = outage.host.call("sleep", {{"ms", 60000}});
  outage.host.expect("the call to arrive", outage.backend.has_received("tools/call"));
  outage.backend.kill();
  const auto start = Clock::now();
  outage.host.expect_tool_failure(call, "outcome-unknown");
  return seconds_since(start);
}

double return_to_answer_of_active_host(Millis away) {
  Outage outage;
  outage.backend.kill();
  const auto gone = Clock::now();
  int last = 0;
  const auto ask = [&](Millis span) {
    const auto end = Clock::now() + span;
    while (Clock::now() < end) {
      last = outage.host.call("echo", {{"text", "x"}});
      outage.host.linger(100ms);
    }
  };
  ask(away - since(gone));
  outage.backend.start();
  const auto start = Clock::now();
  const int first = last;
  while (!outage.host.is_answered(first) && seconds_since(start) < 30) ask(20ms);
  return seconds_since(start);
}

double return_to_ready_of_silent_host(Millis away) {
  Outage outage;
  outage.backend.kill();
  outage.host.linger(away);
  outage.backend.start();
  const auto start = Clock::now();
  outage.host.expect("the link to be ready again",
                     outage.backend.has_received("notifications/initialized"), 30s);
  return seconds_since(start);
}

double end_of_input_to_exit() {
  Outage outage;
  outage.host.linger(100ms);
  const auto start = Clock::now();
  outage.host.close_input();
  outage.host.expect_exit();
  return seconds_since(start);
}

void idle_rows() {
  Outage outage;
  for (int i = 0; i < 100; ++i) outage.host.expect_text(outage.host.call("echo", {{"text", "x"}}));
  outage.host.linger(1s);
  constexpr double span = 20;
  const auto switches = voluntary_switches(outage.host.pid());
  const auto cpu = cpu_time(outage.host.pid());
  outage.host.linger(Millis(static_cast<int>(span * 1000)));
  row("wake-ups, idle with a link, over 20 s", "≤ 2 /s", 1, "/s",
      {static_cast<double>(voluntary_switches(outage.host.pid()) - switches) / span});
  row("CPU, idle with a link, over 20 s", "< 0.1 %", 1, "%",
      {static_cast<double>((cpu_time(outage.host.pid()) - cpu).count()) / 1000 / span * 100});
  row("resident memory, idle after 100 calls", "< 8 MiB", 1024, "MiB",
      {static_cast<double>(resident_kib(outage.host.pid()))});
}

TEST_CASE("figures") {
  constexpr double ms = 1e-3;
  std::printf("| what | promised | median | worst | runs |\n|---|---|---|---|---|\n");
  row("process start to `initialize` answered", "< 20 ms", ms, "ms",
      repeat(30, start_to_initialize));
  row("link lost to `outcome-unknown`", "< 100 ms", ms, "ms", repeat(20, loss_to_outcome_unknown));
  row("backend listens to first answer, host asks every 100 ms, 2 s outage", "< 1.2 s", ms, "ms",
      repeat(10, [] { return return_to_answer_of_active_host(2s); }));
  row("the same, 20 s outage", "< 1.2 s", ms, "ms",
      repeat(3, [] { return return_to_answer_of_active_host(20s); }));
  row("backend listens to ready, silent host, 5 s outage", "≤ the cap, 15 s", ms, "ms",
      repeat(6, [] { return return_to_ready_of_silent_host(5s); }));
  row("end of input to exit, idle", "< 100 ms", ms, "ms", repeat(20, end_of_input_to_exit));
  idle_rows();
}

}  // namespace
}  // namespace e2e
