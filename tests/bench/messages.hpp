#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bench {

// What the host of the benchmarks writes. The echo backend reads it as text, see answers.hpp.

[[nodiscard]] std::string initialize_request(std::size_t id);
[[nodiscard]] std::string initialized_notification();

/// A call whose line is about `size` bytes long, and so is its answer.
[[nodiscard]] std::string echo_request(std::size_t id, std::size_t size);
[[nodiscard]] std::string tool_request(std::size_t id, std::string_view tool);
[[nodiscard]] std::string flood_request(std::size_t id, std::size_t count, std::size_t size);
[[nodiscard]] std::string notification(std::size_t size);

/// Whether this answers that request, be it with an error.
[[nodiscard]] bool settles(std::string_view message, std::size_t id);
/// Whether it does so and is no error.
[[nodiscard]] bool answers(std::string_view message, std::size_t id);

}  // namespace bench
