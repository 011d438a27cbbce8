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
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  if (text.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                 [&](char p, char t) { return same(t, p); }))
    return false;
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
    if (url.host.find_first_not_of("0123456789abcdefABCDEF:.%") != std::string::npos ||
        url.host.find(':') == std::string::npos)
      return "what stands in brackets is no IPv6 address";
  } else {
    const std::size_t colon = text.find(':');
    url.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    const bool plain = std::all_of(url.host.begin(), url.host.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    });
    if (!plain) return "the host name holds characters that no host name has";
  }
  if (url.host.empty() || url.host.size() > 253) return "the host name is missing or too long";
  if (rest.empty()) return {};
  const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
  if (!port) return "the port must be a number from 1 to 65535";
  url.port = *port;
  return {};
}

}  // namespace

std::variant<Url, std::string> parse_url(std::string_view text) {
  if (!is_visible_ascii(text)) return "a URL must be plain ASCII; percent-encode everything else";
  if (text.find(' ') != std::string_view::npos) return "a URL must not hold spaces; write %20";
  if (text.find('#') != std::string_view::npos) return "a WebSocket URL has no fragment (#...)";
  if (text.size() > 2048) return "the URL is longer than 2048 bytes";
  Url url;
  if (consume(text, "ws+unix://")) {
    url.unix_path = text;
    url.path = "/";
    // 108 bytes hold a socket's path on Linux (unix(7)), one of them for the final zero.
    if (!text.starts_with('/') || text.size() > 107)
      return "a Unix socket is written ws+unix:///absolute/path.sock, at most 107 bytes of path";
    return url;
  }
  if (consume(text, "wss://")) {
    url.tls = true;
  } else if (!consume(text, "ws://")) {
    return "a URL must start with ws://, wss:// or ws+unix://";
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

bool Url::is_loopback() const {
  if (!unix_path.empty() || host == "localhost" || host == "::1") return true;
  in_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 && ::ntohl(address.s_addr) >> 24U == 127;
}

std::string Url::redacted() const {
  if (!unix_path.empty()) return "ws+unix://" + unix_path;
  std::string out = (tls ? "wss://" : "ws://") + authority();
  const std::size_t query = path.find('?');
  out += path.substr(0, query);
  if (query == std::string::npos) return out;
  std::string_view rest = std::string_view(path).substr(query);
  while (!rest.empty()) {
    out += rest.front();  // ? or &
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('&'));
    // What has no name is a value.
    if (const std::size_t equals = part.find('='); equals != std::string_view::npos)
      out += part.substr(0, equals + 1);
    if (!part.empty()) out += "...";
    rest.remove_prefix(part.size());
  }
  return out;
}

}  // namespace shim
