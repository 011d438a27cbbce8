#include "shim/commands/doctor.hpp"

#include <cstdlib>

#include "shim/commands/checkup.hpp"
#include "shim/commands/output.hpp"
#include "shim/commands/report.hpp"
#include "shim/io/hardening.hpp"

namespace shim {
namespace {

constexpr int nothing_failed = 0;
constexpr int not_printed = 1;
constexpr int something_failed = 3;

/// A terminal that understands colours, and a person who wants them (no-color.org).
bool wants_colours() {
  const char* const no_color = std::getenv("NO_COLOR");
  return (no_color == nullptr || *no_color == '\0') && is_capable_terminal();
}

}  // namespace

int run_doctor(const Options& options) {
  harden(options.has_secret());
  const bool colours = wants_colours();
  int status = nothing_failed;
  bool printed = true;
  const auto print = [&printed](const std::string& text) {
    printed = printed && print_out(text);  // said once
  };
  for (std::size_t i = 0; i < options.endpoints.size(); ++i) {
    const std::string& url = options.core.endpoints[i];
    if (!options.json) print((i == 0 ? "" : "\n") + url + "\n");
    Checkup checkup(options, i, [&](const Step& step) {
      if (!options.json) print(as_text(step, colours));
    });
    checkup.run();
    if (options.json) print(as_json(url, checkup.steps()) + "\n");
    if (any_failed(checkup.steps())) status = something_failed;
  }
  return printed ? status : not_printed;
}

}  // namespace shim
