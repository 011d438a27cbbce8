#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/time.hpp"
#include "shim/io/certificate_files.hpp"
#include "shim/io/descriptor.hpp"

struct lws;
struct lws_client_connect_info;
struct lws_context;
typedef struct ssl_st SSL;  // NOLINT(modernize-use-using): as OpenSSL declares it

namespace shim {

/// What libwebsockets says about one client connection, which carries a pointer to its handler as
/// user data.
class ConnectionHandler {
 public:
  /// `reason` is an enum lws_callback_reasons; the result goes back to libwebsockets.
  virtual int on_connection(lws* connection, int reason, void* in, std::size_t length) = 0;

  /// What OpenSSL says of the progress of some connection (SSL_CTX_set_info_callback(3)).
  virtual void on_tls(SSL* connection, int where, int value) = 0;

 protected:
  ~ConnectionHandler() = default;
};

/// The event loop: libwebsockets' own, which serves its sockets, with everything of ours in one
/// epoll set that it polls as a single descriptor. So none of libwebsockets' ways with adopted
/// files (flags changed, requests for writability lost, POLLERR ignored) touch our descriptors.
class Loop {
 public:
  /// Largest piece handed to libwebsockets at once for sending.
  static constexpr std::size_t send_bytes_max = std::size_t{128} << 10U;

  struct Config {
    bool tls = false;  ///< whether any endpoint needs it; it costs memory and start-up time
    CertificateFiles::Paths certificates{};  ///< checked; without `ca` the system's store
    /// libwebsockets' own limit for each step of connecting; it must be beyond the core's, whose
    /// timers decide.
    Duration connect_limit = std::chrono::hours(1);
  };

  using Handler = std::function<void(std::uint32_t epoll_events)>;

  /// Throws std::runtime_error if the system refuses what is needed. Forgets proxies that the
  /// environment names, so no other thread may be running.
  explicit Loop(const Config& config);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Waits until something has happened and lets the handlers see it.
  void turn();

  /// `needed` is asked before each wait: while libwebsockets has nothing to do that our own
  /// descriptors would not tell, we wait without it, with half the system calls. Initially it is
  /// always needed.
  void set_library_needed(std::function<bool()> needed) { library_needed_ = std::move(needed); }

  /// Calls `handler` whenever `fd` is ready for `events` (epoll flags, level-triggered). A file
  /// that epoll does not take is always ready. Watching again replaces events and handler.
  void watch(int fd, std::uint32_t events, Handler handler);
  void unwatch(int fd);

  /// Makes turn() return at this time at the latest.
  void wake_at(std::optional<TimePoint> deadline);

  [[nodiscard]] lws_context* context() const { return context_; }

  /// Who gets on_tls(): at most one connection at a time is in its handshake.
  void watch_tls(ConnectionHandler* handler) { tls_handler_ = handler; }
  void unwatch_tls(const ConnectionHandler* handler) {
    if (tls_handler_ == handler) tls_handler_ = nullptr;
  }

  /// lws_client_connect_via_info(), whose result may be one that is destroyed already: who starts a
  /// connection hears of that from its callback.
  [[nodiscard]] static lws* connect(const lws_client_connect_info& info);

  /// For the callback that libwebsockets calls when it has made its TLS context for clients.
  void take_tls(SSL_CTX* tls);

  /// To be called before each attempt with TLS: uses the certificates as they are now. See
  /// CertificateFiles::refresh().
  [[nodiscard]] std::string refresh_certificates() { return certificate_files_.refresh(tls_); }

  /// For the callback that libwebsockets calls: lets the handlers see what is ready.
  void dispatch() { dispatch_within(0); }

 private:
  void dispatch_within(int timeout_ms);
  void forget_always_ready(int fd);

  CertificateFiles certificate_files_;
  lws_context* context_ = nullptr;
  SSL_CTX* tls_ = nullptr;  ///< the context's
  ConnectionHandler* tls_handler_ = nullptr;
  Descriptor epoll_;
  Descriptor timer_;
  Descriptor always_ready_;  ///< stands in for files that epoll does not take
  int always_ready_for_ = -1;
  std::optional<TimePoint> deadline_;
  struct Watch {
    std::uint32_t number = 0;  ///< of this watch, since descriptors are used again
    Handler handler;
  };
  std::map<int, Watch> watches_;
  std::uint32_t last_watch_ = 0;
  std::function<bool()> library_needed_;
};

}  // namespace shim
