#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "contestant.hpp"
#include "report.hpp"
#include "session.hpp"

namespace bench {

/// How much is measured: only that everything works, in a minute, in a quarter of an hour.
enum class Scale { smoke, quick, full };

/// What a benchmark works with and adds its figures to.
struct Bench {
  /// Ratios are to the contestant `base`.
  Bench(std::string echo_backend, std::string base)
      : backend_program(std::move(echo_backend)), report(std::move(base)) {}

  Scale scale = Scale::full;
  int runs = 5;
  std::string backend_program;
  std::vector<Contestant> contestants;  // those that take part; the first one is direct
  Report report;

  template <typename Value>
  [[nodiscard]] Value pick(Value smoke, Value quick, Value full) const {
    return scale == Scale::smoke ? smoke : scale == Scale::quick ? quick : full;
  }

  /// A session with the backend that all share.
  [[nodiscard]] std::unique_ptr<Session> start(const Contestant& contestant,
                                               Stdio stdio = Stdio::pipes);

  /// Whether it connects again. Tried once; who does not is named in the report.
  [[nodiscard]] bool reconnects(const Contestant& contestant);

  /// Does it for every contestant in turn, `runs` times; with the number of the run. One that fails
  /// is named in the report and left out from then on.
  using Measure = std::function<void(const Contestant&, int)>;
  void interleaved(const std::string& what, int times, const Measure& measure);

 private:
  /// Started at the first use.
  [[nodiscard]] Backend& backend(Contestant::Wire wire);

  std::map<std::string, bool> reconnects_;
  std::unique_ptr<Backend> websocket_;
  std::unique_ptr<Backend> lines_;
};

void measure_start(Bench& bench);
void measure_latency(Bench& bench);
void measure_pipelined(Bench& bench);
void measure_memory(Bench& bench);
void measure_idle(Bench& bench);
void measure_reconnect(Bench& bench);
void measure_growth(Bench& bench);

/// The sizes of messages as tables name them.
struct Size {
  const char* name;
  std::size_t bytes;
};

[[nodiscard]] double percentile(std::vector<double>& samples, double share);
[[nodiscard]] const char* name_of(Stdio stdio);

}  // namespace bench
