#include "session.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <stdexcept>

namespace bench {
namespace {

constexpr double patience = 30;  // for any single answer

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

std::vector<std::string> command_for(const Contestant& contestant, int port) {
  const std::string number = std::to_string(port);
  std::vector<std::string> command;
  for (const auto& argument : contestant.command) {
    command.push_back(
        replaced(replaced(argument, "{port}", number), "{url}", "ws://127.0.0.1:" + number));
  }
  return command;
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to the backend");
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

std::vector<std::string> backend_command(const std::string& program, Contestant::Wire wire,
                                         int port) {
  std::vector<std::string> command{program, "--port", std::to_string(port)};
  if (wire == Contestant::Wire::lines) command.emplace_back("--lines");
  return command;
}

}  // namespace

Backend::Backend(const std::string& program, Contestant::Wire wire, int port)
    : child_(backend_command(program, wire, port), Stdio::pipes) {
  Stream output(child_.take_in(), -1);
  output.use(std::make_unique<Lines>());
  pollfd polled{output.in(), POLLIN, 0};
  ::poll(&polled, 1, static_cast<int>(patience * 1000));
  static_cast<void>(output.read_some());
  const std::string line(output.next().value_or(""));
  const auto start = line.find(' ') + 1;
  std::from_chars(line.data() + start, line.data() + line.size(), port_);
  if (port_ == 0) throw std::runtime_error("the echo backend does not listen");
}

Session::Session(const Contestant& contestant, Stdio stdio, int port) {
  const auto start = Clock::now();
  if (contestant.is_direct()) {
    const int fd = connect_to(port);
    stream_ = std::make_unique<Stream>(fd, fd);
    stream_->use(make_websocket(Role::client, stream_->outgoing()));
  } else {
    child_ = std::make_unique<Child>(command_for(contestant, port), stdio);
    stream_ = std::make_unique<Stream>(child_->take_in(), child_->take_out());
    stream_->use(std::make_unique<Lines>());
  }
  initialize(contestant.loses_early_lines);
  start_seconds_ = seconds_since(start);
  start_cpu_ = cpu();
  put(initialized_notification());
  flush();
}

void Session::initialize(bool again) {
  const auto start = Clock::now();
  while (seconds_since(start) < patience) {
    const std::size_t id = next_id();
    put(initialize_request(id));
    const auto is_answer = [id](std::string_view message) { return answers(message, id); };
    if (find(is_answer, again ? 0.1 : patience)) return;
  }
  throw std::runtime_error("initialize was not answered");
}

void Session::flush() {
  if (!stream_->write_some()) throw std::runtime_error("it has ended");
}

void Session::send_all() {
  for (flush(); !stream_->outgoing().empty(); flush()) {
    pollfd polled{stream_->out(), POLLOUT, 0};
    if (::poll(&polled, 1, static_cast<int>(patience * 1000)) <= 0) {
      throw std::runtime_error("it does not read");
    }
  }
}

bool Session::wait(double limit) {
  flush();
  for (;;) {
    const bool sending = !stream_->outgoing().empty();
    const bool one = stream_->in() == stream_->out();
    std::array<pollfd, 2> polled{{{stream_->in(), POLLIN, 0}, {stream_->out(), POLLOUT, 0}}};
    if (one && sending) polled[0].events |= POLLOUT;
    const nfds_t count = sending && !one ? 2 : 1;
    if (::poll(polled.data(), count, static_cast<int>(limit * 1000) + 1) <= 0) return false;
    if (sending) flush();
    if ((polled[0].revents & ~POLLOUT) != 0) {
      if (!stream_->read_some()) throw std::runtime_error("it has ended");
      return true;
    }
  }
}

std::string_view Session::receive() {
  for (;;) {
    if (const auto message = received()) return *message;
    if (!wait(patience)) throw std::runtime_error("no answer came");
  }
}

std::string_view Session::request(std::string_view message, std::size_t id) {
  put(message);
  flush();
  for (;;) {
    const std::string_view answer = receive();
    if (answers(answer, id)) return answer;
  }
}

bool Session::find(const Wanted& wanted, double limit) {
  const auto start = Clock::now();
  for (;;) {
    while (const auto message = received()) {
      if (wanted(*message)) return true;
    }
    const double left = limit - seconds_since(start);
    if (left <= 0 || !wait(left)) return false;
  }
}

void Session::call(int times) {
  for (int i = 0; i < times; ++i) {
    const std::size_t id = next_id();
    request(echo_request(id, 200), id);
  }
}

bool Session::end() {
  stream_->close_out();
  return !child_ || child_->wait_for_exit();
}

}  // namespace bench
