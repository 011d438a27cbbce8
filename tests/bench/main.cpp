// Measures the shim and what else carries lines to a WebSocket on this machine. Progress and
// problems go to stderr, the tables to stdout.

#include <signal.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench.hpp"

namespace bench {
namespace {

struct Group {
  const char* name;
  void (*measure)(Bench&);
};

const std::vector<Group> groups{{"start", measure_start},         {"latency", measure_latency},
                                {"pipelined", measure_pipelined}, {"memory", measure_memory},
                                {"idle", measure_idle},           {"reconnect", measure_reconnect},
                                {"growth", measure_growth}};

struct Options {
  bool quick = false;
  bool smoke = false;
  int runs = 0;
  std::vector<std::string> only;
  std::vector<std::string> who;
  std::vector<std::string> shims;
  std::string programs;
  std::string backend;
  std::string json;
};

/// Files that a shim keeps, out of the way of the user's own.
class PrivateFolder {
 public:
  PrivateFolder() {
    std::string path = std::filesystem::temp_directory_path() / "bench-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = path;
    for (const char* name : {"XDG_CACHE_HOME", "XDG_RUNTIME_DIR"}) {
      ::setenv(name, path.c_str(), 1);
    }
  }
  ~PrivateFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

 private:
  std::filesystem::path path_;
};

bool is_wanted(const std::vector<std::string>& wanted, const std::string& name) {
  return wanted.empty() || std::ranges::find(wanted, name) != wanted.end();
}

std::vector<Shim> shims(const Options& options) {
  std::vector<Shim> result;
  for (const auto& shim : options.shims) {
    const auto equals = shim.find('=');
    if (equals == std::string::npos) {
      result.push_back({"mcp-ws-shim", shim});
    } else {
      result.push_back({shim.substr(0, equals), shim.substr(equals + 1)});
    }
  }
  return result;
}

Bench prepare(const Options& options) {
  const auto all_shims = shims(options);
  Bench bench(options.backend, all_shims.at(0).name);
  if (options.quick) bench.scale = Scale::quick;
  if (options.smoke) bench.scale = Scale::smoke;
  bench.runs = options.runs > 0 ? options.runs : bench.pick(1, 3, 5);
  for (auto& contestant : contestants(all_shims, options.programs)) {
    if (!contestant.is_direct() && !is_wanted(options.who, contestant.name)) continue;
    if (contestant.skipped.empty()) {
      bench.contestants.push_back(contestant);
    } else {
      bench.report.note("SKIPPED: " + contestant.name + ": " + contestant.skipped);
    }
  }
  return bench;
}

/// What figures depend on, and whether anything else was running.
std::string circumstances(const Bench& bench) {
  utsname system{};
  ::uname(&system);
  std::array<double, 1> load{};
  ::getloadavg(load.data(), 1);
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), "%s, %d runs, %u cores, load %.1f before, %s %s",
                bench.pick("smoke", "quick", "full"), bench.runs,
                std::thread::hardware_concurrency(), load[0], system.sysname, system.release);
  return text.data();
}

int run(const Options& options) {
  const PrivateFolder folder;
  Bench bench = prepare(options);
  const std::string circumstance = circumstances(bench);
  for (const auto& group : groups) {
    if (is_wanted(options.only, group.name)) group.measure(bench);
  }
  std::printf("%s\n%s", circumstance.c_str(), bench.report.markdown().c_str());
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    auto figures = bench.report.json();
    figures["circumstances"] = circumstance;
    file << figures.dump(1) << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write " + options.json);
  }
  return bench.report.has_failures() ? 1 : 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  CLI::App app("Benchmarks of mcp-ws-shim", "bench");
  bench::Options options;
  std::vector<std::string> names;
  for (const auto& group : bench::groups) names.emplace_back(group.name);
  app.add_flag("--quick", options.quick, "About a minute");
  app.add_flag("--smoke", options.smoke, "A few seconds: only whether everything works");
  app.add_option("--runs", options.runs, "Runs of each measurement")->check(CLI::PositiveNumber);
  app.add_option("--only", options.only, "Group, repeatable")->check(CLI::IsMember(names));
  app.add_option("--who", options.who, "Contestant, repeatable; direct always takes part");
  app.add_option("--shim", options.shims, "[NAME=]PATH, repeatable; ratios are to the first")
      ->required();
  app.add_option("--programs", options.programs, "Folder with the contestants' programs")
      ->required();
  app.add_option("--backend", options.backend, "The echo backend")->required();
  app.add_option("--json", options.json, "Also writes the figures to this file");
  CLI11_PARSE(app, argc, argv);
  try {
    return bench::run(options);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "bench: %s\n", problem.what());
    return 1;
  }
}
