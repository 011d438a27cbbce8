#include "common/url.hpp"

#include <doctest/doctest.h>

#include <array>

#include "common/text.hpp"

namespace shim {
namespace {

TEST_CASE("url: addresses that are understood") {
  struct Row {
    std::string text;
    bool tls;
    std::string host;
    int port;
    std::string path;
    std::string unix_path;
    std::string redacted;
  };
  const std::array rows{
      Row{"ws://localhost", false, "localhost", 80, "/", "", "ws://localhost:80/"},
      Row{"wss://a.example", true, "a.example", 443, "/", "", "wss://a.example:443/"},
      Row{"WS://Host:8080/", false, "Host", 8080, "/", "", "ws://Host:8080/"},
      Row{"ws://h:1/a/b", false, "h", 1, "/a/b", "", "ws://h:1/a/b"},
      Row{"ws://h:65535/a?x=1&y=2", false, "h", 65535, "/a?x=1&y=2", "",
          "ws://h:65535/a?x=...&y=..."},
      Row{"ws://h?x=1", false, "h", 80, "/?x=1", "", "ws://h:80/?x=..."},
      Row{"ws://h/?flag&k=", false, "h", 80, "/?flag&k=", "", "ws://h:80/?...&k=..."},
      Row{"ws://h/mcp?s3cret", false, "h", 80, "/mcp?s3cret", "", "ws://h:80/mcp?..."},
      Row{"ws://h/p?a&s3cret&b=1", false, "h", 80, "/p?a&s3cret&b=1", "",
          "ws://h:80/p?...&...&b=..."},
      Row{"ws://h/p?&&a=1&", false, "h", 80, "/p?&&a=1&", "", "ws://h:80/p?&&a=...&"},
      Row{"ws://h/p?", false, "h", 80, "/p?", "", "ws://h:80/p?"},
      Row{"ws://h/p?token=YWJj==", false, "h", 80, "/p?token=YWJj==", "", "ws://h:80/p?token=..."},
      Row{"ws://h/p?a=b?c=d&e=f", false, "h", 80, "/p?a=b?c=d&e=f", "", "ws://h:80/p?a=...&e=..."},
      Row{"ws://[::1]", false, "::1", 80, "/", "", "ws://[::1]:80/"},
      Row{"ws://127.0.0.1:9001/mcp", false, "127.0.0.1", 9001, "/mcp", "",
          "ws://127.0.0.1:9001/mcp"},
      Row{"ws://my_host-1:8/{session}", false, "my_host-1", 8, "/{session}", "",
          "ws://my_host-1:8/{session}"},
      Row{"ws://h/@x:y", false, "h", 80, "/@x:y", "", "ws://h:80/@x:y"},
      Row{"ws+unix:///run/mcp.sock", false, "", 0, "/", "/run/mcp.sock", "ws+unix:///run/mcp.sock"},
      Row{"ws+unix:///a%20b%3f%25.sock", false, "", 0, "/", "/a b?%.sock",
          "ws+unix:///a%20b%3F%25.sock"},
      Row{"ws://[fe80::1%eth0]:1", false, "fe80::1%eth0", 1, "/", "", "ws://[fe80::1%25eth0]:1/"},
      Row{"ws://[fe80::1%25eth0]:1", false, "fe80::1%eth0", 1, "/", "", "ws://[fe80::1%25eth0]:1/"},
      Row{"ws://[fe80::1%25]:1", false, "fe80::1%25", 1, "/", "", "ws://[fe80::1%2525]:1/"},
      Row{"ws://[fe80::1%2525a]:1", false, "fe80::1%25a", 1, "/", "", "ws://[fe80::1%2525a]:1/"},
      Row{"ws://[fe80::1%1]:1", false, "fe80::1%1", 1, "/", "", "ws://[fe80::1%251]:1/"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_url(row.text);
    REQUIRE(std::holds_alternative<Url>(parsed));
    const Url& url = std::get<Url>(parsed);
    CHECK(url.tls == row.tls);
    CHECK(url.host == row.host);
    CHECK(url.port == row.port);
    CHECK(url.path == row.path);
    CHECK(url.unix_path == row.unix_path);
    CHECK(url.redacted() == row.redacted);
  }
}

TEST_CASE("url: what stands in a Host header, and what people are told") {
  const auto check = [](const char* text, const char* header, const char* authority) {
    const Url url = std::get<Url>(parse_url(text));
    CHECK(url.host_header() == header);
    CHECK(url.authority() == authority);
  };
  check("ws://h:8080/x", "h:8080", "h:8080");
  check("wss://h", "h:443", "h:443");
  check("ws://[2001:db8::1]:7", "[2001:db8::1]:7", "[2001:db8::1]:7");
  check("ws://[fe80::1%25eth0]:7", "[fe80::1]:7", "[fe80::1%eth0]:7");
  CHECK(std::get<Url>(parse_url("ws+unix:///run/x")).host_header() == "localhost");
}

TEST_CASE("url: what is no address of a backend is refused, with one line that repeats no secret") {
  const std::string secret = "s3cret";
  const std::array texts = std::to_array<std::string>({
      "",
      "localhost:8080",
      "http://h/",
      "https://h/",
      "ws:/h",
      "ws:h",
      "ws//h",
      "://h",
      "ws://",
      "ws:///p",
      "ws://:80/",
      "ws://?x=1",
      "ws://h:/",
      "ws://h:0/",
      "ws://h:65536/",
      "ws://h:-1/",
      "ws://h:+1/",
      "ws://h:8o/",
      "ws://h:1:2/",
      "ws://h:99999999999/",
      "ws://user:" + secret + "@h/",
      "ws://" + secret + "@h/",
      "ws://h/#f",
      "ws://h /",
      "ws://h/\n",
      "ws://h/\xc3\xa9",
      "ws://[::1",
      "ws://[::1]x/",
      "ws://[]/",
      "ws://[fade]/",
      "ws://[127.0.0.1]/",
      "ws+unix://relative.sock",
      "ws+unix://",
      "ws+unix:///",
      "ws+unix:///run/",
      "ws+unix:///run/x.sock?key=" + secret,
      "ws+unix:///run/{pid}.sock",
      "ws+unix:///run/a%2",
      "ws+unix:///run/a%zz",
      "ws+unix:///run/a%00b",
      "ws://[:::::]:1",
      "ws://[::1%]:1",
      "ws://[::1%a/b]:1",
  });
  for (const std::string& text : texts) {
    CAPTURE(text);
    const auto parsed = parse_url(text);
    REQUIRE(std::holds_alternative<std::string>(parsed));
    const std::string& said = std::get<std::string>(parsed);
    CHECK_FALSE(said.empty());
    CHECK(is_visible_ascii(said));  // what is not would be shown escaped
    CHECK(said.find(secret) == std::string::npos);
  }
  CHECK(std::holds_alternative<std::string>(parse_url(std::string_view("ws://h/\0", 8))));
}

TEST_CASE("url 2: what is said about a URL leads on") {
  const auto said = [](std::string_view text) { return std::get<std::string>(parse_url(text)); };
  CHECK(said("http://h:1/") == "write ws:// instead of http://");
  CHECK(said("HTTPS://h:1/") == "write wss:// instead of https://");
  CHECK(said(" ws://h:1") == "a space stands before or behind the URL");
  CHECK(said("ws://h:1 ") == "a space stands before or behind the URL");
  CHECK(said("ws://h/a b") == "a URL must not hold spaces; write %20");
  CHECK(said("\"ws://h:1\"") == "a URL stands without quotes and brackets");
  CHECK(said("[ws://h:1]") == "a URL stands without quotes and brackets");
  for (const char* several : {"ws://::1:8765", "ws://a:1,ws://b:2", "ws://fe80::1"}) {
    CAPTURE(several);
    CHECK(said(several).starts_with("an IPv6 address stands in brackets"));
  }
  CHECK(said("ws://${host}:1") == "a variable in the host name ($) was not replaced");
}

TEST_CASE("url 2: only what cannot lead elsewhere is loopback") {
  for (const char* const host : {"127.0.0.1", "127.1.2.3", "localhost", "LocalHost", "localhost.",
                                 "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::1%lo]"}) {
    CAPTURE(host);
    CHECK(std::get<Url>(parse_url("ws://" + std::string(host) + ":1")).is_loopback());
  }
  CHECK(std::get<Url>(parse_url("ws+unix:///s")).is_loopback());
  for (const char* const host :
       {"127.evil.example", "127.0.0.1.evil.example", "127.", "10.0.0.1", "localhost.example",
        "localhosts", "localhost..", "[::2]", "[::ffff:10.0.0.1]"}) {
    CAPTURE(host);
    CHECK_FALSE(std::get<Url>(parse_url("ws://" + std::string(host) + ":1")).is_loopback());
  }
}

TEST_CASE("url 10: the values of a query are all that is not shown of it") {
  const auto values = [](const char* text) {
    return std::get<Url>(parse_url(text)).query_values();
  };
  CHECK(values("ws://h/p?a=1&s3cret&b=x%20y==&c=&&d=2?e=3") ==
        std::vector<std::string>{"1", "s3cret", "x%20y==", "2?e=3"});
  CHECK(values("ws://h/p").empty());
  CHECK(values("ws://h/p?").empty());
  CHECK(values("ws+unix:///p").empty());
}

TEST_CASE("url: percent-encoding is taken off where it is whole") {
  CHECK(percent_decoded("a%20b%2Fc") == "a b/c");
  CHECK(percent_decoded("plain").value() == "plain");
  for (const char* const text : {"%", "%2", "a%zz", "%2g", "%+1", "%-1"})
    CHECK_FALSE(percent_decoded(text).has_value());
}

TEST_CASE("url: lengths have a limit, and just below it all is well") {
  const auto is_ok = [](const std::string& text) {
    return std::holds_alternative<Url>(parse_url(text));
  };
  CHECK(is_ok("ws://h/" + std::string(2048 - 7, 'x')));
  CHECK_FALSE(is_ok("ws://h/" + std::string(2048 - 6, 'x')));
  CHECK(is_ok("ws://" + std::string(253, 'h')));
  CHECK_FALSE(is_ok("ws://" + std::string(254, 'h')));
  CHECK(is_ok("ws+unix:///" + std::string(106, 'x')));  // 107 bytes and the final zero
  CHECK_FALSE(is_ok("ws+unix:///" + std::string(107, 'x')));
}

}  // namespace
}  // namespace shim
