#include "common/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace shim {
namespace {

using namespace std::chrono_literals;

/// Splits `text` into a plain non-negative decimal number and the rest.
std::optional<std::pair<double, std::string_view>> split_number(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  return std::pair(number, text.substr(static_cast<std::size_t>(rest - text.data())));
}

struct TimeUnit {
  std::string_view name;
  Duration length;
};
constexpr std::array<TimeUnit, 4> time_units{{{"h", 1h}, {"m", 1min}, {"s", 1s}, {"ms", 1ms}}};

struct SizeUnit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array<SizeUnit, 4> size_units{
    {{"GiB", 1ULL << 30U}, {"MiB", 1ULL << 20U}, {"KiB", 1ULL << 10U}, {"B", 1}}};

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  constexpr Duration longest = 10'000h;
  const auto parts = split_number(text);
  if (!parts) return std::nullopt;
  const auto [number, unit] = *parts;
  if (unit.empty()) return number == 0 ? std::optional(Duration::zero()) : std::nullopt;
  for (const TimeUnit& known : time_units) {
    if (unit != known.name) continue;
    const double nanoseconds = number * static_cast<double>(known.length.count());
    if (nanoseconds > static_cast<double>(longest.count())) return std::nullopt;
    // Beyond some days a double no longer tells single nanoseconds apart.
    constexpr double exact_below = 1LL << 50;
    const Duration::rep step = nanoseconds < exact_below ? 1 : 1000;
    return Duration(std::llround(nanoseconds / static_cast<double>(step)) * step);
  }
  return std::nullopt;
}

std::optional<std::size_t> parse_size(std::string_view text) {
  constexpr std::uint64_t largest = 1ULL << 40U;
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > largest) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(rest - text.data()));
  if (unit.empty()) return number;
  for (const SizeUnit& known : size_units) {
    if (unit != known.name) continue;
    return number > largest / known.bytes ? std::nullopt : std::optional(number * known.bytes);
  }
  return std::nullopt;
}

std::string format_duration(Duration span) {
  if (span == Duration::zero()) return "0";
  for (const TimeUnit& unit : time_units) {
    if (span % unit.length == Duration::zero()) {
      return std::to_string(span / unit.length).append(unit.name);
    }
  }
  std::string fraction = std::to_string(span % 1ms / 1ns);
  fraction.insert(0, 6 - fraction.size(), '0');
  fraction.resize(fraction.find_last_not_of('0') + 1);
  return std::to_string(span / 1ms) + "." + fraction + "ms";
}

std::string format_size(std::size_t bytes) {
  if (bytes == 0) return "0";
  for (const SizeUnit& unit : size_units) {
    if (unit.bytes > 1 && bytes % unit.bytes == 0) {
      return std::to_string(bytes / unit.bytes).append(unit.name);
    }
  }
  return std::to_string(bytes);
}

std::string describe_duration(Duration span) {
  std::array<char, 48> buffer{};
  int length = 0;
  const long long whole = milliseconds(span) / 1000;
  if (span < 1s) {
    length = std::snprintf(buffer.data(), buffer.size(), "%lld ms", milliseconds(span));
  } else if (span < 1min) {
    const bool is_round = span % 1s < 50ms || span % 1s >= 950ms;
    length =
        std::snprintf(buffer.data(), buffer.size(), is_round ? "%.0f s" : "%.1f s", seconds(span));
  } else if (span < 1h) {
    length = std::snprintf(buffer.data(), buffer.size(), "%lld min %lld s", whole / 60, whole % 60);
  } else {
    length = std::snprintf(buffer.data(), buffer.size(), "%lld h %lld min", whole / 3600,
                           whole / 60 % 60);
  }
  return {buffer.data(), static_cast<std::size_t>(length)};
}

}  // namespace shim
