#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace shim {

/// Something in the command line, the environment or a file that cannot be used. what() is one line
/// that says what to do, without any secret in it.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Whether what stands where the name of a setting belongs may be repeated in a message: it looks
/// like a name (letters of one case, `-` and `_`, at most 40), not like a token in the wrong place.
[[nodiscard]] bool is_name(std::string_view text);

/// What was given as a value, for a message about it: in quotes if it is too short and too plain to
/// be a secret in the wrong place, else only `this`.
[[nodiscard]] std::string shown_value(std::string_view text);

}  // namespace shim
