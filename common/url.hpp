#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace shim {

/// A backend's address: `ws://host[:port][/path][?query]` or `wss://…` (RFC 6455 § 3), or
/// `ws+unix:///path.sock`, which is asked for the path `/`.
struct Url {
  bool tls = false;
  std::string host;        ///< name or IP address, without brackets; empty for a Unix socket
  std::uint16_t port = 0;  ///< 1…65535; 80 or 443 unless given
  std::string path;        ///< with its query, starts with '/'
  std::string unix_path;   ///< absolute path of the socket, decoded, or empty

  /// For people: `host:port`, brackets around an IPv6 address.
  [[nodiscard]] std::string authority() const;

  /// The Host header: the same without the zone of an IPv6 address, which means something on this
  /// machine only (RFC 6874 § 4); `localhost` for a Unix socket.
  [[nodiscard]] std::string host_header() const;

  /// Whether it is meant for this machine: a Unix socket, `localhost`, a loopback address. A name
  /// may begin like an address and lead anywhere. Where `localhost` leads the system decides: look
  /// at the addresses, too.
  [[nodiscard]] bool is_loopback() const;

  /// What redacted() leaves out, as it was written. Not empty, any of them.
  [[nodiscard]] std::vector<std::string> query_values() const;

  /// For logs and status files: values of query parameters replaced (contract 10), and
  /// whole parts of the query that have no name. A zone is written as in RFC 6874 § 2.
  [[nodiscard]] std::string redacted() const;
};

/// The URL, or one line that says what is wrong with the text without repeating any secret in it.
[[nodiscard]] std::variant<Url, std::string> parse_url(std::string_view text);

/// With each `%XX` as the byte that it stands for; nothing if a `%` begins no such thing.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

/// Whether this is `::1` or an address in 127.0.0.0/8, in whichever spelling.
[[nodiscard]] bool is_loopback_address(const std::string& numeric);

}  // namespace shim
