// The backend of the benchmarks: answers as fast as it can and knows only what they ask (see
// answers.hpp). Prints "listening PORT" and ends when its stdin does.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <list>
#include <stdexcept>
#include <vector>

#include "answers.hpp"
#include "stream.hpp"

namespace bench {
namespace {

class Connection {
 public:
  Connection(int fd, bool lines) : stream_(fd, fd) {
    if (lines) {
      stream_.use(std::make_unique<Lines>());
    } else {
      stream_.use(make_websocket(Role::server, stream_.outgoing()));
    }
  }

  [[nodiscard]] pollfd interest() {
    const int events = POLLIN | (stream_.outgoing().empty() ? 0 : POLLOUT);
    return {stream_.in(), static_cast<short>(events), 0};
  }

  /// False: it is over.
  bool serve(bool readable) {
    if (readable && !stream_.read_some()) return false;
    try {
      while (const auto message = stream_.next()) {
        if (!answers_.handle(*message, stream_)) return false;
      }
    } catch (const std::exception&) {
      return false;
    }
    if (!stream_.write_some()) return false;
    while (answers_.is_flooding() && stream_.outgoing().empty()) {
      answers_.continue_flood(stream_);
      if (!stream_.write_some()) return false;
    }
    return true;
  }

 private:
  Stream stream_;
  Answers answers_;
};

int listen_on(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd, any, size) != 0 || ::listen(fd, 1024) != 0 || ::getsockname(fd, any, &size) != 0) {
    throw std::runtime_error(std::string("cannot listen: ") + std::strerror(errno));
  }
  std::printf("listening %d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

void accept_one(int listener, bool lines, std::list<Connection>& connections) {
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connections.emplace_back(fd, lines);
}

void serve(int listener, bool lines) {
  std::list<Connection> connections;
  std::vector<pollfd> polled;
  for (;;) {
    polled.assign({{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}});
    for (auto& connection : connections) polled.push_back(connection.interest());
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) return;
    auto at = connections.begin();
    for (std::size_t i = 2; i < polled.size(); ++i) {
      const auto events = polled[i].revents;
      const bool goes_on = events == 0 || at->serve((events & ~POLLOUT) != 0);
      at = goes_on ? std::next(at) : connections.erase(at);
    }
    if (polled[1].revents != 0) accept_one(listener, lines, connections);
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  CLI::App app("Echo backend of the benchmarks", "echo_backend");
  int port = 0;
  bool lines = false;
  app.add_option("--port", port, "Port on 127.0.0.1; 0: a free one");
  app.add_flag("--lines", lines, "One message a line over TCP instead of WebSocket");
  CLI11_PARSE(app, argc, argv);
  ::signal(SIGPIPE, SIG_IGN);
  try {
    bench::serve(bench::listen_on(port), lines);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "echo_backend: %s\n", problem.what());
    return 1;
  }
}
