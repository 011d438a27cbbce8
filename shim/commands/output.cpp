#include "shim/commands/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "shim/io/standard_stream.hpp"

namespace shim {

bool print_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (!may_try_again(STDOUT_FILENO, POLLOUT)) {
      // Who has seen enough, as head(1), need not be told.
      if (errno != EPIPE) complain(std::string("cannot write to stdout: ") + std::strerror(errno));
      return false;
    }
  }
  return true;
}

bool may_try_again(int fd, short events) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  pollfd ready{.fd = fd, .events = events, .revents = 0};
  return ::poll(&ready, 1, -1) >= 0 || errno == EINTR;
}

bool is_capable_terminal() {
  const char* const terminal = std::getenv("TERM");
  const bool dumb =
      terminal == nullptr || *terminal == '\0' || std::string_view(terminal) == "dumb";
  return !dumb && ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace shim
