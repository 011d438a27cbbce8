#include "shim/io/connection.hpp"

#include <fcntl.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "common/text.hpp"
#include "shim/io/clock.hpp"
#include "shim/io/connect_error.hpp"
#include "shim/io/resolver.hpp"
#include "shim/io/tcp.hpp"
#include "shim/io/tls.hpp"
#include "shim/io/upgrade_failure.hpp"

namespace shim {

Connection::Connection(Epoch epoch, std::size_t message_bytes_max, Duration ack_timeout,
                       Services services)
    : epoch_(epoch),
      ping_payload_("mcp-ws-shim " + std::to_string(epoch)),
      ack_timeout_(ack_timeout),
      services_(std::move(services)),
      assembler_(epoch, message_bytes_max),
      outgoing_(services_.masks) {}

Connection::~Connection() {
  unwatch_tcp();
  services_.loop.unwatch_tls(this);
  if (wsi_ != nullptr)
    lws_set_wsi_user(wsi_, nullptr);  // what libwebsockets still says goes nowhere
}

void Connection::start(const Target& target) {
  headers_ = &target.headers;
  tls_ = target.url.tls;
  const bool is_unix = !target.url.unix_path.empty();
  const std::string address = is_unix ? "+" + target.url.unix_path : target.address;
  const std::string host = target.url.host_header();

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
  // Redirects would send the headers to another origin.
  info.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
  if (tls_) {
    info.ssl_connection |= LCCSCF_USE_SSL;
    services_.loop.watch_tls(this);
    if (is_numeric_address(target.url.host)) {
      // libwebsockets takes the host up to its first colon for a name. We check it in its place.
      certified_address_ = target.url.host.substr(0, target.url.host.find('%'));
      info.ssl_connection |= LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
    }
  }

  starting_ = true;
  wsi_ = Loop::connect(info);
  // Some ways to fail come without any callback; others have destroyed what is returned.
  if (!std::exchange(starting_, false)) wsi_ = nullptr;
  if (wsi_ == nullptr) {
    if (!loss_ && !request_sent_)
      note_connect_error(is_unix ? immediate_connect_error(target.url.unix_path)
                                 : immediate_connect_error(target.address, target.url.port));
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
  } else if (!loss_) {
    note_connect_error(error);
  }
}

void Connection::note_connect_error(int error) {
  if (error == 0) return;
  loss_ = Loss{.cause = cause_of_connect_error(error), .detail = std::strerror(error)};
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

void Connection::opened(lws* wsi) {
  open_ = true;
  wsi_ = wsi;
  unwatch_tcp();
  tcp_fd_ = lws_get_socket_fd(wsi_);
  set_tcp_user_timeout(tcp_fd_, ack_timeout_);
  hold_library();
  watch_socket();
  if (!silent_) services_.sink(event::LinkOpened{epoch_});
}

/// Ends the connection with a close frame.
void Connection::say_goodbye(std::string_view code) {
  send_close(code);
  hang_up();
}

void Connection::hang_up() {
  unwatch_tcp();
  lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, LWS_TO_KILL_ASYNC);
  report_lost();
}

void Connection::note_socket_error(int error) {
  if (loss_) return;
  // The kernel reports what it was told of the path last, if it was told anything.
  if (error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH) {
    loss_ =
        Loss{.cause = Cause::path_dead,
             .detail = std::string("nothing is acknowledged any more: ") + std::strerror(error)};
  } else {
    loss_ = Loss{.cause = Cause::reset, .detail = std::strerror(error)};
  }
}

event::LinkChecked Connection::check() {
  event::LinkChecked look{.epoch = epoch_, .heard_at = heard_at_, .part_at = part_at_};
  if (wsi_ == nullptr || !open_) return look;
  const int fd = lws_get_socket_fd(wsi_);
  set_tcp_user_timeout(fd, ack_timeout_);
  look.has_unread = has_unread_bytes(fd);
  if (look.has_unread) look.heard_at = heard_at_ = monotonic_now();
  return look;
}

std::uint64_t Connection::bytes_received() const {
  return wsi_ == nullptr ? 0 : tcp_received_bytes(lws_get_socket_fd(wsi_));
}

Descriptor Connection::close(bool politely) {
  silent_ = true;
  unwatch_tcp();
  if (wsi_ == nullptr) return {};
  if (politely && open_) send_some();
  if (wsi_ == nullptr) return {};
  Descriptor unfinished = politely ? unfinished_socket() : Descriptor();
  if (!politely || !outgoing_.is_empty() || !send_close("\x03\xe8")) {  // 1000, RFC 6455 § 7.4.1
    // Without this libwebsockets would try for seconds to send what it still holds. The kernel
    // sends what it holds only as long as nothing arrives that nobody may read.
    ::shutdown(lws_get_socket_fd(wsi_), politely ? SHUT_WR : SHUT_RDWR);
  }
  if (wsi_ != nullptr) lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, LWS_TO_KILL_SYNC);
  return unfinished;
}

/// A copy of the socket if what was sent is still on its way. It has as long as the kernel gives
/// it.
Descriptor Connection::unfinished_socket() const {
  const int fd = lws_get_socket_fd(wsi_);
  if (!open_ || tcp_unacknowledged_bytes(fd) == 0) return {};
  set_tcp_user_timeout(fd, Duration::zero());
  return Descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

void Connection::ping() {
  static_cast<void>(check());
  outgoing_.set_ping(ping_payload_);
  flush();
}

void Connection::write(std::string text) { outgoing_.add_message(std::move(text)); }

void Connection::pause(bool paused) {
  paused_ = paused;
  if (wsi_ == nullptr || !open_ || silent_) return;
  if (reader_ == Reader::library) lws_rx_flow_control(wsi_, paused ? 0 : 1);
  watch_socket();
}

void Connection::flush() {
  if (reader_ == Reader::nobody && open_ && wsi_ != nullptr && !silent_) take_over();
  if (!waiting_for_turn_) send_some();
}

void Connection::send_some() {
  waiting_for_turn_ = false;
  if (wsi_ == nullptr || !open_) return;
  // A peer that reads as fast as we write must not keep the loop from everything else.
  constexpr int pieces_max = 16;
  for (int pieces = 0; lws_partial_buffered(wsi_) == 0; ++pieces) {
    report_taken();
    if (outgoing_.is_empty()) return;
    if (pieces == pieces_max) break;
    const FrameQueue::Filled filled =
        outgoing_.fill(std::span(services_.send_buffer).subspan(LWS_PRE));
    if (!send(filled.bytes)) {
      could_not_send(errno);
      return;
    }
    untaken_bytes_ += filled.payload;
  }
  ask_for_turn();
}

/// Only once libwebsockets holds nothing of it any more: that is lost if the connection ends.
void Connection::report_taken() {
  const std::size_t bytes = std::exchange(untaken_bytes_, 0);
  if (bytes > 0 && !silent_) services_.sink(event::LinkWritten{epoch_, bytes});
}

void Connection::ask_for_turn() {
  waiting_for_turn_ = true;
  lws_callback_on_writable(wsi_);
}

/// Whether libwebsockets took it; it keeps what the socket does not take.
bool Connection::send(std::size_t bytes) {
  return lws_write(wsi_, services_.send_buffer.data() + LWS_PRE, bytes, LWS_WRITE_RAW) >= 0;
}

/// Sends a close frame if it can be sent now, and says whether it was.
bool Connection::send_close(std::string_view code) {
  if (!open_ || library_closes_ || lws_partial_buffered(wsi_) != 0 || outgoing_.is_mid_message())
    return false;
  return send(write_frame(services_.send_buffer.data() + LWS_PRE, Opcode::close, true, code,
                          services_.masks.next()));
}

/// What the other side sent before it went away may still be here.
void Connection::could_not_send(int error) {
  if (silent_) return;
  if (reader_ == Reader::self) read_some(true);
  if (silent_) return;
  note_socket_error(error);
  hang_up();
}

int Connection::on_connection(lws* wsi, int reason, void* in, std::size_t length) {
  switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
      wsi_ = wsi;  // to a Unix socket it connects inside of start()
      unwatch_tcp();
      return begin_request(in, length);
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
      if (services_.on_milestone && !silent_)
        services_.on_milestone(
            {.kind = Milestone::Kind::upgraded, .text = selected_subprotocol(wsi_)});
      return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED: opened(wsi); return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
      receive_from_library({static_cast<const char*>(in), length});
      return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
      take_pong({static_cast<const char*>(in), length});
      return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
      library_closes_ = true;
      if (reader_ == Reader::self && !silent_) read_some(true);
      return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE: send_some(); return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      note_close_frame({static_cast<const char*>(in), length});
      report_lost();
      return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      note_connection_error(wsi, {static_cast<const char*>(in), in == nullptr ? 0 : length});
      return 0;
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
      if (length == 0) note_certificate(in);
      return 0;
    case LWS_CALLBACK_WSI_DESTROY:
      unwatch_tcp();
      wsi_ = nullptr;
      if (!std::exchange(starting_, false)) report_lost();
      return 0;
    default: return 0;
  }
}

void Connection::on_tls(SSL* connection, int where, int value) {
  if (wsi_ == nullptr || lws_get_ssl(wsi_) != connection) return;
  if ((where & SSL_CB_HANDSHAKE_START) != 0 && !certified_address_.empty())
    expect_address(connection, certified_address_);
  tls_failure_.note(connection, where, value);
}

/// All is ready for the request, as far as libwebsockets knows. It goes out unless this is not 0.
int Connection::begin_request(void* in, std::size_t length) {
  // It tries to write even if connect() has failed: we have taken the error from it.
  if (loss_) return -1;
  // OpenSSL has checked that, if it was told to in time.
  if (!certified_address_.empty() && !is_for_address(lws_get_ssl(wsi_), certified_address_)) {
    loss_ = Loss{.cause = Cause::certificate, .detail = "IP address mismatch"};
    return -1;
  }
  request_sent_ = true;
  note_tcp_connected();
  report_tls();
  return add_headers(in, length);
}

void Connection::note_connection_error(lws* wsi, std::string_view said) {
  wsi_ = wsi;
  if (loss_) return;
  loss_ = tls_failure_.explain(explain_upgrade_failure(
      wsi_, said, {.tls = tls_, .tcp_connected = tcp_connected_, .request_sent = request_sent_}));
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
      loss_ = Loss{.cause = Cause::internal, .detail = "the upgrade headers are too long together"};
      return -1;
    }
  }
  return 0;
}

void Connection::note_certificate(void* verification) {
  auto* const context = static_cast<X509_STORE_CTX*>(verification);
  const int error = X509_STORE_CTX_get_error(context);
  if (services_.on_milestone && !silent_)
    services_.on_milestone(
        {.kind = Milestone::Kind::certificate,
         .text = describe_certificate(X509_STORE_CTX_get_current_cert(context)),
         .days_to_expiry = days_to_expiry(X509_STORE_CTX_get_current_cert(context))});
  loss_ = Loss{.cause = Cause::certificate, .detail = X509_verify_cert_error_string(error)};
}

void Connection::note_close_frame(std::string_view payload) {
  // Behind a close frame the socket is often reset, of which we may have heard first.
  if (loss_ && loss_->cause != Cause::reset) return;
  loss_ = Loss{.cause = Cause::closed, .detail = "the backend closed the connection"};
  if (payload.size() >= 2) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(payload[i]); };
    loss_->detail += " with code " + std::to_string(byte(0) << 8U | byte(1));
    const std::string_view why = payload.substr(2);
    if (!why.empty()) loss_->detail += " (" + printable(why) + ")";
  }
}

void Connection::report_lost() {
  if (silent_) return;
  silent_ = true;
  if (!loss_) {
    if (open_) {
      loss_ = Loss{.cause = Cause::closed, .detail = "the connection ended without a close frame"};
    } else if (tcp_connected_ || request_sent_) {
      // libwebsockets reports no error when the socket is reset while it sends the request.
      loss_ = tls_failure_.explain(
          {.cause = Cause::reset, .detail = "closed before the upgrade was answered"});
    } else {
      loss_ = Loss{.cause = Cause::unreachable, .detail = "no connection"};
    }
  }
  const bool before_tcp = !open_ && !request_sent_ && !tcp_connected_;
  services_.lost(*std::move(loss_), before_tcp);
}

}  // namespace shim
