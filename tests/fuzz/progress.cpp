// Invariant: the host sees values increase where the backend's do, whatever the shim puts between.

#include "shim/core/progress.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>

#include "common/jsonrpc.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace shim;
using namespace std::chrono_literals;

/// What a host knows of one token.
struct Seen {
  std::optional<double> value;  ///< the last one it was given; nothing of a number too large
  bool was_ours = false;        ///< it came from the shim, in one way or the other
  bool beyond = false;          ///< a value was beyond what a double can tell apart
  std::size_t pending = 0;
  std::size_t quiet = 0;  ///< of these
};

double number(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

bool is_number(std::string_view raw) {
  return !raw.empty() && (raw.front() == '-' || (raw.front() >= '0' && raw.front() <= '9'));
}

void check_ours(const std::string& value, Seen& seen) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  SHIM_CHECK(reader.read(value, message) == jsonrpc::Read::message && is_number(value));
  const double now = number(value);
  const double before = seen.value.value_or(0);
  SHIM_CHECK(now > before);
  // It vanishes beside any step of a backend.
  SHIM_CHECK(now - before <= 2e-9 ||
             now == std::nextafter(before, std::numeric_limits<double>::infinity()));
  seen.value = now;
  seen.was_ours = true;
}

void report(ProgressTokens& tokens, std::string_view token, std::string_view raw, TimePoint now,
            Seen& seen) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  if (reader.read(raw, message) != jsonrpc::Read::message) return;   // never comes that far
  if (raw.find_first_of(" \t\r") != std::string_view::npos) return;  // nor does white space
  if (!tokens.contains(token)) return;
  const std::string replaced = tokens.reported(token, raw, now);
  if (!is_number(raw)) SHIM_CHECK(replaced.empty());
  if (!is_number(raw) || seen.beyond) return;
  const double value = number(std::string(raw));
  if (std::abs(value) > 1e300) {
    seen.beyond = true;
    return;
  }
  if (!replaced.empty()) {
    check_ours(replaced, seen);
    return;
  }
  if (seen.was_ours) SHIM_CHECK(value > seen.value.value_or(0));
  seen.value = value;
  seen.was_ours = false;
}

}  // namespace

/// Orders, one per line: a letter, a token's number, a raw value.
FUZZ_TARGET(progress) {
  static constexpr std::array<std::string_view, 4> names{"1", R"("1")", R"("\u0061")", R"("a")"};
  static constexpr std::array<std::size_t, 4> same{0, 1, 2, 2};
  ProgressTokens tokens(10s);
  TimePoint now(1h);
  std::array<Seen, 3> all{};
  fuzz::Bytes bytes(input);
  while (!bytes.empty()) {
    const std::uint8_t order = bytes.byte();
    const std::size_t which = bytes.byte() % names.size();
    const std::string_view token = names[which];
    const std::string_view raw = bytes.line();
    Seen& seen = all[same[which]];
    switch (order) {
      case '+':
        tokens.add(token, std::to_string(which), now, raw == "q");
        ++seen.pending;
        if (raw == "q") ++seen.quiet;
        break;
      case '-': {
        const bool quiet = seen.quiet > 0 && (raw == "q" || seen.quiet == seen.pending);
        tokens.remove(token, quiet);
        if (seen.pending > 0) --seen.pending;
        if (quiet) --seen.quiet;
        break;
      }
      case 'r':
        tokens.restarted(token);
        if (seen.pending > 0) seen.was_ours = true;
        break;
      case 't': now += std::chrono::seconds(raw.size()); break;
      default: report(tokens, token, raw, now, seen);
    }
    if (seen.pending == 0) seen = {};
    SHIM_CHECK(tokens.contains(token) == (seen.pending > 0));
    while (const auto due = tokens.take_due(now)) {
      const auto at =
          static_cast<std::size_t>(std::ranges::find(names, due->token) - names.begin());
      SHIM_CHECK(at < names.size());
      Seen& told = all[same[at]];
      SHIM_CHECK(told.pending > told.quiet);
      if (!told.beyond) check_ours(due->value, told);
    }
    SHIM_CHECK(!tokens.next_due() || *tokens.next_due() > now);
  }
}
