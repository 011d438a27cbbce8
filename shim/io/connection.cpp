#include "shim/io/connection.hpp"

#include <libwebsockets.h>
#include <openssl/x509_vfy.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "common/text.hpp"
#include "common/units.hpp"
#include "shim/io/tcp.hpp"
#include "shim/io/tls.hpp"

namespace shim {
namespace {

/// The ping that we send carries this and the epoch, so that an unasked-for pong proves nothing.
std::string ping_payload(Epoch epoch) { return "mcp-ws-shim " + std::to_string(epoch); }

/// Seconds of a Retry-After header (RFC 9110 § 10.2.3: a number or a date), between 0 and 60.
std::optional<Duration> parse_retry_after(const char* text) {
  char* end = nullptr;
  long seconds = std::strtol(text, &end, 10);
  if (end == text) {
    std::tm date{};
    if (::strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date) == nullptr) return std::nullopt;
    seconds = static_cast<long>(::timegm(&date) - std::time(nullptr));
  }
  return std::chrono::seconds(std::clamp(seconds, 0L, 60L));
}

}  // namespace

Connection::Connection(Epoch epoch, std::size_t message_bytes_max, Duration ack_timeout,
                       Services services)
    : epoch_(epoch),
      message_bytes_max_(message_bytes_max),
      ack_timeout_(ack_timeout),
      services_(std::move(services)) {}

Connection::~Connection() {
  unwatch_tcp();
  if (wsi_ != nullptr)
    lws_set_wsi_user(wsi_, nullptr);  // what libwebsockets still says goes nowhere
}

void Connection::start(const Target& target) {
  headers_ = &target.headers;
  tls_ = target.url.tls;
  const bool is_unix = !target.url.unix_path.empty();
  const std::string address = is_unix ? "+" + target.url.unix_path : target.address;
  const std::string host = is_unix ? "localhost" : target.url.authority();

  lws_client_connect_info info{};
  info.context = services_.loop.context();
  info.address = address.c_str();
  info.port = target.url.port;
  info.path = target.url.path.c_str();
  info.host = host.c_str();
  info.protocol = target.subprotocol.empty() ? nullptr : target.subprotocol.c_str();
  info.local_protocol_name = "mcp-ws-shim";
  info.ietf_version_or_minus_one = -1;
  info.alpn = "http/1.1";
  info.userdata = static_cast<ConnectionHandler*>(this);
  info.pwsi = &wsi_;
  // Redirects would send the headers to another origin.
  info.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
  if (tls_) info.ssl_connection |= LCCSCF_USE_SSL;

  starting_ = true;
  const bool started = lws_client_connect_via_info(&info) != nullptr;
  starting_ = false;
  if (!started) wsi_ = nullptr;  // some ways to fail come without any callback
  if (wsi_ == nullptr) {
    report_lost();
    return;
  }
  // libwebsockets does not say why a connect() failed. Both it and we see the socket's events in
  // the same poll; our descriptor comes first, and what we learn does not change what it does.
  tcp_fd_ = lws_get_socket_fd(wsi_);
  services_.loop.watch(tcp_fd_, EPOLLOUT, [this](std::uint32_t) { note_tcp_result(); });
}

void Connection::unwatch_tcp() {
  if (tcp_fd_ >= 0) services_.loop.unwatch(tcp_fd_);
  tcp_fd_ = -1;
}

void Connection::note_tcp_result() {
  int error = 0;
  socklen_t length = sizeof error;
  const bool known = ::getsockopt(tcp_fd_, SOL_SOCKET, SO_ERROR, &error, &length) == 0;
  unwatch_tcp();
  if (known && error == 0) {
    note_tcp_connected();
  } else if (!loss_known_) {
    loss_ = {.cause = error == ECONNREFUSED ? Cause::refused : Cause::unreachable,
             .detail = std::strerror(error)};
    loss_known_ = true;
  }
}

void Connection::note_tcp_connected() {
  if (std::exchange(tcp_connected_, true)) return;
  if (services_.on_milestone && !silent_)
    services_.on_milestone({.kind = Milestone::Kind::tcp, .text = {}});
}

void Connection::report_tls() {
  if (!tls_ || !services_.on_milestone) return;
  TlsFacts facts = describe_tls(lws_get_ssl(wsi_));
  services_.on_milestone({.kind = Milestone::Kind::tls,
                          .text = std::move(facts.text),
                          .days_to_expiry = facts.days_to_expiry});
}

/// While libwebsockets still has the answer to the upgrade request.
std::string Connection::selected_subprotocol() const {
  std::array<char, 128> header{};
  const int length =
      lws_hdr_copy(wsi_, header.data(), static_cast<int>(header.size()), WSI_TOKEN_PROTOCOL);
  return length > 0 ? printable({header.data(), static_cast<std::size_t>(length)}) : std::string();
}

/// libwebsockets hangs up without a word when the kernel gives a connection up. Here too ours comes
/// first; what had arrived before is still read.
void Connection::watch_for_error() {
  tcp_fd_ = lws_get_socket_fd(wsi_);
  set_tcp_user_timeout(tcp_fd_, ack_timeout_);
  services_.loop.watch(tcp_fd_, 0, [this](std::uint32_t) {
    int error = 0;
    socklen_t length = sizeof error;
    const bool known = ::getsockopt(tcp_fd_, SOL_SOCKET, SO_ERROR, &error, &length) == 0;
    unwatch_tcp();
    if (known && error != 0) note_socket_error(error);
  });
}

void Connection::note_socket_error(int error) {
  if (loss_known_) return;
  loss_known_ = true;
  // The kernel reports what it was told of the path last, if it was told anything.
  if (error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH) {
    loss_ = {.cause = Cause::path_dead,
             .detail = std::string("nothing is acknowledged any more: ") + std::strerror(error)};
  } else {
    loss_ = {.cause = Cause::reset, .detail = std::strerror(error)};
  }
}

std::uint64_t Connection::bytes_received() const {
  const auto counted = tcp_received_bytes(lws_get_socket_fd(wsi_));
  return counted.value_or(bytes_delivered_);
}

bool Connection::check() {
  if (wsi_ == nullptr || !open_) return false;
  set_tcp_user_timeout(lws_get_socket_fd(wsi_), ack_timeout_);
  const std::uint64_t received = bytes_received();
  return std::exchange(bytes_at_check_, received) != received;
}

void Connection::close(bool politely) {
  silent_ = true;
  unwatch_tcp();
  if (wsi_ == nullptr) return;
  if (politely && open_) send_some();
  if (wsi_ == nullptr) return;
  if (politely && open_ && outgoing_.empty() && lws_partial_buffered(wsi_) == 0) {
    constexpr std::string_view normal_closure("\x03\xe8", 2);  // 1000, RFC 6455 § 7.4.1
    [[maybe_unused]] const bool sent =
        send(write_frame(services_.send_buffer.data() + LWS_PRE, Opcode::close, true,
                         normal_closure, services_.masks.next()));
  } else {
    // Without this libwebsockets would try for seconds to send what it still holds.
    ::shutdown(lws_get_socket_fd(wsi_), SHUT_RDWR);
  }
  if (wsi_ != nullptr) lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, LWS_TO_KILL_SYNC);
}

void Connection::ping() {
  static_cast<void>(check());
  ping_wanted_ = true;
  flush();
}

void Connection::write(std::string text) { outgoing_.push_back(std::move(text)); }

void Connection::pause(bool paused) {
  if (wsi_ != nullptr && open_) lws_rx_flow_control(wsi_, paused ? 0 : 1);
}

void Connection::flush() {
  // Once we have asked libwebsockets for our turn we wait for it: it serves its own pongs first,
  // and they would starve if we wrote whenever the socket has room.
  if (!waiting_for_turn_) send_some();
}

void Connection::send_some() {
  waiting_for_turn_ = false;
  if (wsi_ == nullptr || !open_) return;
  // A peer that reads as fast as we write must not keep the loop from everything else.
  constexpr int pieces_max = 16;
  for (int pieces = 0; pieces < pieces_max && (ping_wanted_ || !outgoing_.empty()) &&
                       lws_partial_buffered(wsi_) == 0;
       ++pieces) {
    const Filled filled = fill_send_buffer();
    if (!send(filled.bytes)) return;
    if (filled.payload > 0 && !silent_) services_.sink(event::LinkWritten{epoch_, filled.payload});
  }
  if (ping_wanted_ || !outgoing_.empty() || lws_partial_buffered(wsi_) != 0) {
    waiting_for_turn_ = true;
    lws_callback_on_writable(wsi_);
  }
}

/// Frames as much as fits, small messages together, large ones in pieces: each piece is a frame of
/// its own, so that pings, and libwebsockets' pongs, may stand between them (RFC 6455 § 5.4).
Connection::Filled Connection::fill_send_buffer() {
  unsigned char* const start = services_.send_buffer.data() + LWS_PRE;
  Filled filled;
  if (ping_wanted_) {
    filled.bytes =
        write_frame(start, Opcode::ping, true, ping_payload(epoch_), services_.masks.next());
    ping_wanted_ = false;
  }
  while (!outgoing_.empty()) {
    const std::string_view rest = std::string_view(outgoing_.front()).substr(offset_);
    const std::size_t room = Loop::send_bytes_max - filled.bytes;
    if (filled.bytes > 0 && rest.size() + frame_header_bytes_max > room) break;
    const std::string_view piece = rest.substr(0, room - frame_header_bytes_max);
    const bool final = piece.size() == rest.size();
    filled.bytes +=
        write_frame(start + filled.bytes, offset_ == 0 ? Opcode::text : Opcode::continuation, final,
                    piece, services_.masks.next());
    filled.payload += piece.size();
    if (!final) {
      offset_ += piece.size();
      break;
    }
    outgoing_.pop_front();
    offset_ = 0;
  }
  return filled;
}

bool Connection::send(std::size_t bytes) {
  if (lws_write(wsi_, services_.send_buffer.data() + LWS_PRE, bytes, LWS_WRITE_RAW) >= 0)
    return true;
  // libwebsockets notices a dead socket by itself only when it has something to do with it.
  lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, LWS_TO_KILL_ASYNC);
  note_socket_error(errno);
  report_lost();
  return false;
}

void Connection::receive(const char* bytes, std::size_t length) {
  bytes_delivered_ += length;
  if (lws_is_first_fragment(wsi_) != 0) {
    message_.clear();
    skipping_ = false;
    binary_ = lws_frame_is_binary(wsi_) != 0;
  }
  const std::size_t to_come = lws_remaining_packet_payload(wsi_);
  if (!binary_ && !skipping_) {
    if (message_.size() + length > message_bytes_max_) {
      skipping_ = true;
      scanner_ = IdScanner();
      scanner_.feed(message_);
      std::string().swap(message_);
    } else {
      if (message_.empty()) message_.reserve(std::min(length + to_come, message_bytes_max_));
      message_.append(bytes, length);
    }
  }
  if (skipping_) scanner_.feed({bytes, length});
  if (lws_is_final_fragment(wsi_) == 0 || to_come > 0 || silent_) return;
  if (binary_) {
    services_.sink(event::LinkBinary{epoch_});
  } else if (skipping_) {
    services_.sink(event::LinkMessageTooLong{epoch_, scanner_});
  } else {
    services_.sink(event::LinkMessage{epoch_, std::exchange(message_, {})});
  }
}

int Connection::on_connection(lws* wsi, int reason, void* in, std::size_t length) {
  switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
      request_sent_ = true;
      unwatch_tcp();
      if (!loss_known_) {  // libwebsockets tries to write even if connect() has failed
        note_tcp_connected();
        report_tls();
      }
      return add_headers(in, length);
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
      if (services_.on_milestone && !silent_)
        services_.on_milestone({.kind = Milestone::Kind::upgraded, .text = selected_subprotocol()});
      return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      open_ = true;
      wsi_ = wsi;
      unwatch_tcp();
      watch_for_error();
      if (!silent_) services_.sink(event::LinkOpened{epoch_});
      return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE: receive(static_cast<const char*>(in), length); return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
      bytes_delivered_ += length;
      if (!silent_ &&
          std::string_view(static_cast<const char*>(in), length) == ping_payload(epoch_))
        services_.sink(event::LinkPong{epoch_});
      return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE: send_some(); return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      note_close_frame(static_cast<const unsigned char*>(in), length);
      report_lost();
      return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      wsi_ = wsi;
      note_upgrade_failure(in == nullptr ? std::string_view()
                                         : std::string_view(static_cast<const char*>(in), length));
      return 0;
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
      if (length == 0) note_certificate(in);
      return 0;
    case LWS_CALLBACK_WSI_DESTROY:
      unwatch_tcp();
      wsi_ = nullptr;
      if (!starting_) report_lost();
      return 0;
    default: return 0;
  }
}

/// libwebsockets asks for our headers: `in` is where its pointer into a buffer of `length` is kept.
int Connection::add_headers(void* in, std::size_t length) {
  auto** at = static_cast<unsigned char**>(in);
  unsigned char* const end = *at + length;
  for (const auto& [name, value] : *headers_) {
    const std::string with_colon = name + ":";
    if (lws_add_http_header_by_name(wsi_,
                                    reinterpret_cast<const unsigned char*>(with_colon.c_str()),
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), at, end) != 0) {
      loss_ = {.cause = Cause::internal, .detail = "the upgrade headers are too long together"};
      loss_known_ = true;
      return -1;
    }
  }
  return 0;
}

/// Makes a cause of what libwebsockets says and of how far we had got.
void Connection::note_upgrade_failure(std::string_view said) {
  if (loss_known_) return;
  loss_known_ = true;
  const std::string text = printable(said.substr(0, said.find('\0')));
  if (!request_sent_) {
    if (!tcp_connected_) {
      loss_ = {.cause = Cause::unreachable, .detail = text};
    } else {
      loss_ = {.cause = tls_ ? Cause::tls : Cause::reset,
               .detail = tls_ ? "the TLS handshake failed; does this port speak TLS?" : text};
    }
    return;
  }
  const int status = static_cast<int>(lws_http_client_http_response(wsi_));
  if (status >= 100 && status < 1000 && status != 101) {
    loss_ = {.cause = Cause::http_status,
             .detail = "the upgrade was answered with HTTP status " + std::to_string(status),
             .status = status};
    std::array<char, 64> header{};
    if ((status == 429 || status == 503) &&
        lws_hdr_copy(wsi_, header.data(), static_cast<int>(header.size()),
                     WSI_TOKEN_HTTP_RETRY_AFTER) > 0) {
      loss_.retry_after = parse_retry_after(header.data());
    }
  } else if (text.find("PROTOCOL") != std::string::npos) {
    const std::string selected = selected_subprotocol();
    loss_ = {.cause = Cause::subprotocol,
             .detail = "the backend selected a subprotocol that was not offered (--subprotocol)" +
                       (selected.empty() ? "" : ": " + selected)};
  } else if (text == "Peer hung up" || text == "read failed" || text.starts_with("closed before") ||
             text.starts_with("Closed before")) {
    loss_ = {.cause = Cause::reset, .detail = "closed before the upgrade was answered"};
  } else {
    loss_ = {.cause = Cause::not_websocket, .detail = "no WebSocket handshake: " + text};
  }
}

void Connection::note_certificate(void* verification) {
  auto* const context = static_cast<X509_STORE_CTX*>(verification);
  const int error = X509_STORE_CTX_get_error(context);
  if (services_.on_milestone && !silent_)
    services_.on_milestone(
        {.kind = Milestone::Kind::certificate,
         .text = describe_certificate(X509_STORE_CTX_get_current_cert(context))});
  loss_ = {.cause = Cause::certificate, .detail = X509_verify_cert_error_string(error)};
  loss_known_ = true;
}

void Connection::note_close_frame(const unsigned char* bytes, std::size_t length) {
  // Behind a close frame the socket is often reset, of which we may have heard first.
  if (loss_known_ && loss_.cause != Cause::reset) return;
  loss_ = {.cause = Cause::closed, .detail = "the backend closed the connection"};
  if (length >= 2) {
    loss_.detail += " with code " + std::to_string((bytes[0] << 8U) | bytes[1]);
    const std::string_view why(reinterpret_cast<const char*>(bytes) + 2, length - 2);
    if (!why.empty()) loss_.detail += " (" + printable(why) + ")";
  }
  loss_known_ = true;
}

void Connection::report_lost() {
  if (silent_) return;
  silent_ = true;
  if (!loss_known_) {
    if (open_) {
      loss_ = {.cause = Cause::closed, .detail = "the connection ended without a close frame"};
    } else if (tcp_connected_ || request_sent_) {
      loss_ = {.cause = Cause::reset, .detail = "closed before the upgrade was answered"};
    } else {
      loss_ = {.cause = Cause::unreachable, .detail = "no connection"};
    }
  }
  const bool before_tcp = !open_ && !request_sent_ && !tcp_connected_;
  services_.lost(std::move(loss_), before_tcp);
}

}  // namespace shim
