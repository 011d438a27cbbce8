#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/mcp.hpp"
#include "common/time.hpp"
#include "shim/core/event.hpp"

namespace shim {

/// A host request accepted and not yet answered.
struct Request {
  std::string id;                           ///< raw JSON text, as the host wrote it
  mcp::Method method = mcp::Method::other;  ///< `other` too where method names mean nothing
  std::string version;                      ///< of the modern era, from `_meta`; else empty
  bool has_cursor = false;                  ///< asks for a further page of a list
  bool acknowledged = false;                ///< a subscription that the host takes for live
  TimePoint accepted;
  std::string tool;            ///< of a tools/call that was listed as repeatable
  bool replayable = false;     ///< may be sent again after a loss
  bool replayed = false;       ///< has been
  bool sent_before = false;    ///< on a link that was lost, so perhaps delivered
  std::string progress_token;  ///< raw JSON text, or empty
  std::string kept_text;       ///< the message, while in flight and replayable
  std::uint64_t order = 0;     ///< position among all messages of the host
  Epoch sent_in = 0;           ///< the link it is in flight on; 0: queued

  [[nodiscard]] bool modern() const { return !version.empty(); }
  /// A `subscriptions/listen` of the modern era: never answered while it lives.
  [[nodiscard]] bool is_subscription() const { return method == mcp::Method::listen && modern(); }
  [[nodiscard]] bool in_flight() const { return sent_in != 0; }
};

/// The table of pending requests. Ids are compared by jsonrpc::token_key(): type and spelling.
class PendingTable {
 public:
  enum class Added : std::uint8_t { ok, duplicate };

  /// Leaves `request` untouched unless it returns Added::ok.
  [[nodiscard]] Added add(Request&& request);

  /// The request with this raw id, or nullptr. Valid until the table changes.
  [[nodiscard]] Request* find(std::string_view id);
  [[nodiscard]] const Request* find(std::string_view id) const;

  /// Whether a request in flight carries this raw progress token.
  [[nodiscard]] bool expects_progress(std::string_view token) const;

  /// Removes a request that is in the table. The caller owes it an answer, or has given one.
  Request remove(std::string_view id);

  /// Removes every request in flight on this link, in the order the host sent them. The caller owes
  /// each one an answer or a second attempt.
  [[nodiscard]] std::vector<Request> take_in_flight(Epoch epoch);

  /// Removes everything, in the order the host sent it. The caller owes each one an answer.
  [[nodiscard]] std::vector<Request> take_all();

  /// The live subscriptions, in the order the host sent them. Valid until the table changes.
  [[nodiscard]] std::vector<const Request*> subscriptions() const;

  /// Whether all that is pending are live subscriptions, which nobody expects to be answered.
  [[nodiscard]] bool only_subscriptions() const;

  [[nodiscard]] std::size_t size() const { return requests_.size(); }
  [[nodiscard]] bool empty() const { return requests_.empty(); }
  /// Bytes of kept_text over all requests.
  [[nodiscard]] std::size_t kept_bytes() const { return kept_bytes_; }

  /// Marks a queued request as in flight. `text` is kept if it is not empty.
  void sent(Request& request, Epoch epoch, std::string text);

 private:
  /// Lets lookups go by view, without building a key.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>()(key);
    }
  };
  using Map = std::unordered_map<std::string, Request, Hash, std::equal_to<>>;

  [[nodiscard]] Map::const_iterator locate(std::string_view id) const;
  Request extract(Map::const_iterator position);

  Map requests_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> tokens_;  ///< key to uses
  std::size_t kept_bytes_ = 0;
};

}  // namespace shim
