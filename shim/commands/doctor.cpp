#include "shim/commands/doctor.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "shim/commands/checkup.hpp"
#include "shim/commands/report.hpp"
#include "shim/io/hardening.hpp"

namespace shim {
namespace {

constexpr int nothing_failed = 0;
constexpr int something_failed = 3;

/// A terminal that understands colours, and a person who wants them (no-color.org).
bool wants_colours() {
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  const bool refused = no_color != nullptr && *no_color != '\0';
  const bool dumb = terminal == nullptr || std::strcmp(terminal, "dumb") == 0;
  return !refused && !dumb && ::isatty(STDOUT_FILENO) == 1;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);  // each step is seen when it is done
}

}  // namespace

int run_doctor(const Options& options) {
  ::signal(SIGPIPE, SIG_IGN);  // nobody reads on; the exit status still tells
  harden(options.has_secret());
  const bool colours = wants_colours();
  int status = nothing_failed;
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
  return status;
}

}  // namespace shim
