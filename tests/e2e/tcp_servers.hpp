#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "files.hpp"
#include "limits.hpp"

/// Servers in the test itself, for what the fake backend cannot say: exact bytes, exact moments.
/// They run only while one of their members does, and throw std::runtime_error when they wait in
/// vain.
namespace e2e {

/// A TCP port on 127.0.0.1 that nobody else gets, whether or not somebody of ours listens on it.
class Port {
 public:
  Port();
  [[nodiscard]] std::uint16_t number() const { return number_; }

 private:
  File bound_;
  std::uint16_t number_ = 0;
};

/// Listens on a reserved port.
[[nodiscard]] File listening_socket(std::uint16_t port, int backlog);
/// Listens on a Unix socket.
[[nodiscard]] File listening_socket(const std::string& unix_path, int backlog);
/// Connected to 127.0.0.1:`port`; none if that fails.
[[nodiscard]] File connected_socket(std::uint16_t port);

enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

struct Frame {
  Opcode opcode = Opcode::text;
  bool final = true;
  std::string payload;
};

/// A frame as a server sends it.
[[nodiscard]] std::string frame_bytes(Opcode opcode, std::string_view payload, bool final = true);

/// The server's end of one connection.
class RawConnection {
 public:
  explicit RawConnection(File socket);

  /// Reads the upgrade request and returns it.
  std::string receive_request();
  /// Reads the upgrade request, answers it, and returns it. `early` goes out with the answer.
  std::string upgrade(std::string_view early = {});
  /// upgrade() and the answer to the first ping: the shim is ready, or resumes a session.
  void become_ready();

  Frame receive_frame(Millis limit = patience);
  /// The next text message; pings before and within it are answered.
  std::string receive_text(Millis limit = patience);
  void send_frame(Opcode opcode, std::string_view payload, bool final = true);
  void send_text(std::string_view text) { send_frame(Opcode::text, text); }
  void send_bytes(std::string_view bytes);
  /// Ends the connection with a reset; what was sent before still arrives.
  void reset();

 private:
  void receive_more(const Deadline& deadline);

  File socket_;
  std::string received_;
};

/// The next one in the queue of a listening socket.
[[nodiscard]] RawConnection accepted(const File& listener, Millis limit = patience);

/// Listens on a port of its own.
class RawServer {
 public:
  explicit RawServer(int backlog = 16);
  [[nodiscard]] RawConnection accept(Millis limit = patience) { return accepted(listener_, limit); }
  /// Takes places in the queue of connections until further handshakes of TCP are not answered.
  void clog();
  /// Refuses connections from now on; the port stays ours.
  void stop_listening() { listener_.close(); }
  /// Listens again, with an empty queue.
  void listen(int backlog = 16);

  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint16_t port() const { return port_.number(); }

 private:
  Port port_;
  File listener_;
  std::vector<File> cloggers_;
};

}  // namespace e2e
