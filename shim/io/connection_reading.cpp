// What comes in on an open connection.

#include <libwebsockets.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <utility>

#include "shim/io/clock.hpp"
#include "shim/io/connection.hpp"
#include "shim/io/tls.hpp"

namespace shim {

/// libwebsockets stops at the very byte that it has parsed, and keeps what else it has read.
void Connection::hold_library() {
  lws_rx_flow_control(wsi_, 0);
  reader_ = Reader::nobody;
}

/// Reading is ours as soon as libwebsockets holds nothing of it, which it almost never does: only a
/// message that came in one packet with the answer to the upgrade is still its own. libwebsockets
/// says so only for connections that it may read.
void Connection::take_over() {
  lws_rx_flow_control(wsi_, 1);
  constexpr int any_wait = 1;
  const bool holds_something =
      lws_service_adjust_timeout(services_.loop.context(), any_wait, 0) != any_wait;
  if (!holds_something || paused_) lws_rx_flow_control(wsi_, 0);
  reader_ = holds_something ? Reader::library : Reader::self;
  watch_socket();
}

/// Our descriptor comes before libwebsockets' own in the same poll, which matters for hang-ups:
/// they are reported whatever one watches for, and it closes without a word of the reason and with
/// bytes unread.
void Connection::watch_socket() {
  const bool reads = reader_ == Reader::self && !paused_;
  services_.loop.watch(tcp_fd_, reads ? static_cast<std::uint32_t>(EPOLLIN) : 0,
                       [this](std::uint32_t events) { on_socket(events); });
}

void Connection::on_socket(std::uint32_t events) {
  const bool hung_up = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (reader_ == Reader::self) {
    read_some(hung_up);
  } else if (hung_up) {
    int error = 0;
    socklen_t length = sizeof error;
    const bool known = ::getsockopt(tcp_fd_, SOL_SOCKET, SO_ERROR, &error, &length) == 0;
    unwatch_tcp();
    if (known && error != 0) note_socket_error(error);
  }
}

/// Reads once, or to the end.
void Connection::read_some(bool to_the_end) {
  do {
    told_ = false;
    const bool may_go_on = read_once();
    // Of most of what is read an event tells, so that this costs no message anything.
    if (!told_) heard_at_ = monotonic_now();
    if (!may_go_on) return;
  } while (to_the_end && !silent_);
}

/// Whether there may be more. What TLS keeps to itself, part of a record, is life like any byte.
bool Connection::read_once() {
  SSL* const tls = lws_get_ssl(wsi_);
  const std::span<char> room(services_.receive_buffer);
  const ssize_t count =
      tls != nullptr ? read_tls(tls, room) : ::recv(tcp_fd_, room.data(), room.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count < 0) note_socket_error(errno);
  if (count <= 0) {
    hang_up();
    return false;
  }
  take_apart({room.data(), static_cast<std::size_t>(count)});
  return true;
}

void Connection::take_apart(std::string_view bytes) {
  while (!silent_) {
    const FrameReader::Piece piece = frames_.next(bytes);
    switch (piece.kind) {
      case FrameReader::Kind::need_more: return;
      case FrameReader::Kind::data: take_data(piece); break;
      case FrameReader::Kind::ping: outgoing_.set_pong(piece.bytes); break;
      case FrameReader::Kind::pong: take_pong(piece.bytes); break;
      case FrameReader::Kind::close:
        note_close_frame(piece.bytes);
        say_goodbye(piece.bytes.substr(0, piece.bytes.size() < 2 ? 0 : 2));
        break;
      case FrameReader::Kind::violation:
        loss_ = Loss{
            .cause = Cause::closed,
            .detail = "the backend breaks the WebSocket protocol: " + std::string(piece.bytes)};
        say_goodbye(std::string{static_cast<char>(piece.close_code >> 8U),
                                static_cast<char>(piece.close_code & 0xffU)});
        break;
    }
  }
}

void Connection::take_data(const FrameReader::Piece& piece) {
  auto message = assembler_.add(piece);
  part_at_ = message ? std::nullopt : std::optional(monotonic_now());
  if (!message || silent_) return;
  told_ = true;
  services_.sink(*std::move(message));
}

void Connection::take_pong(std::string_view payload) {
  if (silent_ || payload != ping_payload_) return;
  told_ = true;
  services_.sink(event::LinkPong{epoch_});
}

/// What libwebsockets has read itself: it goes on to the end of a message, then it is our turn.
void Connection::receive_from_library(std::string_view bytes) {
  heard_at_ = monotonic_now();
  const std::size_t to_come = lws_remaining_packet_payload(wsi_);
  const FrameReader::Piece piece{.kind = FrameReader::Kind::data,
                                 .bytes = bytes,
                                 .binary = lws_frame_is_binary(wsi_) != 0,
                                 .first = lws_is_first_fragment(wsi_) != 0,
                                 .last = lws_is_final_fragment(wsi_) != 0 && to_come == 0,
                                 .to_come = to_come};
  take_data(piece);
  if (!piece.last) return;
  hold_library();
  ask_for_turn();  // before it is ours libwebsockets sends a pong that it may owe
}

}  // namespace shim
