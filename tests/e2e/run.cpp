#include "run.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "files.hpp"
#include "limits.hpp"
#include "process.hpp"

namespace e2e {

Outcome run(const Arguments& arguments, const std::vector<std::string>& environment) {
  Ends out = make_pipe();
  Ends err = make_pipe();
  Process shim(Arguments{shim_program()} + arguments, environment,
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

void check_usage_error(const Arguments& arguments, const std::vector<std::string>& environment) {
  std::string shown;
  for (const std::string& argument : arguments) shown += argument + " ";
  CAPTURE(shown);
  const Outcome outcome = run(arguments, environment);
  CAPTURE(outcome.err);
  CHECK(outcome.status == 2);
  CHECK(outcome.out.empty());
  CHECK(std::ranges::count(outcome.err, '\n') == 1);
  CHECK(outcome.err.starts_with("mcp-ws-shim: "));
  CHECK(outcome.err.size() > 30);
  CHECK(std::ranges::none_of(outcome.err, [](char c) {
    return c != '\n' && (static_cast<unsigned char>(c) < 32 || c == 127);
  }));
}

}  // namespace e2e
