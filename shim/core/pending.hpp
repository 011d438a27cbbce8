#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/mcp.hpp"
#include "common/time.hpp"
#include "shim/core/due_queue.hpp"
#include "shim/core/event.hpp"
#include "shim/core/progress.hpp"

namespace shim {

/// A host request accepted and not yet answered.
struct Request {
  /// Above every mcp::log_severity().
  static constexpr int log_nothing = 1000;

  std::string id;                           ///< raw JSON text, as the host wrote it
  mcp::Method method = mcp::Method::other;  ///< `other` too where method names mean nothing
  std::string version;                      ///< of the modern era, from `_meta`; else empty
  bool has_cursor = false;                  ///< asks for a further page of a list
  bool acknowledged = false;                ///< a subscription that the host takes for live
  int log_severity = log_nothing;           ///< modern era: the lowest that its `_meta` asks for
  TimePoint accepted;
  std::string tool;               ///< of a tools/call that was listed as repeatable
  bool replayable = false;        ///< may be sent again after a loss
  bool replayed = false;          ///< has been
  bool sent_before = false;       ///< on a link that was lost, so perhaps delivered
  bool waited_once_more = false;  ///< beyond its timeout, see wait_once_more()
  std::string progress_token;     ///< raw JSON text, or empty
  std::string kept_text;          ///< the message, while in flight and replayable
  std::string last_word;          ///< of a subscription that the backend has ended, see hold()
  std::uint64_t order = 0;        ///< position among all messages of the host
  Epoch sent_in = 0;              ///< the link it is in flight on; 0: queued

  [[nodiscard]] bool modern() const { return !version.empty(); }
  /// A `subscriptions/listen` of the modern era: never answered while it lives.
  [[nodiscard]] bool is_subscription() const { return method == mcp::Method::listen && modern(); }
  [[nodiscard]] bool in_flight() const { return sent_in != 0; }
  /// Never given up: a host that is refused `initialize` marks the server as failed, and one whose
  /// subscription fails or ends does not subscribe again.
  [[nodiscard]] bool waits_for_ever() const {
    return method == mcp::Method::initialize || is_subscription();
  }
};

/// The table of pending requests. Ids are compared by jsonrpc::token_key(): type and spelling.
class PendingTable {
 public:
  enum class Added : std::uint8_t { ok, duplicate };

  /// What one request is reckoned to cost beyond its names: nodes here, in the timeouts and with
  /// the tokens.
  static constexpr std::size_t overhead_bytes = 1024;

  /// `timeout`: longest silence about a request in flight, zero for none. `keepalive_interval`: see
  /// ProgressTokens.
  explicit PendingTable(Duration timeout = {}, Duration keepalive_interval = {})
      : timeout_(timeout), tokens_(keepalive_interval) {}

  /// Leaves `request` untouched unless it returns Added::ok.
  [[nodiscard]] Added add(Request&& request);

  /// The request with this raw id, or nullptr. Valid until the table changes.
  [[nodiscard]] Request* find(std::string_view id);
  [[nodiscard]] const Request* find(std::string_view id) const;

  /// The tokens of all that is pending.
  [[nodiscard]] ProgressTokens& tokens() { return tokens_; }
  [[nodiscard]] const ProgressTokens& tokens() const { return tokens_; }

  /// Removes a request that is in the table. The caller owes it an answer, or has given one.
  Request remove(std::string_view id);

  /// The ids of the requests in flight on this link, in the order the host sent them.
  [[nodiscard]] std::vector<std::string> in_flight_on(Epoch epoch) const;

  /// Removes everything, in the order the host sent it. The caller owes each one an answer.
  [[nodiscard]] std::vector<Request> take_all();

  /// The live subscriptions, in the order the host sent them. Valid until the table changes.
  [[nodiscard]] std::vector<const Request*> subscriptions() const;

  /// The request that `fits` and was accepted first, or nullptr. Looks at all of them.
  template <typename Fits>
  [[nodiscard]] const Request* oldest(Fits fits) const {
    const Request* first = nullptr;
    for (const auto& [key, request] : requests_) {
      if (fits(request) && (first == nullptr || request.order < first->order)) first = &request;
    }
    return first;
  }

  /// Whether all that is pending are live subscriptions, which nobody expects to be answered.
  [[nodiscard]] bool only_subscriptions() const;

  [[nodiscard]] std::size_t size() const { return requests_.size(); }
  [[nodiscard]] bool empty() const { return requests_.empty(); }
  /// Bytes of kept_text over all requests.
  [[nodiscard]] std::size_t kept_bytes() const { return kept_bytes_; }

  /// Of kept_bytes(), those of subscriptions.
  [[nodiscard]] std::size_t subscription_bytes() const { return subscription_bytes_; }
  /// Bytes of ids, progress tokens and last words that need memory of their own, as often as they
  /// are stored.
  [[nodiscard]] std::size_t name_bytes() const { return name_bytes_; }
  /// What all requests are reckoned to cost beside the texts that are kept, which have a bound of
  /// their own.
  [[nodiscard]] std::size_t cost_bytes() const {
    return name_bytes_ + requests_.size() * overhead_bytes;
  }

  /// How many requests are in flight that the backend is to answer; a live subscription is not.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

  /// Marks a queued request as in flight. `text` is kept if it is not empty.
  void sent(Request& request, Epoch epoch, std::string text, TimePoint now);

  /// Marks a request in flight as queued again, and hands out the text that was kept.
  [[nodiscard]] std::string requeue(Request& request);

  /// Holds back what the backend has ended a subscription in flight with, until `until` or until
  /// the subscription is queued again.
  void hold(Request& subscription, std::string last_word, TimePoint until);
  /// A subscription whose last word is due, or nullptr. The caller removes it.
  [[nodiscard]] const Request* ended(TimePoint now);
  /// When to ask for it, at the latest.
  [[nodiscard]] std::optional<TimePoint> next_end() const { return ends_.next(); }

  /// No silence until `then` counts for any request in flight.
  void excuse(TimePoint then);
  /// Whether timed_out() may have something to return.
  [[nodiscard]] bool may_time_out(TimePoint now) const {
    const auto next = timeouts_.next();
    return next && *next <= now;
  }
  /// No request in flight times out within `grace`; for each of them once.
  void wait_once_more(TimePoint now, Duration grace);

  /// A request in flight about which there was silence for too long, or nullptr. Progress under its
  /// token ends a silence.
  [[nodiscard]] const Request* timed_out(TimePoint now);
  /// When to ask for it, at the latest.
  [[nodiscard]] std::optional<TimePoint> next_timeout() const { return timeouts_.next(); }

 private:
  /// Lets lookups go by view, without building a key.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>()(key);
    }
  };
  using Map = std::unordered_map<std::string, Request, Hash, std::equal_to<>>;

  /// Accounts for a text that is kept, or, if `bytes` is negative, no longer is.
  void keep(const Request& request, std::ptrdiff_t bytes);
  void set_last_word(Request& subscription, std::string last_word);
  [[nodiscard]] Map::const_iterator locate(std::string_view id) const;
  Request extract(Map::const_iterator position);

  Duration timeout_;
  Map requests_;
  ProgressTokens tokens_;
  DueQueue timeouts_;  ///< by key of the request
  DueQueue ends_;      ///< likewise, those with a last word
  std::size_t kept_bytes_ = 0;
  std::size_t subscription_bytes_ = 0;
  std::size_t name_bytes_ = 0;
  std::size_t in_flight_ = 0;
};

}  // namespace shim
