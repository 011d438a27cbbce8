// What a fleet does when its one backend dies and comes back, as a table (Markdown).

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/units.hpp"
#include "tests/bench/herd/simulation.hpp"

namespace {

using shim::Duration;

Duration duration_of(const std::string& text) {
  const auto span = shim::parse_duration(text);
  if (!span) throw CLI::ValidationError("a duration is written like 250ms or 10s, not " + text);
  return *span;
}

shim::Jitter jitter_of(const std::string& text) {
  using Kind = shim::Jitter::Kind;
  if (text == "full") return {Kind::full, 0};
  if (text == "equal") return {Kind::equal, 0};
  double ratio = 0;
  if (!CLI::detail::lexical_cast(text, ratio) || !(ratio >= 0 && ratio <= 1)) {
    throw CLI::ValidationError("a jitter is full, equal or a ratio from 0 to 1, not " + text);
  }
  return {Kind::ratio, ratio};
}

struct Options {
  std::vector<std::size_t> clients{1000, 10000, 100000};
  std::vector<std::string> outages{"2s", "20s"};
  std::vector<std::string> jitters{"full", "equal", "0.1", "0"};
  std::string base = "500ms";
  std::string cap = "15s";
  std::string connect_timeout = "10s";
  std::string ask_interval = "5s";
  bool histogram = false;
  herd::Scenario scenario;
};

void describe(CLI::App& app, Options& options) {
  herd::Scenario& scenario = options.scenario;
  app.add_option("--clients", options.clients, "How many, several with commas between")
      ->delimiter(',')
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--outage", options.outages, "How long the backend is away")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--jitter", options.jitters, "As the shim's --jitter")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--backoff-base", options.base)->capture_default_str();
  app.add_option("--backoff-cap", options.cap)->capture_default_str();
  app.add_option("--connect-timeout", options.connect_timeout)->capture_default_str();
  app.add_option("--accepts", scenario.accepts_per_second,
                 "New connections the backend can serve a second")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--backlog", scenario.backlog,
                 "Connections that wait for it; what comes then is dropped")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--asking", scenario.asking, "Which part of the hosts sends requests meanwhile")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--ask-interval", options.ask_interval, "How often each of them does")
      ->capture_default_str();
  app.add_option("--seed", scenario.seed)->capture_default_str();
  app.add_flag("--histogram", options.histogram,
               "Also attempts in each 100 ms, as lines of their own");
}

void row(const herd::Scenario& scenario, const std::string& jitter, const herd::Outcome& outcome) {
  const auto at = [&](double part) {
    return shim::seconds(herd::ready_by(outcome, scenario.clients, part));
  };
  const auto clients = static_cast<double>(scenario.clients);
  std::printf("| %s | %zu | %s | %.1f s | %.1f s | %.1f s | %u | %u | %.1f | %.1f | %llu | %zu |\n",
              jitter.c_str(), scenario.clients, shim::format_duration(scenario.outage).c_str(),
              at(0.5), at(0.99), at(1), herd::peak(outcome, Duration::zero()),
              herd::peak(outcome, scenario.outage), static_cast<double>(outcome.attempts) / clients,
              static_cast<double>(outcome.timed_out) / clients,
              static_cast<unsigned long long>(outcome.served_in_vain),
              scenario.clients - outcome.ready_after.size());
  std::fflush(stdout);
}

void histogram(const herd::Outcome& outcome) {
  for (std::size_t i = 0; i < outcome.attempts_by_slot.size(); ++i) {
    if (outcome.attempts_by_slot[i] == 0) continue;
    std::printf("%.1f s %u\n", 0.1 * static_cast<double>(i), outcome.attempts_by_slot[i]);
  }
}

void run(Options& options) {
  herd::Scenario& scenario = options.scenario;
  scenario.backoff.base = duration_of(options.base);
  scenario.backoff.cap = duration_of(options.cap);
  scenario.connect_timeout = duration_of(options.connect_timeout);
  scenario.ask_interval = duration_of(options.ask_interval);
  if (scenario.backoff.base <= Duration::zero() || scenario.backoff.cap < scenario.backoff.base ||
      scenario.connect_timeout <= Duration::zero() || scenario.ask_interval <= Duration::zero()) {
    throw CLI::ValidationError("durations must be above zero, and the cap not below the base");
  }
  std::vector<Duration> outages;
  std::vector<shim::Jitter> jitters;
  for (const std::string& outage : options.outages) outages.push_back(duration_of(outage));
  for (const std::string& jitter : options.jitters) jitters.push_back(jitter_of(jitter));
  std::printf(
      "| jitter | clients | outage | 50 %% ready | 99 %% ready | all ready | "
      "peak per 100 ms | peak after the return | attempts per client | of them timed out | "
      "served in vain | never ready |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const std::size_t clients : options.clients) {
    for (const Duration outage : outages) {
      for (std::size_t i = 0; i < jitters.size(); ++i) {
        scenario.clients = clients;
        scenario.outage = outage;
        scenario.backoff.jitter = jitters[i];
        const herd::Outcome outcome = herd::simulate(scenario);
        row(scenario, options.jitters[i], outcome);
        if (options.histogram) histogram(outcome);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A fleet of shims whose one backend dies and comes back, on a virtual clock"};
  Options options;
  describe(app, options);
  try {
    app.parse(argc, argv);
    run(options);
  } catch (const CLI::Error& error) {
    return app.exit(error);
  }
  return 0;
}
