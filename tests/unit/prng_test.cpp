#include "common/prng.hpp"

#include <doctest/doctest.h>

#include <array>

namespace shim {
namespace {

using namespace std::chrono_literals;

TEST_CASE("prng: it is splitmix64, so that a seed replays anywhere") {
  // The reference values for seed 1234567 of the algorithm's published test.
  Prng random(1234567);
  for (const std::uint64_t expected :
       {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
        4593380528125082431ULL, 16408922859458223821ULL}) {
    CHECK(random.next() == expected);
  }
}

TEST_CASE("prng: unit() is in [0, 1), chance() keeps to its probability") {
  Prng random(1);
  double sum = 0;
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double u = random.unit();
    CHECK(u >= 0);
    CHECK(u < 1);
    sum += u;
    if (random.chance(0.25)) ++hits;
    CHECK_FALSE(random.chance(0));
    CHECK(random.chance(1));
  }
  CHECK(sum / 10'000 == doctest::Approx(0.5).epsilon(0.05));
  CHECK(hits > 2'200);
  CHECK(hits < 2'800);
}

TEST_CASE("prng: between() includes both ends and nothing beyond") {
  Prng random(1);
  std::array<int, 4> seen{};
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t n = random.between(std::uint64_t{5}, std::uint64_t{8});
    REQUIRE(n >= 5);
    REQUIRE(n <= 8);
    ++seen[n - 5];
  }
  for (const int count : seen) CHECK(count > 150);
  CHECK(random.between(std::uint64_t{7}, std::uint64_t{7}) == 7);
  CHECK(random.between(std::uint64_t{7}, std::uint64_t{3}) == 7);          // empty: low
  static_cast<void>(random.between(std::uint64_t{0}, ~std::uint64_t{0}));  // the whole range
}

TEST_CASE("prng: between() of durations") {
  Prng random(1);
  for (int i = 0; i < 1'000; ++i) {
    const Duration d = random.between(Duration(-5ms), Duration(5ms));
    CHECK(d >= -5ms);
    CHECK(d <= 5ms);
  }
  CHECK(random.between(Duration(3s), Duration(3s)) == 3s);
  CHECK(random.between(Duration(3s), Duration(1s)) == 3s);
}

}  // namespace
}  // namespace shim
