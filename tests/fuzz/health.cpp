// Invariant: whatever the file says, its state is coherent and owes nothing to a later wall clock.

#include "common/health.hpp"

#include <array>
#include <cmath>

#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace shim;
using namespace std::chrono_literals;

Duration span(std::uint8_t byte) {
  static constexpr std::array<Duration, 8> spans{0ns, 1ns, 1ms, 1s, 10s, 119s, 121s, 24h};
  return spans[byte % spans.size()];
}

void check_report(std::string_view text) {
  const auto report = HealthReport::parse(text);
  if (!report) return;
  SHIM_CHECK(text.size() <= HealthReport::bytes_max);
  SHIM_CHECK(!report->t || std::isfinite(*report->t));
  // Every report is a JSON object to anybody.
  const auto first = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  SHIM_CHECK(first != std::string_view::npos && text[first] == '{');
}

void check_state(const Health& health, TimePoint now, const Health::News& news) {
  const bool fresh = health.is_fresh(now);
  const auto stale_at = health.stale_at(now);
  SHIM_CHECK(fresh == stale_at.has_value());
  if (stale_at) {
    SHIM_CHECK(*stale_at > now);
    SHIM_CHECK(health.state(*stale_at - 1ns) == HealthState::fresh);
    SHIM_CHECK(health.state(*stale_at) != HealthState::fresh);
  }
  if (health.is_busy(now)) SHIM_CHECK(fresh);
  if (news.sign_of_life || news.turned_fresh || news.other_writer) SHIM_CHECK(fresh);
}

}  // namespace

/// The largest age, then looks: what was found, how long after the last, the wall clock's jump, a
/// line with the file's text.
FUZZ_TARGET(health) {
  fuzz::Bytes bytes(input);
  const Duration max_age = span(bytes.byte()) + 100ms;
  Health health(true, max_age);
  Health other_clock(true, max_age);
  Health unwatched(false, max_age);
  TimePoint now(1h);
  WallTime wall(std::chrono::seconds(1'700'000'000));
  TimePoint unreadable_since = now;  // the first look in a row that found no report
  bool was_valid = false;
  for (int looks = 0; !bytes.empty() && looks < 50; ++looks) {
    HealthLook look;
    look.found = static_cast<HealthLook::Found>(bytes.byte() % 3U);
    const Duration step = span(bytes.byte());
    now += step;
    wall += step;
    const std::uint8_t jump = bytes.byte();
    if (jump % 2U != 0) wall += jump % 4U == 1U ? span(jump / 4U) : -span(jump / 4U);
    look.looked_at = wall;
    look.modified = wall - span(bytes.byte());
    look.text = bytes.line();
    check_report(look.text);

    const Health::News news = health.look(now, look);
    check_state(health, now, news);
    SHIM_CHECK(unwatched.look(now, look).turned_fresh == false);
    SHIM_CHECK(unwatched.state(now) == HealthState::none);
    const bool valid = look.found == HealthLook::Found::file && HealthReport::parse(look.text);
    if (was_valid && !valid) unreadable_since = now;
    was_valid = valid;
    if (health.is_fresh(now)) {  // a file that is being rewritten may be missing or torn
      SHIM_CHECK(valid || now - unreadable_since <= Health::rewriting_time);
    } else {
      SHIM_CHECK((health.state(now) == HealthState::missing) ==
                 (look.found == HealthLook::Found::missing));
      SHIM_CHECK((health.state(now) == HealthState::stale) == valid);
    }
    // The first look is judged by the wall clock, no later one is.
    if (looks > 0) look.looked_at += 1000h;
    other_clock.look(now, look);
    SHIM_CHECK(other_clock.state(now) == health.state(now));
  }
}
