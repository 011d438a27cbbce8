// Resident memory at rest, under load, and at rest again.

#include <thread>

#include "field.hpp"

namespace bench {
namespace {

constexpr const char* resident = "Resident memory, MiB";
constexpr const char* own = "Of that shared with no other process, MiB";

void many_small(Session& session, int rounds) {
  constexpr int window = 64;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < window; ++i) session.put(echo_request(session.next_id(), 200));
    for (int i = 0; i < window; ++i) static_cast<void>(session.receive());
  }
}

void one_long(Session& session) {
  const std::size_t id = session.next_id();
  session.request(echo_request(id, 10000000), id);
}

}  // namespace

void measure_memory(Bench& bench) {
  const int rounds = bench.pick(1, 100, 1000);
  const auto rest = [&] { std::this_thread::sleep_for(Seconds(bench.pick(0.01, 1.0, 3.0))); };
  for (int run = 0; run < bench.pick(1, 1, 3); ++run) {
    Field field(bench, "memory");
    const auto at_rest = [&](const std::string& when) {
      rest();
      field.each([&](Session& session, const std::string& name) {
        const Memory now = memory(session.pid());
        bench.report.add(resident, name, when, now.resident);
        bench.report.add(own, name, when, now.own);
      });
    };
    const auto peak = [&](const std::string& load, const std::function<void(Session&)>& work) {
      field.each([&](Session& session, const std::string& name) {
        forget_peak(session.pid());
        work(session);
        bench.report.add(resident, name, load, memory(session.pid()).peak);
      });
    };
    field.each([](Session& session, const std::string&) { session.call(100); });
    at_rest("idle after 100 calls");
    peak("peak, 64 calls of 200 B in flight", [&](Session& each) { many_small(each, rounds); });
    peak("peak, echo of 10 MB", one_long);
    at_rest("idle afterwards");
  }
}

}  // namespace bench
