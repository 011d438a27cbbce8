#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time.hpp"
#include "common/url.hpp"
#include "shim/core/event.hpp"
#include "shim/io/descriptor.hpp"
#include "shim/io/frame_queue.hpp"
#include "shim/io/frame_reader.hpp"
#include "shim/io/loop.hpp"
#include "shim/io/message_assembler.hpp"
#include "shim/io/milestone.hpp"
#include "shim/io/tls_failure.hpp"
#include "shim/io/ws_frame.hpp"

namespace shim {

/// One WebSocket connection to one address, from connect() to its last callback. Translates between
/// libwebsockets and link events; its epoch is fixed at birth. libwebsockets connects, does the
/// handshakes and sends bytes; frames are made and read here, because it handles them byte by byte.
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
    std::vector<unsigned char>& send_buffer;  ///< LWS_PRE, Loop::send_bytes_max
    std::vector<char>& receive_buffer;        ///< at least a TLS record, 16 KiB
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
  /// inside a callback of libwebsockets about this connection. Politely: what write() took is sent
  /// as far as that goes at once, then a close frame; a copy of the socket is returned if some of
  /// it is still on its way.
  Descriptor close(bool politely);

  void ping();
  /// What has come of which no event has told. Called from time to time, and more often than
  /// `ack_timeout`, it also keeps the kernel from taking a peer that reads nothing for a dead path.
  [[nodiscard]] event::LinkChecked check();
  /// By the kernel's count; 0 if it has none, or before there is a connection.
  [[nodiscard]] std::uint64_t bytes_received() const;
  void write(std::string text);
  void pause(bool paused);

  /// Sends what the socket takes.
  void flush();

  /// Whether libwebsockets has to be served for it: while it connects, holds bytes or closes.
  [[nodiscard]] bool needs_library() const {
    return wsi_ != nullptr && (silent_ || reader_ != Reader::self || waiting_for_turn_);
  }

  /// Whether libwebsockets has forgotten it, so that it can be deleted.
  [[nodiscard]] bool is_finished() const { return wsi_ == nullptr && !starting_; }

  int on_connection(lws* wsi, int reason, void* in, std::size_t length) override;
  void on_tls(SSL* connection, int where, int value) override;

 private:
  /// Who takes bytes from the socket once the connection is open.
  enum class Reader : std::uint8_t { library, nobody, self };

  void opened(lws* wsi);
  // connection_reading.cpp
  void hold_library();
  void take_over();
  void watch_socket();
  void on_socket(std::uint32_t events);
  void read_some(bool to_the_end);
  [[nodiscard]] bool read_once();
  void take_apart(std::string_view bytes);
  void take_data(const FrameReader::Piece& piece);
  void take_pong(std::string_view payload);
  void receive_from_library(std::string_view bytes);
  void send_some();
  void report_taken();
  void ask_for_turn();
  [[nodiscard]] bool send(std::size_t bytes);
  bool send_close(std::string_view code);
  void could_not_send(int error);
  void say_goodbye(std::string_view code);
  void hang_up();
  void note_tcp_result();
  void note_connect_error(int error);
  void note_tcp_connected();
  [[nodiscard]] int begin_request(void* in, std::size_t length);
  void note_connection_error(lws* wsi, std::string_view said);
  void report_tls();
  void unwatch_tcp();
  void note_socket_error(int error);
  [[nodiscard]] int add_headers(void* in, std::size_t length);
  void note_certificate(void* verification);
  void note_close_frame(std::string_view payload);
  void report_lost();
  [[nodiscard]] Descriptor unfinished_socket() const;

  Epoch epoch_;
  std::string ping_payload_;  ///< names the epoch, so that an unasked-for pong proves nothing
  Duration ack_timeout_;
  Services services_;
  lws* wsi_ = nullptr;
  const std::vector<std::pair<std::string, std::string>>* headers_ = nullptr;
  int tcp_fd_ = -1;  ///< watched until TCP has connected or failed, and once open

  bool starting_ = false;
  bool tls_ = false;
  std::string certified_address_;  ///< that a certificate must be for, if it is not for a name
  TlsFailure tls_failure_;
  bool tcp_connected_ = false;
  bool request_sent_ = false;
  bool open_ = false;
  bool silent_ = false;       ///< lost was reported, or close() was called
  std::optional<Loss> loss_;  ///< the first that was learnt of the end, until it is reported

  TimePoint heard_at_;                ///< of bytes of which no event has told
  bool told_ = false;                 ///< an event has told of those that were read last
  std::optional<TimePoint> part_at_;  ///< when the latest part of an incomplete message came

  Reader reader_ = Reader::library;
  bool library_closes_ = false;
  bool paused_ = false;
  FrameReader frames_;
  MessageAssembler assembler_;

  FrameQueue outgoing_;
  std::size_t untaken_bytes_ = 0;  ///< of payload, sent, but not all of it taken by the kernel yet
  bool waiting_for_turn_ = false;  ///< libwebsockets was asked to say when we may write
};

}  // namespace shim
