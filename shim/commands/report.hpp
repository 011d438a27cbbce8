#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.hpp"

/// What `doctor` has found, for people and for programs.
namespace shim {

enum class Verdict : std::uint8_t {
  ok,
  warning,
  failed,
  skipped,  ///< not needed, or not possible after what failed before
};

[[nodiscard]] std::string_view name(Verdict verdict);

struct Step {
  std::string name{};
  Verdict verdict = Verdict::ok;
  std::optional<Duration> time{};  ///< that it took; absent if it was skipped
  std::string detail{};            ///< printable ASCII
  std::string remedy{};            ///< likewise; what to do about it, if there is anything
};

/// One step as one line, and its remedy as a second one, each with its newline.
[[nodiscard]] std::string as_text(const Step& step, bool colours);

/// One JSON object on one line. `url` must hold no secret.
[[nodiscard]] std::string as_json(const std::string& url, const std::vector<Step>& steps);

[[nodiscard]] bool any_failed(const std::vector<Step>& steps);

}  // namespace shim
