#include "shim/commands/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace shim {

bool print_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return true;
  std::fprintf(stderr, "mcp-ws-shim: cannot write to stdout: %s\n", std::strerror(errno));
  return false;
}

bool is_capable_terminal() {
  const char* const terminal = std::getenv("TERM");
  const bool dumb =
      terminal == nullptr || *terminal == '\0' || std::string_view(terminal) == "dumb";
  return !dumb && ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace shim
