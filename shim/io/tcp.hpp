#pragma once

#include <cstddef>
#include <cstdint>

#include "common/time.hpp"

/// What the kernel knows of a TCP connection. All of it fails softly on other sockets.
namespace shim {

/// Whether something that was received waits to be read. Of any socket.
[[nodiscard]] bool has_unread_bytes(int fd);

/// Bytes received so far, read or not; 0 if the kernel does not say.
[[nodiscard]] std::uint64_t tcp_received_bytes(int fd);

/// Bytes that were sent and that the peer's kernel does not have yet, as far as ours knows.
[[nodiscard]] std::size_t tcp_unacknowledged_bytes(int fd);

/// The shortest time that an answer of the peer's kernel has taken lately; 0 if that is not known.
[[nodiscard]] Duration tcp_round_trip(int fd);

/// Has the kernel end the connection with ETIMEDOUT once what was sent has not been acknowledged
/// for so long (TCP_USER_TIMEOUT, tcp(7)). Not while the peer is there and takes nothing: the
/// kernel would count that too, and a busy backend would be taken for a dead path. So this has to
/// be called again from time to time, more often than `timeout`. Zero: the system's default.
void set_tcp_user_timeout(int fd, Duration timeout);

}  // namespace shim
