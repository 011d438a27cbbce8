#pragma once

#include <libwebsockets.h>

#include <functional>
#include <string>
#include <unordered_map>

#include "faults.hpp"
#include "json.hpp"

namespace backend {

/// Connections that must never reach lws's HTTP and WebSocket code, because it cannot misbehave as
/// asked: silent-tcp, silent-upgrade, garbage and no-pong. They live in the same service loop, as
/// raw sockets. Plain TCP only.
class WireFaults {
 public:
  /// `on_request` is told the headers of each request read here.
  WireFaults(const Faults& faults, std::string subprotocol,
             std::function<void(const Json&)> on_request);

  /// True if one of these faults is on.
  [[nodiscard]] bool any() const;
  /// Takes over a connection just accepted. It works on a duplicate of `fd`; the caller closes its
  /// own.
  void take(lws_vhost* vhost, int fd);

  /// The lws protocol of these connections; this object must outlive the context.
  [[nodiscard]] lws_protocols protocol();

 private:
  static int callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, size_t len);
  int on_bytes(lws* wsi, const char* bytes, size_t len);
  [[nodiscard]] std::string upgrade_answer(const Json& headers) const;

  const Faults& faults_;
  std::string subprotocol_;
  std::function<void(const Json&)> on_request_;
  std::unordered_map<lws*, std::string> requests_;  // what came so far; gone once answered
};

}  // namespace backend
