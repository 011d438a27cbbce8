#include "shim/io/loop.hpp"

#include <fcntl.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "shim/io/timer_fd.hpp"

namespace shim {
namespace {

// A connection that is closing may linger for seconds, and each URL and each address of a name can
// have one; there is room for all that a round of attempts comes to.
constexpr unsigned descriptors_max = 64;

// For the handshakes, and the few bytes that libwebsockets reads of an open connection. It reads
// LWS_PRE fewer. A whole TLS record must fit: were a part of one left in OpenSSL while
// libwebsockets may not read on, it would never return from its service.
constexpr unsigned tls_record_bytes = 16 << 10;
constexpr unsigned receive_bytes = tls_record_bytes + LWS_PRE;

/// The one callback of the one protocol; libwebsockets gives us no place for a closure. Only
/// reasons that are known to be about a connection of ours get to its handler: with many others
/// `user` is something else.
int on_lws(lws* connection, lws_callback_reasons reason, void* user, void* in, std::size_t length) {
  switch (reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
      static_cast<Loop*>(lws_context_user(lws_get_context(connection)))->dispatch();
      return 0;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS:
      static_cast<Loop*>(lws_context_user(lws_get_context(connection)))
          ->take_tls(static_cast<SSL_CTX*>(user));
      return 0;
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
      in = user;  // OpenSSL's verification context; `length` is its verdict so far
      break;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
    case LWS_CALLBACK_CLIENT_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    case LWS_CALLBACK_WSI_DESTROY: break;
    default: return 0;
  }
  auto* const handler = static_cast<ConnectionHandler*>(lws_wsi_user(connection));
  return handler == nullptr ? 0 : handler->on_connection(connection, reason, in, length);
}

constexpr std::array<lws_protocols, 2> protocols{{
    {"mcp-ws-shim", on_lws, 0, receive_bytes, 0, nullptr, Loop::send_bytes_max + 64},
    {nullptr, nullptr, 0, 0, 0, nullptr, 0},
}};

// Without this libwebsockets pings and hangs up by its own rules; liveness is the core's.
constexpr lws_retry_bo_t no_policy{};

/// A connection to a Unix socket is made inside of lws_client_connect_via_info(), and can fail
/// there. libwebsockets then goes on to read what it has freed, so that is kept until it returns.
bool keeps_freed = false;
std::vector<void*> freed_meanwhile;

void* allocate(void* block, std::size_t bytes, const char*) {
  if (bytes > 0) return std::realloc(block, bytes);
  if (keeps_freed) {
    freed_meanwhile.push_back(block);
  } else {
    std::free(block);
  }
  return nullptr;
}

[[noreturn]] void refuse(const char* what) {
  throw std::runtime_error(std::string("this system refuses ") + what);
}

}  // namespace

Loop::Loop(const Config& config)
    : certificate_files_(config.certificates),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(make_timer()),
      always_ready_(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!epoll_ || !timer_ || !always_ready_) refuse("an epoll set, a timer or an event descriptor");
  lws_set_log_level(0, nullptr);
  lws_set_allocator(allocate);
  // libwebsockets would send everything through the proxy that the environment names, also what is
  // meant for this machine: the token to a stranger, in clear. No thread of ours reads them now.
  for (const char* const proxy : {"http_proxy", "socks_proxy"}) ::unsetenv(proxy);

  const auto limit = std::chrono::duration_cast<std::chrono::seconds>(config.connect_limit).count();
  lws_context_creation_info info{};
  info.port = CONTEXT_PORT_NO_LISTEN;
  info.protocols = protocols.data();
  info.user = this;
  info.fd_limit_per_thread = descriptors_max;  // else sized by RLIMIT_NOFILE, up to gigabytes
  info.max_http_header_pool = 8;
  info.pt_serv_buf_size = receive_bytes;
  info.timeout_secs = static_cast<unsigned>(limit);
  info.connect_timeout_secs = static_cast<unsigned>(limit);
  info.retry_and_idle_policy = &no_policy;
  info.gid = -1;
  info.uid = -1;
  if (config.tls) {
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    // Set after OpenSSL has read its own configuration, which may allow older versions (contract
    // 11), and beats it.
    info.ssl_client_options_set =
        static_cast<long>(SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
    if (!config.certificates.ca.empty()) {
      info.client_ssl_ca_filepath = config.certificates.ca.c_str();
      info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    }
  }
  context_ = lws_create_context(&info);
  if (context_ == nullptr) {
    refuse(config.certificates.ca.empty()
               ? "a libwebsockets context"
               : "a TLS context; is the --ca-file a PEM certificate file?");
  }
  lws_sock_file_fd_type epoll_fd{};
  epoll_fd.filefd =
      ::fcntl(epoll_.get(), F_DUPFD_CLOEXEC, 3);  // libwebsockets closes what it adopts
  if (lws_adopt_descriptor_vhost(lws_get_vhost_by_name(context_, "default"),
                                 LWS_ADOPT_RAW_FILE_DESC, epoll_fd, protocols[0].name,
                                 nullptr) == nullptr) {
    lws_context_destroy(context_);
    refuse("to poll an epoll set");
  }
  watch(timer_.get(), EPOLLIN, [this](std::uint32_t) {
    drain(timer_);
    deadline_.reset();
  });
}

lws* Loop::connect(const lws_client_connect_info& info) {
  keeps_freed = true;
  lws* const connection = lws_client_connect_via_info(&info);
  keeps_freed = false;
  for (void* const block : freed_meanwhile) std::free(block);
  freed_meanwhile.clear();
  return connection;
}

Loop::~Loop() { lws_context_destroy(context_); }

void Loop::take_tls(SSL_CTX* tls) {
  tls_ = tls;
  certificate_files_.serve(tls);
  constexpr int ours = 0;  // "app data"
  SSL_CTX_set_ex_data(tls, ours, this);
  SSL_CTX_set_info_callback(tls, [](const SSL* connection, int where, int value) {
    const auto* const loop =
        static_cast<Loop*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), ours));
    // OpenSSL, too, changes it while it promises not to.
    if (loop->tls_handler_ != nullptr)
      loop->tls_handler_->on_tls(const_cast<SSL*>(connection), where, value);
  });
}

void Loop::turn() {
  if (!library_needed_ || library_needed_()) {
    lws_service(context_, 0);
  } else {
    constexpr int for_ever = -1;
    dispatch_within(for_ever);
  }
}

void Loop::watch(int fd, std::uint32_t events, Handler handler) {
  const auto [watch, added] = watches_.try_emplace(fd);
  if (added) watch->second.number = ++last_watch_;
  watch->second.handler = std::move(handler);
  epoll_event event{};
  event.events = events;
  event.data.u64 = std::uint64_t{watch->second.number} << 32U | static_cast<std::uint32_t>(fd);
  if (::epoll_ctl(epoll_.get(), added ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0) return;
  if (errno == EPERM) {
    // A regular file or /dev/null. One such stream at a time is all we ever have to serve.
    if ((events & (EPOLLIN | EPOLLOUT)) == 0) {
      forget_always_ready(fd);
    } else {
      event.events = EPOLLIN;
      always_ready_for_ = fd;
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, always_ready_.get(), &event);
    }
  }
}

void Loop::unwatch(int fd) {
  if (watches_.erase(fd) == 0) return;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr) != 0 && errno == EPERM) {
    forget_always_ready(fd);
  }
}

void Loop::forget_always_ready(int fd) {
  if (always_ready_for_ != fd) return;
  always_ready_for_ = -1;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, always_ready_.get(), nullptr);
}

void Loop::wake_at(std::optional<TimePoint> deadline) {
  if (deadline == deadline_) return;
  deadline_ = deadline;
  arm_timer_at(timer_, deadline);
}

void Loop::dispatch_within(int timeout_ms) {
  std::array<epoll_event, 16> ready{};
  int count = 0;
  // A process that was stopped wakes up by an interruption, and must see what came meanwhile before
  // it looks at its deadlines.
  do {
    count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), timeout_ms);
  } while (count < 0 && errno == EINTR);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready[static_cast<std::size_t>(i)];
    const auto found = watches_.find(static_cast<int>(event.data.u64 & 0xffffffffU));
    // A handler before it in this turn may have unwatched it, and the number be another file's now.
    if (found == watches_.end() || found->second.number != event.data.u64 >> 32U) continue;
    const Handler handler = found->second.handler;  // a copy: the handler may unwatch itself
    handler(event.events);
  }
}

}  // namespace shim
