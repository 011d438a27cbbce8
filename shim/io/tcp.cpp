#include "shim/io/tcp.hpp"

// Not <netinet/tcp.h>: its tcp_info ends before the counters.
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstddef>
#include <optional>

namespace shim {
namespace {

std::optional<tcp_info> facts_of(int fd) {
  tcp_info facts{};
  socklen_t length = sizeof facts;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &facts, &length) != 0) return std::nullopt;
  // An older kernel fills in less.
  if (length < offsetof(tcp_info, tcpi_min_rtt) + sizeof facts.tcpi_min_rtt) return std::nullopt;
  return facts;
}

}  // namespace

bool has_unread_bytes(int fd) {
  int count = 0;
  return ::ioctl(fd, FIONREAD, &count) == 0 && count > 0;
}

std::uint64_t tcp_received_bytes(int fd) {
  constexpr unsigned established = 1;  // TCP_ESTABLISHED of <netinet/tcp.h>
  const auto facts = facts_of(fd);
  if (!facts || facts->tcpi_bytes_received == 0) return 0;
  // The kernel counts the end, a FIN, as a byte.
  return facts->tcpi_bytes_received - (facts->tcpi_state == established ? 0 : 1);
}

std::size_t tcp_unacknowledged_bytes(int fd) {
  int count = 0;
  if (!facts_of(fd) || ::ioctl(fd, SIOCOUTQ, &count) != 0 || count < 0) return 0;
  return static_cast<std::size_t>(count);
}

Duration tcp_round_trip(int fd) {
  const auto facts = facts_of(fd);
  if (!facts || facts->tcpi_min_rtt == ~0U) return Duration::zero();
  return std::chrono::microseconds(facts->tcpi_min_rtt);
}

void set_tcp_user_timeout(int fd, Duration timeout) {
  const auto facts = facts_of(fd);
  // All that was sent is acknowledged, and yet there is more: the peer's window is closed.
  const bool takes_nothing = facts && facts->tcpi_unacked == 0 && facts->tcpi_notsent_bytes > 0;
  const auto value = static_cast<unsigned>(takes_nothing ? 0 : milliseconds(timeout));
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
}

}  // namespace shim
