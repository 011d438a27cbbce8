// doctor (contract 13): each way in which a backend can be out of order, the step that shows it,
// and what a person is told to do about it. Certificates are in doctor_tls_test.cpp.

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>

#include "command.hpp"
#include "diagnosis.hpp"
#include "host.hpp"
#include "terminal.hpp"

namespace e2e {
namespace {

/// `limits`: those that the fault lets pass, made short.
void check_fault(const Arguments& faults, const std::string& step, const std::string& detail,
                 const std::string& remedy, const Arguments& limits = {}) {
  CAPTURE(faults.back());
  Backend backend(faults);
  check_failure(diagnose(limits + backend.url()), step, detail, remedy);
}

const Arguments short_connect{"--connect-timeout", flag(500ms)};
const Arguments short_ping{"--validate-timeout", flag(300ms)};
const Arguments short_answers{"--resume-timeout", flag(500ms)};

}  // namespace

TEST_CASE("doctor: a healthy backend of each era passes") {
  const auto check = [](const char* era, const char* found, const char* protocol) {
    CAPTURE(era);
    Backend backend({"--era", era});
    const Diagnosis diagnosis = diagnose({backend.url()});
    CHECK(diagnosis.status == 0);
    check_holds(diagnosis.detail("settings"), "url (flag)");
    check_holds(diagnosis.detail("TCP"), "127.0.0.1:" + std::to_string(backend.port()));
    CHECK(diagnosis.detail("subprotocol") == "mcp");
    check_holds(diagnosis.detail("era"), found);
    check_holds(diagnosis.detail("handshake"), "fake-backend 1.0.0, protocol ");
    check_holds(diagnosis.detail("handshake"), protocol);
    check_holds(diagnosis.detail("lists"), "prompts 2, resources ");
    for (const char* step :
         {"settings", "TCP", "upgrade", "subprotocol", "ping", "era", "handshake", "lists"}) {
      CAPTURE(step);
      CHECK(diagnosis.step(step)["status"] == "ok");
      CHECK(diagnosis.step(step)["ms"].is_number());
    }
    for (const char* step : {"token", "lookup", "TLS", "health file"}) {
      CAPTURE(step);
      CHECK(diagnosis.step(step)["status"] == "skipped");
      CHECK(diagnosis.step(step)["ms"].is_null());
    }
  };
  check("legacy", "legacy (initialize)", "2025-11-25");
  check("modern", "modern (server/discover)", "2026-07-28");
  check("dual", "both: legacy", "2025-11-25");
}

TEST_CASE("doctor: a Unix socket, a name, no subprotocol and pages of a list are all right") {
  TempDir files;
  Backend by_path({"--unix", files.path("socket")});
  const Diagnosis over_unix = diagnose(Arguments{} + ("ws+unix://" + files.path("socket")));
  CHECK(over_unix.status == 0);
  check_holds(over_unix.detail("TCP"), files.path("socket"));

  Backend backend({"--subprotocol=", "--page-size", "3"});
  const std::string by_name = "ws://localhost:" + std::to_string(backend.port()) + "/";
  const Diagnosis diagnosis = diagnose({by_name});
  CHECK(diagnosis.status == 0);
  check_holds(diagnosis.detail("lookup"), "127.0.0.1");
  CHECK(diagnosis.detail("subprotocol") == "mcp offered, none selected");
  check_holds(diagnosis.detail("lists"), "tools 3 and more");
  CHECK(diagnose(Arguments{"--subprotocol="} + by_name).detail("subprotocol") == "none offered");
}

TEST_CASE("doctor: plain JSON-RPC is checked as far as that goes") {
  Backend backend(Arguments{"--echo-any"});
  const Diagnosis diagnosis = diagnose(Arguments{"--protocol", "jsonrpc"} + backend.url());
  CHECK(diagnosis.status == 0);
  CHECK(diagnosis.step("ping")["status"] == "ok");
  CHECK(diagnosis.step("era")["status"] == "skipped");
  check_failure(diagnose({backend.url()}), "handshake", "protocolVersion", "not an MCP server");
}

TEST_CASE("doctor: nothing listens, nothing answers, no way there, no such name") {
  Backend absent;
  check_failure(diagnose({absent.url()}), "TCP", "Connection refused", "docker ps");
  check_failure(diagnose(Arguments{} + ("ws://localhost:" + std::to_string(absent.port()))), "TCP",
                "Connection refused", "nothing listens on localhost");
  check_failure(diagnose({"ws://255.255.255.255:9/"}), "TCP", "unreachable", "ip route");
  RawServer hole(0);
  hole.clog();
  check_failure(diagnose(short_connect + hole.url()), "TCP", "connect-timeout", "firewall");
  TempDir files;
  check_failure(diagnose(Arguments{} + ("ws+unix://" + files.path("none"))), "TCP", "",
                "no backend listens on " + files.path("none"));
  check_failure(diagnose(short_connect + "ws://no-such-host.invalid:1"), "lookup", "",
                "getent hosts");
}

TEST_CASE("doctor: a name lookup that fails or hangs") {
  if (sanitized) {
    MESSAGE("SKIPPED: sanitizers want to be the first library themselves");
    return;
  }
  Backend backend(Arguments{});
  const std::string url = "ws://scripted.test:" + std::to_string(backend.port()) + "/";
  const std::string orders = backend.file("lookup");
  const auto with = [&](const char* order, const Arguments& limits = {}) {
    write_file(orders, order);
    return diagnose(limits + url, {"LD_PRELOAD=" E2E_SLOW_LOOKUP, "E2E_LOOKUP=" + orders});
  };
  check_failure(with("fail"), "lookup", "lookup-failed", "compose");
  check_failure(with("hang", short_connect), "lookup", "connect-timeout", "/etc/resolv.conf");
  CHECK(with("find").status == 0);
}

TEST_CASE("doctor: a port that speaks something else, or nothing") {
  check_fault({"--fault", "silent-tcp"}, "upgrade", "connect-timeout", "does not answer HTTP",
              short_connect);
  check_fault({"--fault", "silent-upgrade"}, "upgrade", "connect-timeout", "does not answer HTTP",
              short_connect);
  check_fault({"--fault", "garbage"}, "upgrade", " bytes came that answer no HTTP request",
              "something else", short_connect);
  check_fault({"--fault", "reset-upgrade"}, "upgrade", "reset", "wss://");
  RawServer ssh;
  Command doctor(Arguments{"doctor", "--json"} + ssh.url());
  {
    RawConnection connection = ssh.accept();
    connection.send_bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
  }
  check_failure(read_diagnosis(doctor.finish()), "upgrade", "", "");
}

TEST_CASE("doctor 13: what somebody says who says no HTTP is counted, and the remedy is for that") {
  RawServer ssh;
  Command doctor(Arguments{"doctor", "--json"} + short_connect + ssh.url());
  RawConnection connection = ssh.accept();
  connection.send_bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
  check_failure(read_diagnosis(doctor.finish()), "upgrade",
                "32 bytes came that answer no HTTP request", "no HTTP");
}

TEST_CASE("doctor 13: so it is when he hangs up, and not when he has said nothing") {
  const auto remedy = [](const char* said) {
    RawServer server;
    Command doctor(Arguments{"doctor", "--json"} + server.url());
    {
      RawConnection connection = server.accept();
      connection.receive_request();
      connection.send_bytes(said);
    }
    const Diagnosis diagnosis = read_diagnosis(doctor.finish());
    check_failure(diagnosis, "upgrade", "closed before the upgrade was answered", "");
    return diagnosis.step("upgrade")["remedy"].get<std::string>();
  };
  check_holds(remedy("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), "talks, but no HTTP");
  check_holds(remedy(""), "if this port speaks TLS");
}

TEST_CASE("doctor: an upgrade that is answered with anything but 101") {
  check_fault({"--fault", "status=401"}, "upgrade", "401", "--token-file");
  check_fault({"--fault", "status=403"}, "upgrade", "403", "refuses");
  check_fault({"--fault", "status=404"}, "upgrade", "404", "path");
  check_fault({"--fault", "status=429"}, "upgrade", "429", "fewer");
  check_fault({"--fault", "status=500"}, "upgrade", "500", "log");
  check_fault({"--fault", "status=503"}, "upgrade", "503", "docker ps");
  check_fault({"--fault", "redirect=ws://127.0.0.1:1/"}, "upgrade", "302", "redirects");
  RawServer http;
  Command doctor(Arguments{"doctor", "--json"} + http.url());
  RawConnection connection = http.accept();
  connection.send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  check_failure(read_diagnosis(doctor.finish()), "upgrade", "200", "HTTP server");
}

TEST_CASE("doctor: a WebSocket that is of no use") {
  check_fault({"--select-subprotocol", "other"}, "subprotocol", "other", "--subprotocol");
  check_fault({"--fault", "no-pong"}, "ping", "validate-timeout", "paused", short_ping);
  check_fault({"--fault", "close-after-open"}, "ping", "closed", "hung up");
}

TEST_CASE("doctor: a server behind a good WebSocket that does not speak MCP as it should") {
  check_fault({"--fault", "init-silent"}, "era", "not answered within", "--protocol jsonrpc",
              short_answers);
  check_fault({"--fault", "init-error"}, "handshake", "-32603", "docker logs");
  check_fault({"--fault", "invalid-json", "--fault-method", "initialize"}, "era", "nonsense",
              "--protocol jsonrpc");
  check_fault({"--fault", "invalid-json", "--fault-method", "tools/list"}, "lists", "nonsense",
              "docker logs");
  Backend talkative(Arguments{});
  check_failure(diagnose(Arguments{"--max-message", "1KiB"} + talkative.url()), "lists",
                "longer than --max-message", "a larger --max-message");
  check_fault({"--fault", "drop-after=1"}, "era", "reset", "docker logs");
  check_fault({"--fault", "drop-after=4"}, "lists", "tools/list was not answered", "docker logs");
}

TEST_CASE(
    "doctor 13: a protocol version that nobody knows, and no capabilities, are warned about") {
  const auto warned = [](const std::string& result, const char* step) {
    RawServer server;
    Command doctor(Arguments{"doctor", "--json", server.url()});
    RawConnection connection = server.accept();
    connection.become_ready();
    const auto answer = [&connection](const std::string& text) {
      const Json request = Json::parse(connection.receive_text());
      connection.send_text(R"({"jsonrpc":"2.0","id":)" + request["id"].dump() + R"(,"result":)" +
                           text + "}");
    };
    answer(result);
    static_cast<void>(connection.receive_text());  // initialized
    answer("{}");                                  // the probe
    const Json found = read_diagnosis(doctor.finish()).step(step);
    CHECK(found["status"] == "warning");
    CHECK_FALSE(found["remedy"].get<std::string>().empty());
    return found["detail"].get<std::string>();
  };
  check_holds(warned(R"({"protocolVersion":"2099-01-01","capabilities":{}})", "handshake"),
              "protocol 2099-01-01, which is not a known version");
  check_holds(warned(R"({"protocolVersion":"2025-11-25","capabilities":{}})", "lists"), "no tools");
}

TEST_CASE("doctor: a backend of the legacy era that cannot bear a probe is warned about") {
  const auto check = [](const Arguments& faults) {
    CAPTURE(faults.back());
    Backend backend(faults);
    const Diagnosis diagnosis = diagnose({backend.url()});
    CHECK(diagnosis.status == 0);
    CHECK(diagnosis.step("era")["status"] == "warning");
    check_holds(diagnosis.detail("era"), "no answer to server/discover");
    check_holds(diagnosis.step("era")["remedy"].get<std::string>(), "-32601");
    CHECK(diagnosis.step("lists")["status"] == "ok");
  };
  check({"--fault", "drop-after=3", "--fault-connections", "1"});
  check({"--fault", "late-answer-ms=20000", "--fault-method", "server/discover"});
}

TEST_CASE("doctor: tokens that are missing, wrong, or in a file that others can read") {
  Backend backend({"--token", "hunter2"});
  check_failure(diagnose({backend.url()}), "upgrade", "401", "MCP_WS_SHIM_TOKEN");
  const auto with = [&](const std::string& token) {
    return diagnose({backend.url()}, {"MCP_WS_SHIM_TOKEN=" + token});
  };
  check_failure(with("hunter3"), "upgrade", "401", "does not accept this token");
  CHECK(with("hunter2").status == 0);
  CHECK(with("hunter2").text.find("hunter2") == std::string::npos);
  CHECK(with("hunter3").text.find("hunter3") == std::string::npos);

  TempDir files;
  const std::string path = files.path("token");
  const Arguments flags{"--token-file", path};
  check_failure(diagnose(flags + backend.url()), "token", "No such file", "look at the path");
  check_failure(diagnose(Arguments{"--header", "Authorization: Bearer hunter3"} + backend.url()),
                "upgrade", "401", "does not accept this token");
  const Diagnosis by_header =
      diagnose(Arguments{"--header", "Authorization: Bearer hunter2"} + backend.url());
  CHECK(by_header.step("token")["status"] == "ok");
  check_holds(by_header.detail("token"), "--header");
  const Diagnosis on_loopback =
      diagnose({"--allow-plaintext-token", backend.url()}, {"MCP_WS_SHIM_TOKEN=hunter2"});
  CHECK(on_loopback.step("token")["status"] == "ok");
  const Diagnosis far = diagnose({"--allow-plaintext-token", "ws://255.255.255.255:9/"},
                                 {"MCP_WS_SHIM_TOKEN=hunter2"});
  CHECK(far.step("token")["status"] == "warning");
  replace_private(path, "hunter2\n");
  CHECK(diagnose(flags + backend.url()).status == 0);
  check_holds(diagnose(flags + backend.url()).detail("token"), path);
  replace_private(path, "hunter2\nand more\n");
  check_failure(diagnose(flags + backend.url()), "token", "visible ASCII", "alone");
  replace_private(path, "hunter2");
  std::filesystem::permissions(path, std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  check_failure(diagnose(flags + backend.url()), "token", "others can access it", "chmod 600");
}

TEST_CASE("doctor: the health file is looked at whether or not the backend can be reached") {
  Backend absent;
  TempDir files;
  const std::string path = files.path("health.json");
  const auto look = [&] {
    const Diagnosis diagnosis = diagnose(Arguments{"--health-file", path} + absent.url());
    CHECK(diagnosis.status == 3);
    return diagnosis.step("health file");
  };
  const auto check = [&](const Json& step, const char* status, const char* detail) {
    CHECK(step["status"] == status);
    check_holds(step["detail"].get<std::string>(), detail);
    CHECK(step["remedy"].get<std::string>().empty() == (step["status"] == "ok"));
  };
  check(look(), "warning", "missing: ");
  write_file(path, "no JSON");
  check(look(), "warning", "invalid: ");
  const auto now = std::chrono::system_clock::now().time_since_epoch() / 1s;
  write_file(path, Json{{"t", now - 3600}, {"pid", 17}}.dump());
  check(look(), "warning", "stale: ");
  check(look(), "warning", "written 1 h 0 min ago, by pid 17");
  write_file(path, Json{{"t", now}, {"pid", 17}, {"busy", true}}.dump());
  check(look(), "ok", "fresh: ");
  check(look(), "ok", ", busy");
  write_file(path, Json{{"pid", "\x1b[31mred"}}.dump());
  check(look(), "ok", "pid \"\\\\u001b[31mred\"");
}

TEST_CASE("doctor: of several URLs each is examined, and all must be good") {
  Backend good(Arguments{});
  Backend absent;
  const Outcome both = run(Arguments{"doctor"} + Arguments{absent.url(), good.url()});
  CHECK(both.status == 3);
  CHECK(both.out.find(absent.url()) < both.out.find(good.url()));
  check_holds(both.out, "-> nothing listens");
  check_holds(both.out, "tools 16");
  CHECK(run(Arguments{"doctor"} + Arguments{good.url(), good.url()}).status == 0);
  const Outcome json = run(Arguments{"doctor", "--json"} + Arguments{absent.url(), good.url()});
  CHECK(json.status == 3);
  const std::size_t line_end = json.out.find('\n');
  CHECK(Json::parse(json.out.substr(0, line_end))["ok"] == false);
  CHECK(Json::parse(json.out.substr(line_end))["ok"] == true);
}

TEST_CASE("doctor: what is wrong with the settings is one line and exit 2") {
  check_usage_error({"doctor"});
  check_usage_error({"doctor", "http://127.0.0.1:1/"});
  check_usage_error({"doctor", "ws://127.0.0.1:1/", "--connect-timeout", "soon"});
  check_usage_error({"doctor", "ws://example.org:1/"}, {"MCP_WS_SHIM_TOKEN=hunter2"});
}

TEST_CASE("doctor: secrets of the URL and bytes of the backend's are not shown") {
  Backend backend({"--server-name", "evil\x1b[2J\nname"});
  const Outcome outcome = run(Arguments{"doctor"} + backend.url("/p?token=hunter2&x=hunter3"));
  CHECK(outcome.status == 0);
  check_holds(outcome.out, "evil\\x1b[2J\\nname");
  for (const char* part : {"\x1b", "hunter2", "hunter3"}) {
    CHECK_MESSAGE(outcome.out.find(part) == std::string::npos, outcome.out);
  }
}

TEST_CASE("doctor: colours on a terminal, and nowhere else") {
  Backend absent;
  const std::string command = shim_program() + " doctor --connect-timeout 5s " + absent.url();
  const Outcome piped = run(Arguments{"doctor", absent.url()}, {"TERM=xterm"});
  CHECK(piped.out.find('\x1b') == std::string::npos);
  if (!Terminal::available()) {
    MESSAGE("SKIPPED: there is no tmux here");
    return;
  }
  TempDir files;
  const auto shown = [&](const std::vector<std::string>& environment) {
    // tmux is asked from inside, once it has drawn everything, for what it shows and in which
    // colour.
    const std::string seen = files.path("seen");
    const Terminal terminal(command + "; until tmux capture-pane -e -p >" + seen +
                                "; grep -q health " + seen +
                                "; do sleep 0.05; done; clear; echo the end; sleep 60",
                            environment, 200, 40);
    terminal.expect_text("the end");
    return read_file(seen);
  };
  const std::string coloured = shown({});
  check_holds(coloured, "\x1b[31mfailed\x1b[");
  check_holds(coloured, "\x1b[32mok\x1b[");
  const std::string plain = shown({"NO_COLOR=1"});
  check_holds(plain, "failed   TCP");
  CHECK(plain.find('\x1b') == std::string::npos);
}

}  // namespace e2e
