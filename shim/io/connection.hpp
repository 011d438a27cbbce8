#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/id_scanner.hpp"
#include "common/time.hpp"
#include "common/url.hpp"
#include "shim/core/event.hpp"
#include "shim/io/loop.hpp"
#include "shim/io/milestone.hpp"
#include "shim/io/ws_frame.hpp"

namespace shim {

/// One WebSocket connection to one address, from connect() to its last callback. Translates between
/// libwebsockets and link events; its epoch is fixed at birth.
class Connection final : public ConnectionHandler {
 public:
  struct Target {
    const Url& url;
    std::string address;  ///< numeric; empty for a Unix socket
    const std::vector<std::pair<std::string, std::string>>& headers;
    const std::string& subprotocol;
  };
  struct Services {
    Loop& loop;
    MaskSource& masks;
    std::vector<unsigned char>& send_buffer;  ///< of Loop::send_bytes_max and frame headers
    EventSink sink;
    /// The connection is lost or was never made. `before_tcp`: another address may do better.
    /// Called once, perhaps from inside start(); not after close().
    std::function<void(Loss, bool before_tcp)> lost;
    const MilestoneSink& on_milestone;
  };

  /// `ack_timeout`: how long the other side may leave unacknowledged what was sent before the path
  /// counts as dead; zero: as long as the system lets it.
  Connection(Epoch epoch, std::size_t message_bytes_max, Duration ack_timeout, Services services);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start(const Target& target);

  /// Ends it without waiting for anybody, and reports nothing any more. Not to be called from
  /// inside a callback of libwebsockets.
  void close(bool politely);

  void ping();
  /// Whether a byte has come since the last ping() or check().
  [[nodiscard]] bool check();
  void write(std::string text);
  void pause(bool paused);

  /// Sends what the socket takes.
  void flush();

  [[nodiscard]] bool is_open() const { return open_; }
  /// Whether libwebsockets has forgotten it, so that it can be deleted.
  [[nodiscard]] bool is_finished() const { return wsi_ == nullptr && !starting_; }

  int on_connection(lws* wsi, int reason, void* in, std::size_t length) override;

 private:
  struct Filled {
    std::size_t bytes = 0;    ///< in the send buffer
    std::size_t payload = 0;  ///< of them, bytes of messages
  };
  void send_some();
  [[nodiscard]] Filled fill_send_buffer();
  [[nodiscard]] bool send(std::size_t bytes);
  void receive(const char* bytes, std::size_t length);
  void note_tcp_result();
  void note_tcp_connected();
  void report_tls();
  [[nodiscard]] std::string selected_subprotocol() const;
  void watch_for_error();
  void unwatch_tcp();
  void note_socket_error(int error);
  [[nodiscard]] std::uint64_t bytes_received() const;
  [[nodiscard]] int add_headers(void* in, std::size_t length);
  void note_upgrade_failure(std::string_view said);
  void note_certificate(void* verification);
  void note_close_frame(const unsigned char* bytes, std::size_t length);
  void report_lost();

  Epoch epoch_;
  std::size_t message_bytes_max_;
  Duration ack_timeout_;
  Services services_;
  lws* wsi_ = nullptr;
  const std::vector<std::pair<std::string, std::string>>* headers_ = nullptr;
  int tcp_fd_ = -1;  ///< watched until TCP has connected or failed, and for errors once open

  bool starting_ = false;
  bool tls_ = false;
  bool tcp_connected_ = false;
  bool request_sent_ = false;
  bool open_ = false;
  bool silent_ = false;  ///< lost was reported, or close() was called
  Loss loss_;
  bool loss_known_ = false;

  std::uint64_t bytes_delivered_ = 0;  ///< of messages and pongs
  std::uint64_t bytes_at_check_ = 0;

  std::string message_;    ///< the incoming message so far
  bool skipping_ = false;  ///< it has grown too long
  bool binary_ = false;
  IdScanner scanner_;

  std::deque<std::string> outgoing_;
  std::size_t offset_ = 0;  ///< bytes of the first outgoing message already framed
  bool ping_wanted_ = false;
  bool waiting_for_turn_ = false;  ///< libwebsockets was asked to say when we may write
};

}  // namespace shim
