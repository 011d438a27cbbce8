#include "shim/io/link.hpp"

#include <libwebsockets.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "common/text.hpp"
#include "shim/io/clock.hpp"
#include "shim/io/tcp.hpp"
#include "shim/io/timer_fd.hpp"

namespace shim {
namespace {

constexpr std::size_t read_bytes = std::size_t{64} << 10U;

/// Shortest time an address gets before the next one is tried.
constexpr Duration address_time_min = std::chrono::milliseconds(250);

/// A backend that takes nothing and says nothing for so long, and two round trips, is not waited
/// for at the end: its path may be dead, and the shim is to end within 100 ms. If only its window
/// is closed, the kernel goes on sending without us.
constexpr Duration quiet_at_the_end = std::chrono::milliseconds(50);

}  // namespace

Link::Link(Loop& loop, Options options, EventSink sink)
    : loop_(loop),
      options_(std::move(options)),
      sink_(std::move(sink)),
      resolver_(loop),
      send_buffer_(LWS_PRE + Loop::send_bytes_max),
      receive_buffer_(read_bytes),
      address_timer_(make_timer()) {
  loop_.set_library_needed([this] {
    return std::ranges::any_of(connections_,
                               [](const auto& connection) { return connection->needs_library(); });
  });
  loop_.watch(address_timer_.get(), EPOLLIN, [this](std::uint32_t) {
    if (!drain(address_timer_) || addresses_.empty()) return;
    if (connection_ != nullptr && options_.on_milestone)
      options_.on_milestone({.kind = Milestone::Kind::address_failed, .text = "no answer"});
    try_next_address();
  });
}

Link::~Link() {
  for (const auto& connection : connections_) connection->close(false);
  loop_.unwatch(address_timer_.get());
  loop_.set_library_needed(nullptr);
}

void Link::open(Epoch epoch, std::size_t endpoint, TimePoint now) {
  close_connection(false);
  epoch_ = epoch;
  endpoint_ = endpoint;
  give_up_at_ = now + options_.connect_timeout;
  headers_ = options_.headers;
  Credentials credentials = options_.credentials();
  if (!credentials.error.empty()) {
    connection_lost({.cause = Cause::token, .detail = std::move(credentials.error)}, false);
    return;
  }
  if (!credentials.token.empty()) {
    options_.secrets->add_token(credentials.token);
    headers_.emplace_back("Authorization", "Bearer " + credentials.token);
  }
  const Url& url = options_.endpoints[endpoint_];
  if (url.tls) {
    std::string problem = loop_.refresh_certificates();
    if (!problem.empty() && options_.on_warning) options_.on_warning(std::move(problem));
  }
  if (!url.unix_path.empty() || is_numeric_address(url.host)) {
    addresses_ = {url.host};
    try_next_address();
  } else {
    resolver_.lookup(url.host, [this](const Resolver::Result& result) { resolved(result); });
  }
}

/// A token may go unencrypted to this machine only. A name is trusted for where it leads, not for
/// what it is: `localhost`, too, is what the system makes of it.
bool Link::must_stay_here() const {
  return !options_.allow_plaintext_token && !options_.endpoints[endpoint_].tls &&
         std::ranges::any_of(headers_,
                             [](const auto& header) { return is_authorization(header.first); });
}

void Link::resolved(const Resolver::Result& result) {
  if (result.addresses.empty()) {
    connection_lost(
        {.cause = Cause::lookup_failed,
         .detail = "looking up " + options_.endpoints[endpoint_].host + ": " + result.error},
        false);
    return;
  }
  addresses_.assign(result.addresses.rbegin(), result.addresses.rend());
  if (must_stay_here()) {
    std::erase_if(addresses_, [](const std::string& at) { return !is_loopback_address(at); });
    if (addresses_.empty()) {
      connection_lost(
          {.cause = Cause::lookup_failed,
           .detail = options_.endpoints[endpoint_].host + " is " + result.addresses.front() +
                     ", another machine, to which a token would go unencrypted"},
          false);
      return;
    }
  }
  if (options_.on_milestone) {
    std::string all;
    for (const std::string& address : result.addresses) all += (all.empty() ? "" : ", ") + address;
    options_.on_milestone({.kind = Milestone::Kind::looked_up, .text = std::move(all)});
  }
  try_next_address();
}

/// Gives the next address its share of the time that is left.
void Link::try_next_address() {
  if (connection_ != nullptr) connection_->close(false);
  std::erase_if(connections_, [](const auto& dead) { return dead->is_finished(); });
  const std::string address = std::move(addresses_.back());
  addresses_.pop_back();
  if (!addresses_.empty()) {
    const Duration left = give_up_at_ - monotonic_now();
    arm_timer(address_timer_,
              std::max<Duration>(left / static_cast<Duration::rep>(addresses_.size() + 1),
                                 address_time_min));
  }
  if (options_.on_milestone) {
    const std::string& path = options_.endpoints[endpoint_].unix_path;
    options_.on_milestone(
        {.kind = Milestone::Kind::trying, .text = path.empty() ? address : printable(path)});
  }
  connections_.push_back(std::make_unique<Connection>(
      epoch_, options_.message_bytes_max, options_.ack_timeout,
      Connection::Services{
          .loop = loop_,
          .masks = masks_,
          .send_buffer = send_buffer_,
          .receive_buffer = receive_buffer_,
          .sink =
              [this](Event event) {
                // Whoever got as far as to open needs no competitor.
                if (std::holds_alternative<event::LinkOpened>(event)) addresses_.clear();
                sink_(std::move(event));
              },
          .lost = [this](Loss loss,
                         bool before_tcp) { connection_lost(std::move(loss), before_tcp); },
          .on_milestone = options_.on_milestone,
      }));
  connection_ = connections_.back().get();
  connection_->start({.url = options_.endpoints[endpoint_],
                      .address = address,
                      .headers = headers_,
                      .subprotocol = options_.subprotocol});
}

void Link::connection_lost(Loss loss, bool before_tcp) {
  connection_ = nullptr;
  // A backend may say in its own words what we have sent it.
  loss.detail = options_.secrets->removed_from(loss.detail);
  if (before_tcp && !addresses_.empty()) {
    if (options_.on_milestone)
      options_.on_milestone({.kind = Milestone::Kind::address_failed, .text = loss.detail});
    // From the loop: this may be inside one of its callbacks.
    arm_timer(address_timer_, Duration(1));
    return;
  }
  addresses_.clear();
  sink_(event::LinkLost{epoch_, std::move(loss)});
}

void Link::close_connection(bool politely) {
  resolver_.cancel();
  addresses_.clear();
  if (connection_ != nullptr) last_socket_ = connection_->close(politely);
  connection_ = nullptr;
  epoch_ = 0;
  std::erase_if(connections_, [](const auto& dead) { return dead->is_finished(); });
}

void Link::close(Epoch epoch, bool politely) {
  if (is_current(epoch)) close_connection(politely);
}

void Link::ping(Epoch epoch) {
  if (is_current(epoch) && connection_ != nullptr) connection_->ping();
}

void Link::check(Epoch epoch) {
  if (is_current(epoch) && connection_ != nullptr) sink_(connection_->check());
}

void Link::write(Epoch epoch, std::string text) {
  if (is_current(epoch) && connection_ != nullptr) connection_->write(std::move(text));
}

void Link::pause(Epoch epoch, bool paused) {
  if (is_current(epoch) && connection_ != nullptr) connection_->pause(paused);
}

std::uint64_t Link::bytes_received() const {
  return connection_ == nullptr ? 0 : connection_->bytes_received();
}

void Link::flush() {
  if (connection_ != nullptr) connection_->flush();
}

void Link::finish(TimePoint deadline, const Signals& signals) {
  if (!last_socket_) return;
  // No event tells of an acknowledgment.
  constexpr Duration look_again = std::chrono::milliseconds(5);
  const Duration quiet = quiet_at_the_end + 2 * tcp_round_trip(last_socket_.get());
  std::size_t rest = tcp_unacknowledged_bytes(last_socket_.get());
  TimePoint stirred_at = monotonic_now();
  while (rest > 0 && !signals.has_stop()) {
    const TimePoint now = monotonic_now();
    const Duration left = std::min(deadline, stirred_at + quiet) - now;
    if (left <= Duration::zero()) return;
    pollfd incoming{.fd = last_socket_.get(), .events = POLLIN, .revents = 0};
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::min(left, look_again));
    if (::poll(&incoming, 1, static_cast<int>(wait.count())) > 0) {
      if (::recv(incoming.fd, receive_buffer_.data(), receive_buffer_.size(), MSG_DONTWAIT) <= 0)
        return;  // nothing more comes
      stirred_at = now;
    }
    const std::size_t before = std::exchange(rest, tcp_unacknowledged_bytes(last_socket_.get()));
    if (rest < before) stirred_at = now;
  }
}

}  // namespace shim
