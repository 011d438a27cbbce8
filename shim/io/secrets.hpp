#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shim {

/// What a backend that echoes our headers could show of them: each value, and what stands behind
/// its first space, such as a token behind `Bearer`. What is shorter than four characters is none.
[[nodiscard]] std::vector<std::string> secrets_in(
    const std::vector<std::pair<std::string, std::string>>& headers);

/// `text`, made printable() before, with each of the secrets replaced by `...`, even if only the
/// first eight characters or more of it are there: the other side may have cut it.
[[nodiscard]] std::string without_secrets(std::string text,
                                          const std::vector<std::string>& secrets);

}  // namespace shim
