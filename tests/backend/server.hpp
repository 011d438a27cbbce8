#pragma once

#include <libwebsockets.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "faults.hpp"
#include "files.hpp"
#include "mcp.hpp"
#include "wire_faults.hpp"

namespace backend {

/// Room for the name of the subprotocol that lws is made to know.
inline constexpr std::size_t kProtocolNameBytesMax = 127;

struct ServerConfig {
  std::string host = "127.0.0.1";
  int port = 0;           // 0: the kernel's choice
  std::string unix_path;  // if not empty, listens there and on no port
  std::string subprotocol = "mcp";
  std::optional<std::string> select_subprotocol;
  std::string token;
  long retry_after_s = -1;
  std::string cert, key, client_ca;
  std::string journal, record_headers, health_file;
  long heartbeat_ms = 0;
  std::optional<long> first_heartbeat_ms;  // else like the others
  long health_interval_ms = 2000;
  long fault_connections = 0;  // the faults hit only the first so many, 0: all
  Faults faults;
};

/// Sends a RST at once; the caller closes the connection.
void reset_connection(lws* wsi);

/// The WebSocket side: connections, write queues, timers, and the faults of the wire.
class Server {
 public:
  Server(ServerConfig config, McpConfig mcp);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens, says so on stdout, serves for ever. Returns (with 1) only if it cannot listen.
  int run();

 private:
  struct Connection {
    ConnId id = 0;
    lws* wsi = nullptr;
    const Faults* faults = nullptr;
    std::string incoming;           // the message being received
    std::deque<std::string> queue;  // whole frames, several per item
    long received = 0;
    bool deaf = false;                                 // stop-reading has struck
    bool wedged = false;                               // wedge-after has struck
    std::optional<std::pair<int, std::string>> close;  // once the queue is empty
  };
  /// The upgrade request being answered; lws does it all within one call.
  struct Upgrade {
    ConnId id;
    const Faults* faults;
    Json headers;
    std::string selected;  // subprotocol to answer with; empty: none
  };
  /// Stays at the front: lws hands back its address.
  struct Timer {
    lws_sorted_usec_list_t sul;
    Server* server;
  };

  static int callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, size_t len);
  int dispatch(lws* wsi, lws_callback_reasons reason, ConnId* slot, void* in, size_t len);
  int on_accept(lws* listener, int fd);
  int on_upgrade(lws* wsi);
  void write_subprotocol(lws_process_html_args& args) const;
  int on_open(lws* wsi, ConnId* slot);
  int on_bytes(Connection& connection, const char* bytes, size_t len);
  int on_message(Connection& connection, const std::string& text);
  int on_writable(Connection& connection);

  void perform(Effects& effects);
  void deliver(const effect::Answer& answer);
  void enqueue(ConnId conn, const std::string& text, bool binary, bool answer);
  void close(ConnId conn, int code, std::string reason);
  void block(const effect::Block& block);

  void after(long ms, std::function<void()> action);
  void arm_timer();
  static void on_timer(lws_sorted_usec_list_t* sul);
  void beat(ConnId conn);
  void write_health();

  [[nodiscard]] const Faults& faults_for(ConnId conn) const;
  [[nodiscard]] Connection* find(ConnId conn);
  void record(const Json& headers, ConnId conn);
  [[nodiscard]] bool listen();

  ServerConfig config_;
  Mcp mcp_;
  WireFaults wire_faults_;
  JsonLines journal_;
  JsonLines recorded_;
  HealthFile health_;
  lws_context* context_ = nullptr;
  std::string protocol_name_;  // what protocols_[0].name points to
  lws_protocols protocols_[3] = {};
  ConnId last_conn_ = 0;
  std::optional<Upgrade> upgrade_;
  std::unordered_map<ConnId, Connection> connections_;
  std::multimap<lws_usec_t, std::function<void()>> timers_;
  Timer timer_{};
};

}  // namespace backend
