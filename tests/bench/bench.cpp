#include "bench.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <set>

namespace bench {

Backend& Bench::backend(Contestant::Wire wire) {
  auto& backend = wire == Contestant::Wire::lines ? lines_ : websocket_;
  if (!backend) backend = std::make_unique<Backend>(backend_program, wire);
  return *backend;
}

std::unique_ptr<Session> Bench::start(const Contestant& contestant, Stdio stdio) {
  return std::make_unique<Session>(contestant, stdio, backend(contestant.wire).port());
}

bool Bench::reconnects(const Contestant& contestant) {
  if (contestant.is_direct()) return false;
  const auto [entry, is_new] = reconnects_.try_emplace(contestant.name, true);
  if (!is_new || contestant.is_shim) return entry->second;
  const auto session = start(contestant);
  try {
    constexpr double limit = 5;  // the most patient of the others waits for 1 s
    session->put(tool_request(session->next_id(), "drop"));
    session->flush();
    entry->second = session->find([](auto) { return false; }, 0.2);
    for (int i = 0; i < 10 && !entry->second; ++i) {
      const std::size_t id = session->next_id();
      session->put(echo_request(id, 200));
      entry->second = session->find([id](auto text) { return answers(text, id); }, limit / 10);
    }
  } catch (const std::exception&) {
    entry->second = false;  // it has ended with its connection
  }
  if (!entry->second) {
    report.note("SKIPPED: " + contestant.name +
                ", all about reconnects: it does not connect again");
  }
  return entry->second;
}

void Bench::interleaved(const std::string& what, int times, const Measure& measure) {
  std::set<std::string> failed;
  for (int run = 0; run < times; ++run) {
    std::fprintf(stderr, "%s: %d of %d\n", what.c_str(), run + 1, times);
    for (const auto& contestant : contestants) {
      if (failed.contains(contestant.name)) continue;
      try {
        measure(contestant, run);
      } catch (const std::exception& problem) {
        failed.insert(contestant.name);
        report.failure(contestant.name, what, problem.what());
      }
    }
  }
}

double percentile(std::vector<double>& samples, double share) {
  std::ranges::sort(samples);
  const auto at = static_cast<std::size_t>(share * static_cast<double>(samples.size()));
  return samples[std::min(at, samples.size() - 1)];
}

const char* name_of(Stdio stdio) { return stdio == Stdio::pipes ? "pipes" : "socketpairs"; }

}  // namespace bench
