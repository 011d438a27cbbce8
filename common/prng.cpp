#include "common/prng.hpp"

namespace shim {

std::uint64_t Prng::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

double Prng::unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

std::uint64_t Prng::between(std::uint64_t low, std::uint64_t high) {
  if (high <= low) return low;
  const std::uint64_t span = high - low + 1;  // 0 means the whole range
  return span == 0 ? next() : low + next() % span;
}

Duration Prng::between(Duration low, Duration high) {
  if (high <= low) return low;
  const auto span = static_cast<std::uint64_t>((high - low).count());
  return low + Duration(static_cast<Duration::rep>(between(std::uint64_t{0}, span)));
}

bool Prng::chance(double probability) { return unit() < probability; }

}  // namespace shim
