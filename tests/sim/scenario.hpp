#pragma once

#include <doctest/doctest.h>

#include <string>

#include "tests/sim/world.hpp"

/// What the scenarios have in common.
namespace sim {

/// A host that has been through `initialize` with a healthy backend.
inline void settle_in(World& world) {
  const std::uint64_t seq = world.host().greet();
  REQUIRE(world.run_until_done(
      [&] {
        return world.host().is_settled() &&
               world.backend().received("notifications/initialized") > 0;
      },
      std::chrono::seconds(60)));
  REQUIRE(world.model().ask(seq) != nullptr);
}

/// What the host got for its request; empty while it waits.
inline std::string answer(World& world, std::uint64_t seq) {
  const Ask* const ask = world.model().ask(seq);
  return ask == nullptr ? std::string() : ask->answer;
}

/// Whether the backend itself has answered it.
inline bool is_served(World& world, std::uint64_t seq) {
  return answer(world, seq).find("\"to\":" + std::to_string(seq)) != std::string::npos;
}

/// Why the shim answered in the backend's place; empty if it did not.
inline std::string reason(World& world, std::uint64_t seq) {
  static constexpr std::string_view key = R"("reason":")";
  const std::string text = answer(world, seq);
  const std::size_t at = text.find(key);
  if (at == std::string::npos) return {};
  return text.substr(at + key.size(), text.find('"', at + key.size()) - at - key.size());
}

/// The judge has nothing to say.
inline void check_peace(World& world) {
  INFO(world.model().failure());
  CHECK_FALSE(world.model().has_failed());
}

}  // namespace sim
