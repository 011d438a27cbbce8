#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "common/time.hpp"

namespace herd {

/// One connection attempt of one client.
struct Call {
  std::size_t client = 0;
  std::uint64_t epoch = 0;
};

/// A backend that takes so long for each new connection (accept, TLS, upgrade, session), one after
/// the other, and the queue of its listening socket. What finds that full is dropped by the kernel.
class Server {
 public:
  enum class Answer : std::uint8_t { refused, dropped, queued };

  Server(shim::Duration per_connection, std::size_t backlog)
      : per_connection_(per_connection), backlog_(backlog) {}

  void listen() { listens_ = true; }

  [[nodiscard]] Answer call(const Call& call, shim::TimePoint now) {
    if (!listens_) return Answer::refused;
    if (!served_) {
      take(call, now);
    } else if (waiting_.size() < backlog_) {
      waiting_.push_back(call);
    } else {
      return Answer::dropped;
    }
    return Answer::queued;
  }

  /// When the connection that is being served is done.
  [[nodiscard]] std::optional<shim::TimePoint> done_at() const {
    return served_ ? std::optional(done_at_) : std::nullopt;
  }

  /// To be called at done_at(): that connection. Takes up the next.
  Call done() {
    const Call finished = *served_;
    served_.reset();
    if (!waiting_.empty()) {
      take(waiting_.front(), done_at_);
      waiting_.pop_front();
    }
    return finished;
  }

 private:
  void take(const Call& call, shim::TimePoint now) {
    served_ = call;
    done_at_ = now + per_connection_;
  }

  shim::Duration per_connection_;
  std::size_t backlog_;
  bool listens_ = false;
  std::optional<Call> served_;
  shim::TimePoint done_at_;
  std::deque<Call> waiting_;
};

}  // namespace herd
