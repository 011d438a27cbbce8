#include "shim/commands/output.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace shim {

bool print_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return true;
  std::fprintf(stderr, "mcp-ws-shim: cannot write to stdout: %s\n", std::strerror(errno));
  return false;
}

}  // namespace shim
