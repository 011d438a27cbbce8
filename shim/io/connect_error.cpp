#include "shim/io/connect_error.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "shim/io/descriptor.hpp"

namespace shim {
namespace {

int try_connect(int family, const sockaddr* address, socklen_t length) {
  const Descriptor socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  if (::connect(socket.get(), address, length) == 0 || errno == EINPROGRESS) return 0;
  return errno;
}

}  // namespace

int immediate_connect_error(const std::string& numeric_address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(numeric_address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return 0;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, ::freeaddrinfo);
  return try_connect(address->ai_family, address->ai_addr, address->ai_addrlen);
}

int immediate_connect_error(const std::string& unix_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (unix_path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, unix_path.data(), unix_path.size());
  return try_connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Cause cause_of_connect_error(int error) {
  switch (error) {
    case ECONNREFUSED: return Cause::refused;
    // Accepted, and hung up on before we looked.
    case ECONNRESET:
    case EPIPE: return Cause::reset;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return Cause::internal;
    default: return Cause::unreachable;
  }
}

}  // namespace shim
