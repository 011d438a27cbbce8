#include "tcp_servers.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace e2e {
namespace {

[[noreturn]] void refused(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Bound so that others that ask for the same may still listen (SO_REUSEADDR, ip(7)).
File bound_socket(std::uint16_t port) {
  File socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    refused("bind");
  return socket;
}

void await(int fd, short event, const Deadline& deadline, const char* what) {
  pollfd polled{.fd = fd, .events = event, .revents = 0};
  if (::poll(&polled, 1, deadline.left_ms()) <= 0)
    throw std::runtime_error(std::string("waited in vain for ") + what);
}

std::string header(std::string_view request, std::string_view name) {
  std::string start = "\r\n";
  start.append(name).append(": ");
  const std::size_t at = request.find(start);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + start.size();
  return std::string(request.substr(begin, request.find("\r\n", begin) - begin));
}

/// RFC 6455 § 4.2.2.
std::string accept_key(const std::string& key) {
  const std::string joined = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  ::SHA1(reinterpret_cast<const unsigned char*>(joined.data()), joined.size(), digest.data());
  std::array<unsigned char, 32> text{};
  const int length = ::EVP_EncodeBlock(text.data(), digest.data(), digest.size());
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

File listening_socket(std::uint16_t port, int backlog) {
  File socket = bound_socket(port);
  const int receive_bytes = 256 << 10;  // what the test has not read yet shall weigh on the shim
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  if (::listen(socket.get(), backlog) != 0) refused("listen");
  return socket;
}

File listening_socket(const std::string& unix_path, int backlog) {
  File socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  unix_path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    refused("bind");
  if (::listen(socket.get(), backlog) != 0) refused("listen");
  return socket;
}

File connected_socket(std::uint16_t port) {
  File socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    socket.close();
  return socket;
}

Port::Port() : bound_(bound_socket(0)) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (::getsockname(bound_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    refused("getsockname");
  number_ = ntohs(address.sin_port);
}

RawConnection::RawConnection(File socket) : socket_(std::move(socket)) {}

void RawConnection::receive_more(const Deadline& deadline) {
  await(socket_.get(), POLLIN, deadline, "bytes from the shim");
  std::array<char, 1 << 16> buffer{};
  const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (count < 0) refused("recv");
  if (count == 0) throw std::runtime_error("the shim has closed the connection");
  received_.append(buffer.data(), static_cast<std::size_t>(count));
}

std::string RawConnection::receive_request() {
  const Deadline deadline(patience);
  std::size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) receive_more(deadline);
  std::string request = received_.substr(0, end + 4);
  received_.erase(0, end + 4);
  return request;
}

std::string RawConnection::upgrade(std::string_view early) {
  std::string request = receive_request();
  send_bytes(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept_key(header(request, "Sec-WebSocket-Key")) + "\r\n\r\n" + std::string(early));
  return request;
}

void RawConnection::become_ready() {
  upgrade();
  const Frame ping = receive_frame();
  if (ping.opcode != Opcode::ping) throw std::runtime_error("the first frame is no ping");
  send_frame(Opcode::pong, ping.payload);
}

Frame RawConnection::receive_frame(Millis limit) {
  const Deadline deadline(limit);
  const auto need = [&](std::size_t bytes) {
    while (received_.size() < bytes) receive_more(deadline);
  };
  need(2);
  const auto first = static_cast<unsigned char>(received_[0]);
  const auto second = static_cast<unsigned char>(received_[1]);
  if ((second & 0x80U) == 0) throw std::runtime_error("a frame of the shim is not masked");
  std::uint64_t length = second & 0x7fU;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  need(2 + extended);
  if (extended > 0) length = big_endian(std::string_view(received_).substr(2, extended));
  const std::size_t begin = 2 + extended + 4;
  need(begin + length);
  const std::string mask = received_.substr(begin - 4, 4);
  Frame frame{.opcode = static_cast<Opcode>(first & 0x0fU),
              .final = (first & 0x80U) != 0,
              .payload = received_.substr(begin, length)};
  for (std::size_t i = 0; i < frame.payload.size(); ++i) {
    frame.payload[i] = static_cast<char>(frame.payload[i] ^ mask[i % 4]);
  }
  received_.erase(0, begin + length);
  return frame;
}

std::string RawConnection::receive_text(Millis limit) {
  std::string text;
  for (;;) {
    const Frame frame = receive_frame(limit);
    switch (frame.opcode) {
      case Opcode::ping: send_frame(Opcode::pong, frame.payload); break;
      case Opcode::text:
      case Opcode::continuation:
        text += frame.payload;
        if (frame.final) return text;
        break;
      default: throw std::runtime_error("a frame that is no text");
    }
  }
}

std::string frame_bytes(Opcode opcode, std::string_view payload, bool final) {
  std::string frame(1, static_cast<char>((final ? 0x80U : 0U) | static_cast<unsigned>(opcode)));
  std::size_t length_bytes = 0;
  if (payload.size() < 126) {
    frame += static_cast<char>(payload.size());
  } else {
    const bool is_short = payload.size() <= 0xffff;
    frame += static_cast<char>(is_short ? 126 : 127);
    length_bytes = is_short ? 2 : 8;
  }
  while (length_bytes > 0) {
    frame += static_cast<char>(static_cast<std::uint64_t>(payload.size()) >> (8 * --length_bytes));
  }
  return frame.append(payload);
}

void RawConnection::send_frame(Opcode opcode, std::string_view payload, bool final) {
  send_bytes(frame_bytes(opcode, payload, final));
}

void RawConnection::reset() {
  constexpr linger at_once{.l_onoff = 1, .l_linger = 0};
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0)
    refused("setsockopt");
  socket_.close();
}

void RawConnection::send_bytes(std::string_view bytes) {
  const Deadline deadline(patience);
  while (!bytes.empty()) {
    await(socket_.get(), POLLOUT, deadline, "room to send");
    const ssize_t count =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) refused("send");
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

RawConnection accepted(const File& listener, Millis limit) {
  await(listener.get(), POLLIN, Deadline(limit), "a connection of the shim");
  File socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) refused("accept");
  return RawConnection(std::move(socket));
}

RawServer::RawServer(int backlog) { listen(backlog); }

void RawServer::listen(int backlog) {
  cloggers_.clear();
  listener_.close();
  listener_ = listening_socket(port_.number(), backlog);
}

void RawServer::clog() {
  const sockaddr_in address = loopback(port_.number());
  for (;;) {
    File socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    pollfd connected{.fd = socket.get(), .events = POLLOUT, .revents = 0};
    const bool taken = ::poll(&connected, 1, 200) == 1;
    cloggers_.push_back(std::move(socket));
    if (!taken) return;
  }
}

std::string RawServer::url() const { return "ws://127.0.0.1:" + std::to_string(port()) + "/"; }

}  // namespace e2e
