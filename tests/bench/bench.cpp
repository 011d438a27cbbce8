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
        report.note("FAILED: " + contestant.name + ", " + what + ": " + problem.what());
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
