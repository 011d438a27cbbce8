// The command line: what is refused, where values come from, and what the backend sees of them
// (contract 2 and 11).

#include <doctest/doctest.h>

#include <cctype>
#include <cstring>

#include "backend.hpp"
#include "host.hpp"
#include "run.hpp"
#include "tcp_servers.hpp"

namespace e2e {
namespace {

const std::string url = "ws://127.0.0.1:1/";

/// The headers of the first upgrade request that a backend gets from a shim started like this.
Json recorded_headers(const Arguments& flags, const std::string& path = "/") {
  Backend backend;
  backend.start({"--record-headers", backend.file("headers")});
  Host host(flags + backend.url(path));
  host.expect_log("ready: ");
  const std::string text = read_file(backend.file("headers"));
  return Json::parse(text.substr(0, text.find('\n')));
}

}  // namespace

TEST_CASE("options: a URL of a kind that cannot work is refused") {
  for (const char* bad : {"http://127.0.0.1:1", "127.0.0.1:1", "ws://",
                          "ws://:80",           "ws://host:0", "ws://host:65536",
                          "ws://host:80x",      "ws://host:",  "ws://user:secret@host/",
                          "ws://user@host/",    "ws://ho st/", "ws://host/#fragment",
                          "ws://[::1",          "ws://[zz]/",  "ws://h\xc3\xb6st/",
                          "ws+unix://relative", "ws+unix://",  "ws://host/a b",
                          "wss//host",          "ftp://host/", "ws://ho\nst/"}) {
    check_usage_error({bad});
  }
  check_usage_error({"ws://" + filler(300, 'h') + "/"});
  check_usage_error({"ws://host/" + filler(3000, 'p')});
  check_usage_error({"ws+unix:///" + filler(200, 'p')});
}

TEST_CASE("options: a password in a URL is not repeated in the message") {
  const Outcome outcome = run({"ws://user:hunter2@host/"});
  CHECK(outcome.status == 2);
  CHECK(outcome.err.find("hunter2") == std::string::npos);
}

TEST_CASE("options: what is not understood is not repeated where it may hold a secret") {
  for (const Arguments& arguments : {Arguments{"--token", "hunter2", url},
                                     {"--token=hunter2", url},
                                     {"--headr=Authorization: Bearer hunter2", url},
                                     {"--headr", "Authorization: Bearer hunter2", url},
                                     {"status", "--token=hunter2"},
                                     {"status", "hunter2", "hunter2"},
                                     {"call", "ping", "{}", "--headr=hunter2", "--url", url},
                                     {url + "{hunter2}"},
                                     {url + "?a={hunter2"}}) {
    check_usage_error(arguments);
    const Outcome outcome = run(arguments);
    CHECK_MESSAGE(outcome.err.find("hunter2") == std::string::npos, outcome.err);
  }
  check_holds(run({"--headr=x", url}).err, "--headr");
}

TEST_CASE("options: no URL is an error") { check_usage_error({}); }

TEST_CASE("options: a value that is no duration or out of range is refused") {
  for (const char* bad : {"", "10", "ten", "10x", "-1s", "1e3s", "10 s", "0", "9999999h", "nan"}) {
    check_usage_error({std::string("--connect-timeout=") + bad, url});
  }
  check_usage_error({"--backoff-base", "0", url});
  check_usage_error({"--backoff-base", "2s", "--backoff-cap", "1s", url});
  check_usage_error({"--connect-timeout"});
}

TEST_CASE("options: a value that is no size, number or choice is refused") {
  for (const char* bad : {"", "x", "-1", "1.5KiB", "10KB", "0", "9999GiB"}) {
    check_usage_error({std::string("--max-message=") + bad, url});
  }
  check_usage_error({"--queue-max", "0", url});
  check_usage_error({"--replay", "sometimes", url});
  check_usage_error({"--tool-errors", "", url});
  check_usage_error({"--protocol", "MCP ", url});
  check_usage_error({"--log-level", "loud", url});
  for (const char* bad : {"", "half", "1.5", "-0.1", "0.1x", "nan", "inf", "0x1p-1", " 0.5", "0.5 ",
                          "-0", "+0.5", "1e-1", ".", "0.1.2"}) {
    check_usage_error({std::string("--jitter=") + bad, url});
  }
}

TEST_CASE("options: an unknown flag or a word too many is refused") {
  check_usage_error({"--no-such-flag", url});
  check_usage_error({"-x", url});
  check_usage_error({"--connect-timeout", "1s", "--no-such-flag=1", url});
  check_usage_error({url, "--no-such\nflag"});
}

TEST_CASE("options: a header that could break or impersonate the handshake is refused") {
  for (const char* bad :
       {"NoColon", ": no name", "Na me: x", "Name\r: x", "X: a\r\nEvil: b", "X: a\nEvil: b",
        "X: \x01", "X: \x7f", "X: caf\xc3\xa9", "Host: x", "host: x", "Upgrade: x", "Connection: x",
        "Sec-WebSocket-Key: x", "sec-websocket-protocol: x", "Content-Length: 5",
        "Transfer-Encoding: chunked", ""}) {
    check_usage_error({"--header", bad, url});
  }
}

TEST_CASE("options 2: headers that no upgrade request has room for are refused, others arrive") {
  const auto with = [](std::size_t bytes) {
    return Arguments{"--header", "X-Long: " + filler(bytes, 'x')};
  };
  check_usage_error(with(14'400) + url);
  check_usage_error(with(7'000) + with(7'000) + (url + filler(500, 'p')));
  RawServer server;
  Host host(with(13'300) + (server.url() + filler(1'000, 'p')));
  RawConnection connection = server.accept();
  CHECK(connection.upgrade().size() > 14'300);
}

TEST_CASE("options 2: the longest path there may be arrives whole, placeholders filled in") {
  RawServer server;
  const std::string path = filler(2032 - 1 - 36, 'p');
  Host host({server.url() + path + "{session}"});
  const std::string request = server.accept().receive_request();
  check_holds(request, "GET /" + path);
  CHECK(request.find(" HTTP/1.1\r\n") == std::string_view("GET ").size() + 2032);
}

TEST_CASE("options: a subprotocol that is no token is refused") {
  for (const char* bad : {"a b", "a,b", "a\r\nb", "\xc3\xa9"}) {
    check_usage_error({"--subprotocol", bad, url});
  }
}

TEST_CASE("options: files that cannot be read are named") {
  check_usage_error({"--ca-file", "/no/such/file", "wss://127.0.0.1:1"});
}

TEST_CASE("options: a bad value in the environment is an error, too") {
  check_usage_error({url}, {"MCP_WS_SHIM_CONNECT_TIMEOUT=soon"});
  check_usage_error({}, {"MCP_WS_SHIM_URL=http://host/"});
}

TEST_CASE("options: --help and --version say what they should and exit 0") {
  const Outcome help = run({"--help"});
  CHECK(help.status == 0);
  CHECK(help.err.empty());
  for (const char* part :
       {"--connect-timeout", "--header", "--log-level", "MCP_WS_SHIM_", "ws://"}) {
    check_holds(help.out, part);
  }
  const Outcome version = run({"--version"});
  CHECK(version.status == 0);
  CHECK(version.err.empty());
  CHECK(version.out.starts_with("mcp-ws-shim "));
  for (const char* library :
       {"libwebsockets", "OpenSSL", "simdjson", "spdlog", "nlohmann/json", "CLI11"}) {
    const std::size_t at = version.out.find("\n" + std::string(library) + " ");
    REQUIRE(at != std::string::npos);
    CHECK(std::isdigit(version.out[at + std::strlen(library) + 2]) != 0);
  }
}

TEST_CASE("options: the URL may come by flag, by position or by environment") {
  Backend backend(Arguments{});
  for (const auto& [flags, environment] :
       std::vector<std::pair<Arguments, std::vector<std::string>>>{
           {{"--url", backend.url()}, {}},
           {{"--url=" + backend.url()}, {}},
           {{backend.url()}, {}},
           {{}, {"MCP_WS_SHIM_URL=" + backend.url()}},
           {{backend.url()}, {"MCP_WS_SHIM_URL=ws://127.0.0.1:1/"}},
           {{"--url", backend.url()}, {"MCP_WS_SHIM_URL=not even a url"}}}) {
    Host host(flags, {.environment = environment});
    host.expect_log("ready: ");
  }
}

TEST_CASE("options: the environment is heard, and a flag beats it") {
  Backend backend;
  const std::string variable = "MCP_WS_SHIM_QUEUE_MAX=1";
  const auto refused = [&](const Arguments& flags) {
    Host host(quick() + flags + backend.url(), {.environment = {variable}});
    const int first = host.request("tools/list");
    const int second = host.request("tools/list");
    host.request("ping");
    host.linger(scaled(200ms));
    CHECK_FALSE(host.is_answered(first));
    return host.is_answered(second);
  };
  CHECK(refused({}));
  CHECK_FALSE(refused({"--queue-max", "2"}));
}

TEST_CASE("options: the backend sees headers, subprotocol and path as they were given") {
  const Json plain = recorded_headers({});
  CHECK(plain["sec-websocket-protocol"] == "mcp");
  CHECK(plain["sec-websocket-version"] == "13");
  CHECK_FALSE(plain.contains("sec-websocket-extensions"));  // no compression
  CHECK_FALSE(plain.contains("origin"));

  const Json headers = recorded_headers({"--header", "X-First: one", "--header",
                                         "X-Second:two, three", "--subprotocol", "v2.mcp-x_1"},
                                        "/some/path?a=1&b=%20x");
  CHECK(headers["x-first"] == "one");
  CHECK(headers["x-second"] == "two, three");
  CHECK(headers["sec-websocket-protocol"] == "v2.mcp-x_1");
  check_holds(headers["uri"].get<std::string>(), "/some/path?a=1&b=");
}

TEST_CASE("options: an empty subprotocol offers none, in each way to write it") {
  CHECK_FALSE(recorded_headers({"--subprotocol", ""}).contains("sec-websocket-protocol"));
  CHECK_FALSE(recorded_headers({"--subprotocol="}).contains("sec-websocket-protocol"));
}

TEST_CASE("options: an empty value behind = is a value, and not the next argument") {
  const Outcome outcome = run({"--max-message=", url});
  CHECK(outcome.status == 2);
  CHECK_MESSAGE(outcome.err.find(url) == std::string::npos, outcome.err);
}

TEST_CASE("options: query values and other secrets are not logged") {
  Backend backend(Arguments{});
  Host host(Arguments{"--log-level", "trace", "--header", "X-Key: hunter2"} +
            backend.url("/p?token=hunter3&x=hunter4"));
  host.initialize();
  host.expect_text(host.call("echo", {{"text", "hunter5"}}));
  backend.restart();
  host.expect_text(host.call("echo", {{"text", "x"}}));
  for (const std::string& line : host.log()) {
    for (const char* secret : {"hunter2", "hunter3", "hunter4"}) {
      CHECK_MESSAGE(line.find(secret) == std::string::npos, line);
    }
  }
  CHECK(host.count_log("token=") > 0);
}

}  // namespace e2e
