#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "common/id_scanner.hpp"
#include "common/jsonrpc.hpp"
#include "shim/core/session.hpp"

namespace fuzz {

/// What a host and a backend that look on from outside know of a session: who was asked what, who
/// was told what. Every entry is checked against what the contract promises (3, 5.0, 5.3, 9).
class SessionBooks {
 public:
  explicit SessionBooks(const shim::Settings& settings) : settings_(settings) {}

  /// A line that the session is about to be given.
  void host_says(std::string_view text, const shim::PendingTable& pending);
  /// A line that was too long for it.
  void host_says_too_much(const shim::IdScanner& found, const shim::PendingTable& pending);

  /// A line for the host. `forged`: it may be the backend's, whatever it says.
  void host_hears(std::string_view line, bool forged);
  /// A text for the backend.
  void backend_hears(std::string_view text);

  /// Once the session is over: nothing is owed any more.
  void close() const;

  [[nodiscard]] std::size_t largest() const { return largest_; }

 private:
  /// What has become of one id, by its key.
  struct Id {
    std::size_t requests = 0;  ///< owed one answer each
    std::size_t others = 0;    ///< messages that may be answered under it
    std::size_t answers = 0;
    std::size_t writes_now = 0;     ///< to the backend, of the request that is pending
    std::size_t once_requests = 0;  ///< those of `requests` that must not be carried out twice
    std::size_t once_writes = 0;    ///< theirs to the backend
    bool cancelled = false;
  };

  Id& owe(std::string_view id, const shim::PendingTable& pending);
  void owe_request(const shim::jsonrpc::Message& request, const shim::PendingTable& pending);
  /// `id` is empty for what can be answered under none only.
  void owe_other(std::string_view id, const shim::PendingTable& pending);
  void check_own_answer(std::string_view line, const Id& id) const;
  [[nodiscard]] bool goes_out_once(std::string_view method) const;

  const shim::Settings& settings_;
  std::map<std::string, Id> ids_;
  std::size_t nameless_ = 0;  ///< what may be answered with `"id":null`
  std::size_t nameless_answers_ = 0;
  std::set<std::string> asked_of_host_;
  std::size_t largest_ = 0;  ///< bytes of the largest text so far
};

}  // namespace fuzz
