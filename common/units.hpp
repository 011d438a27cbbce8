#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.hpp"

/// Durations and sizes as people write them (contract 2).
namespace shim {

/// `250ms`, `10s`, `2m`, `1.5h`; a bare `0` needs no unit. At most 10,000 hours. nullopt for
/// anything else.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

/// `512` (bytes), `64KiB`, `16MiB`, `1GiB`; at most 1 TiB. nullopt for anything else.
[[nodiscard]] std::optional<std::size_t> parse_size(std::string_view text);

/// The shortest spelling that parse_duration() reads back: `250ms`, `10s`, `2m`.
[[nodiscard]] std::string format_duration(Duration span);

/// The shortest spelling that parse_size() reads back: `1000`, `64KiB`, `16MiB`.
[[nodiscard]] std::string format_size(std::size_t bytes);

/// For messages to people: `350 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`.
[[nodiscard]] std::string describe_duration(Duration span);

}  // namespace shim
