#include "shim/io/upgrade_failure.hpp"

#include <libwebsockets.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <optional>

#include "common/text.hpp"
#include "shim/io/tcp.hpp"

namespace shim {
namespace {

/// Seconds of a Retry-After header (RFC 9110 § 10.2.3: a number or a date), between 0 and 60.
std::optional<Duration> parse_retry_after(const char* text) {
  char* end = nullptr;
  long seconds = std::strtol(text, &end, 10);
  if (end == text) {
    std::tm date{};
    if (::strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date) == nullptr) return std::nullopt;
    seconds = static_cast<long>(::timegm(&date) - std::time(nullptr));
  }
  return std::chrono::seconds(std::clamp(seconds, 0L, 60L));
}

Loss http_status_loss(lws* connection, int status) {
  Loss loss{.cause = Cause::http_status,
            .detail = "the upgrade was answered with HTTP status " + std::to_string(status),
            .status = status};
  std::array<char, 64> header{};
  if ((status == 429 || status == 503) &&
      lws_hdr_copy(connection, header.data(), static_cast<int>(header.size()),
                   WSI_TOKEN_HTTP_RETRY_AFTER) > 0) {
    loss.retry_after = parse_retry_after(header.data());
  }
  return loss;
}

}  // namespace

std::string bytes_of_no_http(std::uint64_t count) {
  return std::to_string(count) + " bytes came that answer no HTTP request";
}

std::string selected_subprotocol(lws* connection) {
  std::array<char, 128> header{};
  const int length =
      lws_hdr_copy(connection, header.data(), static_cast<int>(header.size()), WSI_TOKEN_PROTOCOL);
  return length > 0 ? printable({header.data(), static_cast<std::size_t>(length)}) : std::string();
}

Loss explain_upgrade_failure(lws* connection, std::string_view said,
                             const AttemptProgress& progress) {
  const std::string text = printable(said.substr(0, said.find('\0')));
  if (!progress.request_sent) {
    if (!progress.tcp_connected) return {.cause = Cause::unreachable, .detail = text};
    if (!progress.tls) return {.cause = Cause::reset, .detail = text};
    return {.cause = Cause::tls, .detail = "the TLS handshake failed; does this port speak TLS?"};
  }
  const int status = static_cast<int>(lws_http_client_http_response(connection));
  if (status >= 100 && status < 1000 && status != 101) return http_status_loss(connection, status);
  if (text.find("PROTOCOL") != std::string::npos) {
    const std::string selected = selected_subprotocol(connection);
    return {.cause = Cause::subprotocol,
            .detail = "the backend selected a subprotocol that was not offered (--subprotocol)" +
                      (selected.empty() ? "" : ": " + selected)};
  }
  if (text == "Peer hung up" || text == "read failed" || text.starts_with("closed before") ||
      text.starts_with("Closed before")) {
    Loss loss{.cause = Cause::reset, .detail = "closed before the upgrade was answered"};
    const std::uint64_t came = progress.tls ? 0 : tcp_received_bytes(lws_get_socket_fd(connection));
    if (came > 0) loss.detail += "; " + bytes_of_no_http(came);
    return loss;
  }
  return {.cause = Cause::not_websocket, .detail = "no WebSocket handshake: " + text};
}

}  // namespace shim
