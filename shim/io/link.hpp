#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/url.hpp"
#include "shim/core/event.hpp"
#include "shim/io/connection.hpp"
#include "shim/io/descriptor.hpp"
#include "shim/io/loop.hpp"
#include "shim/io/milestone.hpp"
#include "shim/io/process.hpp"
#include "shim/io/resolver.hpp"
#include "shim/io/secrets.hpp"
#include "shim/io/ws_frame.hpp"

namespace shim {

/// The backend's side: carries out OpenLink, WriteLink and the rest, and reports what happens as
/// link events stamped with the epoch the link was born with. One link at a time; what an abandoned
/// one still does is kept from the core. A name with several addresses is one link: they are tried
/// one after the other within the connect timeout.
class Link {
 public:
  /// A bearer token, or none; or one line about why it cannot be had, so that the attempt fails.
  struct Credentials {
    std::string token{};
    std::string error{};
  };
  struct Options {
    std::vector<Url> endpoints;
    std::vector<std::pair<std::string, std::string>> headers;  ///< name, value; already checked
    std::function<Credentials()> credentials;                  ///< asked at each attempt
    /// Whether a token or an Authorization header may go unencrypted to another machine.
    bool allow_plaintext_token = false;
    Secrets* secrets = nullptr;  ///< not ours; gets each token, and is kept out of each loss
    std::string subprotocol;     ///< empty: offer none
    std::size_t message_bytes_max = 0;
    Duration connect_timeout{};
    Duration ack_timeout{};  ///< see Connection; zero: the system's
    MilestoneSink on_milestone{};
    /// Gets one line about what does not keep an attempt from going on, but should be mended.
    std::function<void(std::string)> on_warning{};
  };

  Link(Loop& loop, Options options, EventSink sink);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // The actions; one for another epoch than the present does nothing.
  void open(Epoch epoch, std::size_t endpoint, TimePoint now);
  void close(Epoch epoch, bool politely);
  void ping(Epoch epoch);
  void check(Epoch epoch);
  void write(Epoch epoch, std::string text);  ///< sent by flush()
  void pause(Epoch epoch, bool paused);

  /// From the address that is being tried or has been taken, if the kernel counts them.
  [[nodiscard]] std::uint64_t bytes_received() const;

  /// Sends what write() took, as far as the socket takes it; the loop does the rest.
  void flush();

  /// To be called last, after close(): waits until the backend's kernel has all that was sent,
  /// while it takes some of it or speaks, but no longer than until `deadline` or a signal to stop.
  /// Without it, something that arrives from the backend has our kernel throw away what it still
  /// holds (RFC 1122 § 4.2.2.13).
  void finish(TimePoint deadline, const Signals& signals);

 private:
  void resolved(const Resolver::Result& result);
  void try_next_address();
  void connection_lost(Loss loss, bool before_tcp);
  void close_connection(bool politely);
  [[nodiscard]] bool is_current(Epoch epoch) const { return epoch == epoch_; }
  [[nodiscard]] bool must_stay_here() const;

  Loop& loop_;
  Options options_;
  EventSink sink_;
  Resolver resolver_;
  MaskSource masks_;
  std::vector<unsigned char> send_buffer_;
  std::vector<char> receive_buffer_;
  Descriptor address_timer_;

  // The present link; epoch 0 is none.
  Epoch epoch_ = 0;
  std::size_t endpoint_ = 0;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::vector<std::string> addresses_;  ///< still to be tried, the next one last
  TimePoint give_up_at_;                ///< when the core will end the whole attempt
  Connection* connection_ = nullptr;

  Descriptor last_socket_;  ///< of a link that was closed while it was still sending

  std::list<std::unique_ptr<Connection>> connections_;  ///< the present one, and dying ones
};

}  // namespace shim
