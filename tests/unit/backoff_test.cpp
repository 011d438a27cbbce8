#include "common/backoff.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

namespace shim {
namespace {

using namespace std::chrono_literals;

BackoffPolicy contract_policy() {
  return {.base = 250ms, .cap = 30s, .jitter = {Jitter::Kind::ratio, 0.1}};
}

TEST_CASE("backoff 4.2: base 250 ms, cap 30 s, jitter 0.1 give the series of the contract") {
  const std::array<Duration, 10> series{250ms, 500ms, 1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s};
  long widest = 0;  ///< thousandths of the delay
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    Prng random(seed);
    Backoff backoff(contract_policy());
    for (const Duration d : series) {
      CAPTURE(milliseconds(d));
      const Duration delay = backoff.failed({}, random);
      CHECK(delay >= d);
      CHECK(delay <= d + d / 10);
      widest = std::max(widest, static_cast<long>(1000 * (delay - d) / d));
    }
  }
  CHECK(widest > 90);  // the jitter is used up to its end
}

TEST_CASE("backoff 4.2: ratio 0 is exact") {
  Prng random(1);
  Backoff backoff({.base = 500ms, .cap = 15s, .jitter = {Jitter::Kind::ratio, 0}});
  for (const Duration d : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 15000ms, 15000ms}) {
    CHECK(milliseconds(backoff.failed({}, random)) == milliseconds(d));
  }
}

TEST_CASE("backoff 4.2: ratio 1 doubles at most") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Prng random(seed);
    Backoff backoff({.base = 1s, .cap = 4s, .jitter = {Jitter::Kind::ratio, 1}});
    for (const Duration d : {1s, 2s, 4s, 4s}) {
      const Duration delay = backoff.failed({}, random);
      CHECK(delay >= d);
      CHECK(delay <= 2 * d);
    }
  }
}

TEST_CASE("backoff 4.2: full and equal jitter stay in their ranges and reach both ends") {
  struct Row {
    std::string name;
    Jitter::Kind kind;
  };
  for (const Row& row : {Row{"full", Jitter::Kind::full}, Row{"equal", Jitter::Kind::equal}}) {
    CAPTURE(row.name);
    // The ceiling of failure n is min(cap, base * 2^n): 1 s for the first with base 500 ms.
    const std::array<Duration, 6> ceilings{1s, 2s, 4s, 8s, 15s, 15s};
    for (std::size_t n = 0; n < ceilings.size(); ++n) {
      CAPTURE(n);
      const Duration c = ceilings[n];
      const Duration low = row.kind == Jitter::Kind::full ? std::min<Duration>(c, 1s) / 10 : c / 2;
      Duration least = 1h;
      Duration most{};
      for (std::uint64_t seed = 0; seed < 400; ++seed) {
        Prng random(seed);
        Backoff backoff({.base = 500ms, .cap = 15s, .jitter = {row.kind, 0}});
        Duration delay{};
        TimePoint now{};
        for (std::size_t i = 0; i <= n; ++i, now += 1h) delay = backoff.failed(now, random);
        CHECK(delay >= low);
        CHECK(delay <= c);
        least = std::min(least, delay);
        most = std::max(most, delay);
      }
      CHECK(least < low + (c - low) / 20);
      CHECK(most > c - (c - low) / 20);
    }
  }
}

TEST_CASE("backoff 4.2: full jitter of a small ceiling has a small floor") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Prng random(seed);
    Backoff backoff({.base = 10ms, .cap = 10s, .jitter = {}});
    const Duration delay = backoff.failed({}, random);
    CHECK(delay >= 2ms);  // c = 20 ms
    CHECK(delay <= 20ms);
  }
}

TEST_CASE("backoff 4.2: full jitter waits no longer than it has been failing, or twice the base") {
  struct Row {
    std::string name;
    Duration failing;
    Duration most;
  };
  for (const Row& row :
       {Row{"refused at once", 0ms, 1s}, Row{"for a moment", 700ms, 1s}, Row{"for 3 s", 3s, 3s},
        Row{"for 14 s", 14s, 14s}, Row{"for an hour", 1h, 15s}}) {
    CAPTURE(row.name);
    Duration longest{};
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      Prng random(seed);
      Backoff backoff({.base = 500ms, .cap = 15s, .jitter = {}});
      for (int i = 0; i < 20; ++i) static_cast<void>(backoff.failed({}, random));
      const Duration delay = backoff.failed(TimePoint() + row.failing, random);
      CHECK(delay >= 100ms);
      CHECK(delay <= row.most);
      longest = std::max(longest, delay);
    }
    CHECK(longest > row.most * 9 / 10);
  }
}

TEST_CASE("backoff 4.2: a success starts the time of failing afresh") {
  Prng random(1);
  Backoff backoff({.base = 500ms, .cap = 15s, .jitter = {}});
  for (int i = 0; i < 20; ++i) static_cast<void>(backoff.failed({}, random));
  backoff.succeeded();
  for (int i = 0; i < 20; ++i) CHECK(backoff.failed(TimePoint() + 1h, random) <= 1s);
}

TEST_CASE("backoff: success makes the next failure the first, and only success does") {
  Prng random(1);
  Backoff backoff(contract_policy());
  for (int i = 0; i < 20; ++i) static_cast<void>(backoff.failed({}, random));
  CHECK(backoff.failures() == 20);
  CHECK(backoff.failed({}, random) >= 30s);
  backoff.succeeded();
  CHECK(backoff.failures() == 0);
  CHECK(backoff.failed({}, random) <= 275ms);
  CHECK(backoff.failures() == 1);
}

TEST_CASE("backoff: a thousand failures do not overflow") {
  struct Row {
    std::string name;
    BackoffPolicy policy;
  };
  const std::array rows{
      Row{"contract", contract_policy()},
      Row{"the longest cap there is",
          {.base = 1ns, .cap = 10'000h, .jitter = {Jitter::Kind::full, 0}}},
      Row{"ratio 1 of it", {.base = 10'000h, .cap = 10'000h, .jitter = {Jitter::Kind::ratio, 1}}},
      Row{"equal", {.base = 1ms, .cap = 10'000h, .jitter = {Jitter::Kind::equal, 0}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Prng random(3);
    Backoff backoff(row.policy);
    for (int i = 0; i < 1000; ++i) {
      const Duration delay = backoff.failed({}, random);
      CHECK(delay >= Duration::zero());
      CHECK(delay <= 2 * row.policy.cap);
    }
  }
}

TEST_CASE("backoff 4.2: a cause that only a person can mend waits the cap, and a little more") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Prng random(seed);
    Backoff backoff({.base = 500ms, .cap = 15s, .jitter = {}});
    const Duration delay = backoff.failed_for_good({}, random);
    CHECK(delay >= 15s);
    CHECK(delay <= 16500ms);
    CHECK(backoff.failures() == 1);
  }
}

TEST_CASE("backoff: a value: a copy goes its own way, the same seed the same one") {
  Prng random(5);
  Backoff backoff(contract_policy());
  static_cast<void>(backoff.failed({}, random));
  Backoff copy = backoff;
  Prng same(9);
  Prng again(9);
  CHECK(milliseconds(backoff.failed({}, same)) == milliseconds(copy.failed({}, again)));
  static_cast<void>(copy.failed({}, again));
  CHECK(backoff.failures() == 2);
  CHECK(copy.failures() == 3);
}

}  // namespace
}  // namespace shim
