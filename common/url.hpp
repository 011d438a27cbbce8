#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace shim {

/// A backend's address: `ws://host[:port][/path][?query]` or `wss://…` (RFC 6455 § 3), or
/// `ws+unix:///path.sock`, which is asked for the path `/`.
struct Url {
  bool tls = false;
  std::string host;        ///< name or IP address, without brackets; empty for a Unix socket
  std::uint16_t port = 0;  ///< 1…65535; 80 or 443 unless given
  std::string path;        ///< with its query, starts with '/'
  std::string unix_path;   ///< absolute path of the socket, or empty

  /// For the Host header and for people: `host:port`, brackets around an IPv6 address.
  [[nodiscard]] std::string authority() const;

  /// Whether it leads to this machine for certain: a Unix socket, `localhost`, `::1`, an address in
  /// 127.0.0.0/8. A name may begin like an address and lead anywhere.
  [[nodiscard]] bool is_loopback() const;

  /// For logs and status files: values of query parameters replaced (contract 10), and
  /// whole parts of the query that have no name.
  [[nodiscard]] std::string redacted() const;
};

/// The URL, or one line that says what is wrong with the text without repeating any secret in it.
[[nodiscard]] std::variant<Url, std::string> parse_url(std::string_view text);

}  // namespace shim
