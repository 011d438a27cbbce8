#include "common/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "common/text.hpp"

namespace shim {
namespace {

bool consume(std::string_view& text, std::string_view prefix) {
  if (!starts_with_any_case(text, prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || rest != text.data() + text.size() || port == 0 || port > 65535)
    return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

/// An IPv6 address, perhaps with a zone (RFC 4007 § 11) behind a `%`.
bool is_ipv6(const std::string& host) {
  in6_addr address{};
  const std::size_t percent = host.find('%');
  if (::inet_pton(AF_INET6, host.substr(0, percent).c_str(), &address) != 1) return false;
  if (percent == std::string::npos) return true;
  return percent + 1 < host.size() &&
         std::all_of(host.begin() + static_cast<std::ptrdiff_t>(percent) + 1, host.end(),
                     [](char c) {
                       return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' ||
                              c == '-' || c == '_';
                     });
}

/// What to say of a text that begins like no URL of ours.
std::string not_websocket(std::string_view text) {
  if (starts_with_any_case(text, "http://")) return "write ws:// instead of http://";
  if (starts_with_any_case(text, "https://")) return "write wss:// instead of https://";
  if (text.find_first_of("\"'[") == 0) return "a URL stands without quotes and brackets";
  return "a URL must start with ws://, wss:// or ws+unix://";
}

/// Splits `host[:port]` or `[v6][:port]`. Returns an error text, empty when all is well.
std::string parse_authority(std::string_view text, Url& url) {
  if (text.find('@') != std::string_view::npos)
    return "a URL must not hold a user name or password; send a header instead (--header)";
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return "the IPv6 address lacks its closing bracket";
    url.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    // A zone is written with %25 (RFC 6874), or as people do.
    if (const std::size_t percent = url.host.find("%25");
        percent != std::string::npos && percent + 3 < url.host.size())
      url.host.erase(percent + 1, 2);
    if (!is_ipv6(url.host)) return "what stands in brackets is not an IPv6 address";
  } else {
    const std::size_t colon = text.find(':');
    url.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    const bool plain = std::all_of(url.host.begin(), url.host.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    });
    if (!plain && url.host.find('$') != std::string::npos)
      return "a variable in the host name ($) was not replaced";
    if (!plain) return "the host name holds characters that no host name has";
  }
  if (rest.find(':', 1) != std::string_view::npos)
    return "an IPv6 address stands in brackets, ws://[::1]:8765, and several URLs have spaces "
           "between";
  if (url.host.empty() || url.host.size() > 253) return "the host name is missing or too long";
  if (rest.empty()) return {};
  const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
  if (!port) return "the port must be a number from 1 to 65535";
  url.port = *port;
  return {};
}

/// The path of a Unix socket. Returns an error text, empty when all is well.
std::string parse_unix_path(std::string_view text, Url& url) {
  if (text.find_first_of("?{}") != std::string_view::npos)
    return "the path of a Unix socket has no query and no placeholders; write %3F, %7B, %7D";
  const auto path = percent_decoded(text);
  // 108 bytes hold a socket's path on Linux (unix(7)), one of them for the final zero.
  if (!path || !path->starts_with('/') || path->ends_with('/') || path->size() > 107 ||
      path->find('\0') != std::string::npos)
    return "a Unix socket is written ws+unix:///absolute/path.sock, at most 107 bytes of path";
  url.unix_path = *path;
  url.path = "/";
  return {};
}

/// What would not survive parse_unix_path() is percent-encoded.
std::string percent_encoded(std::string_view path) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && std::string_view("%?#{}").find(c) == std::string_view::npos) {
      out += c;
    } else {
      out += {'%', hex[byte >> 4U], hex[byte & 0xfU]};
    }
  }
  return out;
}

/// Calls `part` with each piece of the query between `?` and `&`.
template <typename Part>
void for_each_part(std::string_view path, const Part& part) {
  for (std::size_t at = path.find('?'); at != std::string_view::npos;) {
    const std::size_t end = path.find('&', at + 1);
    part(path[at], path.substr(at + 1, end == std::string_view::npos ? end : end - at - 1));
    at = end;
  }
}

/// Where the value begins: behind the `=`. What has no name is a value.
std::size_t value_of(std::string_view part) {
  const std::size_t equals = part.find('=');
  return equals == std::string_view::npos ? 0 : equals + 1;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned byte = 0;
    const char* const digits = text.data() + at + 1;
    if (text.size() - at < 3 || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
      return std::nullopt;
    out += static_cast<char>(byte);
    at += 2;
  }
  return out;
}

bool is_loopback_address(const std::string& numeric) {
  in_addr v4{};
  if (::inet_pton(AF_INET, numeric.c_str(), &v4) == 1) return ::ntohl(v4.s_addr) >> 24U == 127;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, numeric.substr(0, numeric.find('%')).c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

std::variant<Url, std::string> parse_url(std::string_view text) {
  if (!is_visible_ascii(text)) return "a URL must be plain ASCII; percent-encode everything else";
  if (text.starts_with(' ') || text.ends_with(' '))
    return "a space stands before or behind the URL";
  if (text.find(' ') != std::string_view::npos) return "a URL must not hold spaces; write %20";
  if (text.find('#') != std::string_view::npos) return "a WebSocket URL has no fragment (#...)";
  if (text.size() > 2048) return "the URL is longer than 2048 bytes";
  Url url;
  if (consume(text, "ws+unix://")) {
    if (std::string error = parse_unix_path(text, url); !error.empty()) return error;
    return url;
  }
  if (consume(text, "wss://")) {
    url.tls = true;
  } else if (!consume(text, "ws://")) {
    return not_websocket(text);
  }
  url.port = url.tls ? 443 : 80;
  const std::size_t slash = text.find_first_of("/?");
  std::string error = parse_authority(text.substr(0, slash), url);
  if (!error.empty()) return error;
  url.path = slash == std::string_view::npos ? "/" : std::string(text.substr(slash));
  if (url.path.front() == '?') url.path.insert(0, "/");
  return url;
}

std::string Url::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Url::host_header() const {
  if (!unix_path.empty()) return "localhost";
  Url without_zone = *this;
  without_zone.host.erase(std::min(host.find('%'), host.size()));
  return without_zone.authority();
}

bool Url::is_loopback() const {
  constexpr std::string_view localhost = "localhost";
  const bool by_name = starts_with_any_case(host, localhost) &&
                       (host.size() == localhost.size() || host.substr(localhost.size()) == ".");
  return !unix_path.empty() || by_name || is_loopback_address(host);
}

std::vector<std::string> Url::query_values() const {
  std::vector<std::string> values;
  for_each_part(path, [&values](char, std::string_view part) {
    if (const std::string_view value = part.substr(value_of(part)); !value.empty())
      values.emplace_back(value);
  });
  return values;
}

std::string Url::redacted() const {
  if (!unix_path.empty()) return "ws+unix://" + percent_encoded(unix_path);
  std::string out = (tls ? "wss://" : "ws://") + authority();
  // A bare `%`, as people write it, could not be read back where the zone begins with 25.
  if (const std::size_t percent = out.find('%'); percent != std::string::npos)
    out.insert(percent + 1, "25");
  out += path.substr(0, path.find('?'));
  for_each_part(path, [&out](char separator, std::string_view part) {
    out += separator;
    out += part.substr(0, value_of(part));
    if (!part.empty()) out += "...";
  });
  return out;
}

}  // namespace shim
