#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Text from outside, made safe to show.
namespace shim {

/// Bytes of foreign text shown in a log line at most (contract 10).
inline constexpr std::size_t shown_bytes_max = 256;

/// `bytes` as printable ASCII: everything else becomes `\n`, `\t`, `\r`, `\\` or `\xNN`, and what
/// goes beyond `bytes_max` of input becomes `…` (three dots). Never fails.
[[nodiscard]] std::string printable(std::string_view bytes,
                                    std::size_t bytes_max = shown_bytes_max);

/// True if every byte is visible ASCII or a space, which is all that may stand in a header value, a
/// token or a path (contract 11): no CR, LF or NUL can reach the wire.
[[nodiscard]] bool is_visible_ascii(std::string_view bytes);

/// Whether `text`, in whichever case, begins with `prefix`, which is in lower case.
[[nodiscard]] bool starts_with_any_case(std::string_view text, std::string_view prefix);

/// Whether it is UTF-8 as RFC 3629 has it.
[[nodiscard]] bool is_utf8(std::string_view bytes);

}  // namespace shim
