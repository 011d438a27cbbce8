// Contract 8: the host hears of a request that takes long, on the wall clock.

#include "tests/unit/mcp_texts.hpp"
#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

struct Heard {
  json token;
  double value = 0;
  std::string message;
};

/// The progress notifications that were written since the last call; nothing else may have been.
std::vector<Heard> take_progress(Driver& d) {
  std::vector<Heard> out;
  for (const std::string& line : d.take_host()) {
    CAPTURE(line);
    REQUIRE(method_of(line) == "notifications/progress");
    const json params = json::parse(line)["params"];
    out.push_back(
        {params["progressToken"], params["progress"].get<double>(), params.value("message", "")});
  }
  return out;
}

std::string backend_progress(std::string_view token, std::string_view value) {
  return notify("notifications/progress", R"({"progressToken":)" + std::string(token) +
                                              R"(,"progress": )" + std::string(value) + "}");
}

Settings with_modes(KeepaliveModes modes) {
  Settings settings = default_settings();
  settings.keepalive = modes;
  return settings;
}

TEST_CASE("session 8: progress for a call in flight, every interval, until its answer") {
  Driver d;
  d.establish();
  d.host(request_with_token("1", "\"t\""));
  d.advance(10s - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  d.advance(30s);
  const auto heard = take_progress(d);
  REQUIRE(heard.size() == 4);
  for (std::size_t i = 0; i < heard.size(); ++i) {
    CHECK(heard[i].token == "t");
    CHECK(heard[i].value > (i == 0 ? 0 : heard[i - 1].value));
    CHECK(heard[i].message == "still running, " + std::to_string(10 * (i + 1)) + " s");
  }
  d.backend(answer("1"));
  CHECK(d.take_host() == std::vector{answer("1")});
  d.advance(1h);
  CHECK(d.take_host().empty());
}

TEST_CASE("session 8: waits under a second are called so") {
  Settings settings = default_settings();
  settings.keepalive_interval = 400ms;
  Driver d(settings);
  std::string about;
  SUBCASE("in flight") {
    d.establish();
    about = "still running, ";
  }
  SUBCASE("queued") {
    d.until_connecting();
    about = "backend unreachable, reconnecting, attempt 1, waiting for ";
  }
  d.host(request_with_token("1", "1"));
  d.advance(1200ms);
  const auto heard = take_progress(d);
  REQUIRE(heard.size() == 3);
  CHECK(heard[0].message == about + "under 1 s");
  CHECK(heard[1].message == about + "under 1 s");
  CHECK(heard[2].message == about + "1 s");
}

TEST_CASE("session 8: a token keeps its type, also the id's look-alike") {
  Driver d;
  d.establish();
  d.host(request_with_token("1", "7"));
  d.host(request_with_token("2", "\"7\""));
  d.advance(10s);
  const auto heard = take_progress(d);
  REQUIRE(heard.size() == 2);
  CHECK((heard[0].token.is_number() != heard[1].token.is_number()));
}

TEST_CASE("session 8: a request without a token, a subscription and initialize get none") {
  Driver d;
  d.establish();
  d.host(request("1", "tools/call"));
  d.host(request("2", "subscriptions/listen",
                 R"({"_meta":{"progressToken":2,)"
                 R"("io.modelcontextprotocol/protocolVersion":"2026-07-28"}})"));
  d.advance(50s);
  CHECK(d.take_host().empty());
  Driver early;
  early.host(request("0", "initialize",
                     R"({"protocolVersion":"2025-11-25","_meta":{"progressToken":0}})"));
  early.advance(14s);
  CHECK(early.take_host().empty());
}

TEST_CASE("session 8: while it is queued the host hears of the outage; the queue timeout stays") {
  Driver d;
  d.until_connecting();
  d.lose({.cause = Cause::refused});
  d.host(request_with_token("1", "1"));
  std::vector<Heard> heard;
  for (int i = 0; i < 44; ++i) {
    d.advance(1s);
    if (d.session.phase() == Phase::connecting) d.lose({.cause = Cause::refused});
    for (auto& one : take_progress(d)) heard.push_back(one);
  }
  REQUIRE(heard.size() == 4);
  for (const Heard& one : heard)
    CHECK(one.message.find("backend unreachable, reconnecting, attempt ") == 0);
  d.advance(1s);
  CHECK(settled(last_of(d.take_host())).reason == "backend-unavailable");
}

TEST_CASE("session 8: what the backend reports counts, and its values go through untouched") {
  Driver d;
  d.establish();
  d.host(request_with_token("1", "1"));
  d.advance(9s);
  d.backend(backend_progress("1", "1"));
  CHECK(d.take_host() == std::vector{backend_progress("1", "1")});
  d.advance(10s - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  const auto heard = take_progress(d);
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].value > 1);
  CHECK(heard[0].value < 1.000001);
  d.backend(backend_progress("1", "1.5"));
  CHECK(d.take_host() == std::vector{backend_progress("1", "1.5")});
}

TEST_CASE("session 8: a first value of 0 after a keepalive is moved up, and only the value") {
  Driver d;
  d.establish();
  d.host(request_with_token("1", "1"));
  d.advance(10s);
  const double ours = take_progress(d).at(0).value;
  d.backend(backend_progress("1", "0"));
  const std::string line = d.one_host_line();
  const double theirs = json::parse(line)["params"]["progress"].get<double>();
  CHECK(theirs > ours);
  CHECK(theirs < 0.001);
  CHECK(line.find(R"({"progressToken":1,"progress": )") != std::string::npos);
}

TEST_CASE("session 8: values still increase when the call is sent again on another link") {
  Settings settings = default_settings();
  settings.replay = Replay::always;
  Driver d(settings);
  d.establish();
  d.host(request_with_token("1", "1"));
  d.backend(backend_progress("1", "50"));
  d.advance(10s);
  double last = 50;
  for (const Heard& one : take_progress(d)) {
    CHECK((one.value > last || one.value == 50));
    last = std::max(last, one.value);
  }
  d.lose();
  d.go_ready();
  d.forget();
  for (const char* const value : {"0", "10", "50"}) d.backend(backend_progress("1", value));
  d.advance(10s);
  for (const Heard& one : take_progress(d)) {
    CHECK(one.value > last);
    last = one.value;
  }
  d.backend(backend_progress("1", "51"));
  CHECK(d.take_host() == std::vector{backend_progress("1", "51")});
}

TEST_CASE("session 8: a silent backend is called silent") {
  Driver d;
  d.establish();
  d.host(request_with_token("1", "1"));
  d.pongs = false;
  d.advance(40s);
  const auto heard = take_progress(d);
  REQUIRE(heard.size() == 4);
  CHECK(heard.back().message == "still running, 40 s, backend silent for 40 s");
}

TEST_CASE("session 8: a host that does not read is not buried under keepalives") {
  Driver d;
  d.establish();
  d.host_reads = false;
  for (int i = 0; i < 2000; ++i) d.host(request_with_token(std::to_string(i), std::to_string(i)));
  d.advance(30s);
  std::size_t bytes = 0;
  for (const std::string& line : d.take_host()) bytes += line.size() + 1;
  CHECK(bytes <= (64U << 10U) + 500);
}

TEST_CASE("session 8: off is off, and so is --protocol jsonrpc") {
  Settings plain = default_settings();
  plain.protocol = Protocol::jsonrpc;
  for (const Settings& settings : {with_modes({.progress = false}), plain}) {
    Driver d(settings);
    d.go_ready();
    d.host(request_with_token("1", "1"));
    d.advance(50s);
    CHECK(d.take_host().empty());
    CHECK(d.spaces == 0);
    d.backend(answer("1"));
    CHECK(d.take_host().size() == 1);
  }
}

TEST_CASE("session 8: whitespace while something is pending and the host hears nothing") {
  Driver d(with_modes({.progress = false, .whitespace = true}));
  d.establish();
  d.advance(1min);
  CHECK(d.spaces == 0);
  d.host(request("1", "tools/call"));
  d.advance(10s);
  CHECK(d.spaces == 1);
  d.advance(5s);
  d.backend(notify("n"));  // the host has heard something
  d.advance(10s - 1ns);
  CHECK(d.spaces == 1);
  d.advance(1ns);
  CHECK(d.spaces == 2);
  d.backend(answer("1"));
  d.advance(1min);
  CHECK(d.spaces == 2);
}

TEST_CASE("session 8: no space where a line is still on its way") {
  Driver d(with_modes({.progress = false, .whitespace = true}));
  d.establish();
  d.host_reads = false;
  d.host(request("1", "tools/call"));
  d.backend(notify("n"));
  d.advance(1min);
  CHECK(d.spaces == 0);
}

TEST_CASE("session 8: log messages where the session takes them") {
  struct Row {
    const char* name;
    const char* capabilities;
    const char* level;
    bool logs;
  };
  for (const Row& row :
       {Row{"no capability", "{}", "", false}, Row{"no level", R"({"logging":{}})", "", true},
        Row{"level info", R"({"logging":{}})", "info", true},
        Row{"level debug", R"({"logging":{}})", "debug", true},
        Row{"level notice", R"({"logging":{}})", "notice", false}}) {
    CAPTURE(std::string(row.name));
    Driver d(with_modes({.progress = false, .log = true}));
    d.go_ready();
    d.host(initialize("0"));
    d.backend(answer("0", R"({"protocolVersion":"2025-06-18","capabilities":)" +
                              std::string(row.capabilities) + "}"));
    d.host(notify("notifications/initialized"));
    if (*row.level != '\0') {
      d.host(request("1", "logging/setLevel", R"({"level":")" + std::string(row.level) + "\"}"));
      d.backend(answer("1"));
    }
    d.forget();
    d.host(request("2", "tools/call"));
    d.advance(35s);
    const auto lines = d.take_host();
    CHECK(lines.size() == (row.logs ? 3 : 0));
    for (const std::string& line : lines) {
      const json message = json::parse(line);
      CHECK(message["method"] == "notifications/message");
      CHECK(message["params"]["level"] == "info");
      CHECK(message["params"]["logger"] == "mcp-ws-shim");
      CHECK(message["params"]["data"].get<std::string>().find("still running, ") !=
            std::string::npos);
    }
  }
}

TEST_CASE(
    "session 8: the first log message comes an interval after the request, whatever else was") {
  Driver d(with_modes({.progress = false, .log = true}));
  d.go_ready();
  d.host(initialize("0"));
  d.backend(answer("0", R"({"protocolVersion":"2025-06-18","capabilities":{"logging":{}}})"));
  d.host(notify("notifications/initialized"));
  d.host(request("1", "tools/call"));
  d.advance(5s);
  d.host(request("2", "tools/call"));
  d.advance(4s);
  d.backend(answer("1"));
  d.forget();
  d.advance(6s - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  CHECK(d.take_host().size() == 1);
  d.advance(10s - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  CHECK(d.take_host().size() == 1);
}

TEST_CASE("session 8: progress that was asked for counts also before any initialize") {
  Settings settings = default_settings();
  settings.request_timeout = 20s;
  settings.keepalive_interval = 1min;
  Driver d(settings);
  d.go_ready();
  d.host(request_with_token("1", "\"t\""));
  for (int i = 1; i <= 3; ++i) {
    d.advance(14s);
    d.backend(progress("\"t\""));
  }
  CHECK(d.take_host().size() == 3);
  d.backend(progress("\"other\""));  // not known to be MCP's
  CHECK(d.take_host().size() == 1);
}

TEST_CASE("session 8: a progress token is a string or a number") {
  for (const char* const token : {"null", "true", "{}", "[1]"}) {
    CAPTURE(token);
    Driver d;
    d.go_ready();
    d.host(request_with_token("1", token));
    d.advance(1min);
    CHECK(d.take_host().empty());
  }
}

TEST_CASE("session 8: in the modern era a request says itself whether it takes log messages") {
  struct Row {
    const char* level;
    const char* capabilities;  ///< as the backend was discovered to have; empty: it was not
    bool takes;
  };
  for (const Row& row :
       {Row{"", "", false}, Row{"info", "", true}, Row{"debug", "", true}, Row{"notice", "", false},
        Row{"info", R"({"logging":{}})", true}, Row{"info", R"({"tools":{}})", false}}) {
    CAPTURE(std::string(row.level) + " " + row.capabilities);
    Driver d(with_modes({.progress = false, .log = true}));
    d.go_ready();
    if (*row.capabilities != '\0') {
      d.host(discover("0"));
      d.backend(answer("0", R"({"capabilities":)" + std::string(row.capabilities) + "}"));
      d.forget();
    }
    std::string level;
    if (*row.level != '\0')
      level = R"(,"io.modelcontextprotocol/logLevel":")" + std::string(row.level) + "\"";
    d.host(request(
        "1", "tools/call",
        R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28")" + level + "}}"));
    d.advance(10s);
    CHECK(d.take_host().size() == (row.takes ? 1 : 0));
  }
}

TEST_CASE("session 8: no log message about what the backend reports on itself") {
  Driver d(with_modes({.progress = false, .log = true}));
  d.go_ready();
  d.host(initialize("0"));
  d.backend(answer("0", R"({"protocolVersion":"2025-06-18","capabilities":{"logging":{}}})"));
  d.host(notify("notifications/initialized"));
  d.host(request_with_token("1", "\"t\""));
  d.forget();
  for (int i = 1; i <= 10; ++i) {
    d.advance(5s);
    d.backend(backend_progress("\"t\"", std::to_string(i)));
  }
  CHECK(take_progress(d).size() == 10);
  d.advance(20s);
  CHECK(d.take_host().size() >= 1);
}

TEST_CASE("session 8: nothing about other requests while initialize is waited for") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.host(request_with_token("1", "\"t\""));
  d.advance(1min);
  CHECK(d.take_host().empty());
  d.backend(initialize_answer("0"));
  d.forget();
  d.advance(10s);
  CHECK(take_progress(d).size() == 1);
}

}  // namespace
}  // namespace shim::test
