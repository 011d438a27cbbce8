#include "tests/sim/options.hpp"

#include <algorithm>
#include <charconv>
#include <random>
#include <string_view>
#include <thread>

namespace sim {
namespace {

template <typename Number>
bool read(std::string_view text, Number& value, int base = 10) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && rest == text.data() + text.size();
}

/// `A:B`, both included.
bool read_range(std::string_view text, Options& options) {
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos && read(text.substr(0, colon), options.first) &&
         read(text.substr(colon + 1), options.last) && options.first <= options.last;
}

bool read_parts(std::string_view text, Scenario& scenario) {
  scenario.only.emplace();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    Part part = 0;
    if (!read(text.substr(0, end), part, 16)) return false;
    scenario.only->insert(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

bool read_time(std::string_view text, Duration unit, Duration& time) {
  std::uint32_t count = 0;
  if (!read(text, count)) return false;
  time = count * unit;
  return true;
}

/// Seeds that no soak is likely to have run before.
std::uint64_t fresh_seed() { return std::uint64_t{std::random_device()()} << 20U; }

bool read_option(std::string_view name, std::string_view value, Options& options) {
  using What = Options::What;
  if (name == "--trace") {
    options.trace = true;
  } else if (name == "--jobs") {
    return read(value, options.jobs) && options.jobs > 0;
  } else if (name == "--seed") {
    options.what = What::one;
    return read(value, options.scenario.seed);
  } else if (name == "--seeds") {
    options.what = What::range;
    return read_range(value, options);
  } else if (name == "--soak") {
    options.what = What::soak;
    options.first = fresh_seed();
    return value.empty() || read(value, options.first);
  } else if (name == "--shrink") {
    options.what = What::shrink;
    return read(value, options.scenario.seed);
  } else if (name == "--shrink-seconds") {
    return read_time(value, std::chrono::seconds(1), options.shrink_time);
  } else if (name == "--only") {
    return read_parts(value, options.scenario);
  } else if (name == "--faults-ms") {
    return read_time(value, std::chrono::milliseconds(1), options.scenario.faults_for.emplace());
  }
  return true;
}

}  // namespace

std::optional<Options> read_options(int argc, char** argv) {
  Options options;
  options.jobs = std::max(std::thread::hardware_concurrency(), 1U);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t equals = std::min(argument.find('='), argument.size());
    const std::string_view value = argument.substr(std::min(equals + 1, argument.size()));
    if (!read_option(argument.substr(0, equals), value, options)) return std::nullopt;
  }
  return options;
}

}  // namespace sim
