#include "command.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstddef>

#include "files.hpp"
#include "limits.hpp"
#include "process.hpp"

namespace e2e {

Outcome run_shim(const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment) {
  std::vector<std::string> command{shim_program()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Ends out = make_pipe();
  Ends err = make_pipe();
  Process shim(command, environment,
               Streams{.in = -1, .out = out.write.get(), .err = err.write.get()});
  out.write.close();
  err.write.close();
  Outcome outcome;
  const auto read_some = [](short ready, pollfd& from, std::string& into) {
    if (ready == 0) return;
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(from.fd, buffer.data(), buffer.size());
    if (count > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(count));
    } else {
      from.fd = -1;
    }
  };
  std::array<pollfd, 2> streams{pollfd{.fd = out.read.get(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = err.read.get(), .events = POLLIN, .revents = 0}};
  const Deadline deadline(patience);
  while ((streams[0].fd >= 0 || streams[1].fd >= 0) && !deadline.passed()) {
    if (::poll(streams.data(), streams.size(), deadline.left_ms()) <= 0) continue;
    read_some(streams[0].revents, streams[0], outcome.out);
    read_some(streams[1].revents, streams[1], outcome.err);
  }
  outcome.status = shim.wait(Millis(deadline.left_ms())).value_or(-1);
  return outcome;
}

}  // namespace e2e
