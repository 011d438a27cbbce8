#include "relay.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <list>
#include <string_view>
#include <utility>
#include <vector>

namespace e2e {

struct Relay::Pair {
  File shim;
  File backend;
};

Relay::Relay(std::uint16_t target, std::function<void()> on_upgraded)
    : target_(target),
      on_upgraded_(std::move(on_upgraded)),
      listener_(listening_socket(port_.number(), 16)),
      stop_(make_pipe()),
      thread_([this] { run(); }) {}

Relay::~Relay() {
  stop_.write.close();
  thread_.join();
}

std::string Relay::url() const {
  return "ws://127.0.0.1:" + std::to_string(port_.number()) + "/";
}

void Relay::run() {
  std::list<Pair> pairs;
  for (;;) {
    std::vector<pollfd> polled{{.fd = stop_.read.get(), .events = POLLIN, .revents = 0},
                               {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    for (const Pair& pair : pairs) {
      polled.push_back({.fd = pair.shim.get(), .events = POLLIN, .revents = 0});
      polled.push_back({.fd = pair.backend.get(), .events = POLLIN, .revents = 0});
    }
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) return;
    std::size_t at = 2;
    for (auto pair = pairs.begin(); pair != pairs.end(); at += 2) {
      const bool alive = (polled[at].revents == 0 || pass(pair->shim, pair->backend, false)) &&
                         (polled[at + 1].revents == 0 || pass(pair->backend, pair->shim, true));
      pair = alive ? std::next(pair) : pairs.erase(pair);
    }
    if (polled[1].revents == 0) continue;
    File shim(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    File backend = connected_socket(target_);
    if (shim && backend) pairs.push_back({std::move(shim), std::move(backend)});
  }
}

bool Relay::pass(const File& from, const File& to, bool is_answer) {
  std::array<char, 1 << 16> buffer;
  const ssize_t count = ::recv(from.get(), buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
  if (is_answer && on_upgraded_ && bytes.starts_with("HTTP/1.1 101")) {
    std::exchange(on_upgraded_, nullptr)();
  }
  return ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == count;
}

}  // namespace e2e
