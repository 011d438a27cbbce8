// What the host hears of requests that take long (contract 8).

#include <doctest/doctest.h>

#include <limits>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

constexpr Millis interval = 200ms;

Arguments keeping(const std::string& modes = "progress") {
  return quick() + Arguments{"--keepalive", modes, "--keepalive-interval", flag(interval)};
}

Json with_token(const Json& token, const std::string& tool, const Json& arguments) {
  return {{"name", tool}, {"arguments", arguments}, {"_meta", {{"progressToken", token}}}};
}

Json sleeping(Millis span, Millis progress = 0ms) {
  return {{"ms", scaled(span).count()}, {"progress_every_ms", scaled(progress).count()}};
}

/// The progress notifications under a token of exactly this type, in order.
std::vector<const Line*> progress(const Host& host, const Json& token) {
  std::vector<const Line*> out;
  for (const Line& line : host.lines()) {
    if (line.json.value("method", "") != "notifications/progress") continue;
    if (line.json["params"]["progressToken"].dump() == token.dump()) out.push_back(&line);
  }
  return out;
}

std::vector<double> values(const std::vector<const Line*>& lines) {
  std::vector<double> out;
  for (const Line* line : lines) out.push_back(line->json["params"]["progress"].get<double>());
  return out;
}

void check_increasing(const std::vector<double>& values) {
  double last = -std::numeric_limits<double>::infinity();
  for (const double value : values) {
    CHECK(value > last);
    last = value;
  }
}

/// Neither sooner than the interval nor, on average, much later.
void check_pace(const std::vector<const Line*>& lines) {
  for (std::size_t i = 1; i < lines.size(); ++i) {
    CHECK(lines[i]->at - lines[i - 1]->at >= scaled(interval) / 2);
  }
}

void check_message(const Line& line, std::string_view part) {
  check_holds(line.json["params"]["message"].get<std::string>(), part);
}

const Line* find_answer(const Host& host, int id) {
  for (const Line& line : host.lines()) {
    if (line.json.contains("id") && line.json["id"] == id) return &line;
  }
  return nullptr;
}

/// Nothing about this token came behind the answer.
void check_over(Host& host, const Json& token, int id) {
  const Line* const answer = find_answer(host, id);
  REQUIRE(answer != nullptr);
  host.linger(scaled(interval * 3));
  for (const Line* line : progress(host, token)) CHECK(line <= find_answer(host, id));
}

}  // namespace

TEST_CASE("keepalive: progress for a call that waits for a backend, until its queue timeout") {
  Backend backend;
  Host host(keeping() + Arguments{"--queue-timeout", flag(interval * 7)} + backend.url());
  const auto asked = Clock::now();
  const int call = host.request("tools/call", with_token("t", "counter", Json::object()));
  host.expect_tool_failure(call, "backend-unavailable");
  CHECK(since(asked) <= allowed(interval * 7));  // a keepalive is no life
  const auto told = progress(host, "t");
  CHECK(told.size() >= 3);
  check_increasing(values(told));
  check_pace(told);
  for (const Line* line : told) check_message(*line, "backend unreachable, reconnecting, attempt ");
  check_over(host, "t", call);
}

TEST_CASE("keepalive: progress for a call that the backend says nothing about") {
  Backend backend(Arguments{});
  Host host(keeping() + backend.url());
  host.initialize();
  const int call = host.request("tools/call", with_token("t", "sleep", sleeping(interval * 8)));
  host.expect_text(call);
  const auto told = progress(host, "t");
  CHECK(told.size() >= 4);
  CHECK(told.size() <= 8);
  check_increasing(values(told));
  check_pace(told);
  CHECK(values(told).back() < 1e-6);  // below whatever a backend begins with
  for (const Line* line : told) check_message(*line, "still running, ");
  check_over(host, "t", call);
}

TEST_CASE("keepalive: progress while the backend is stopped, and while it is gone") {
  Backend backend(Arguments{});
  Host host(keeping() + Arguments{"--ping-interval", flag(300ms), "--pong-timeout", flag(300ms)} +
            backend.url());
  host.initialize();
  host.expect_result(host.request("tools/list"));
  const int call = host.request("tools/call", with_token(5, "sleep", sleeping(60s)));
  host.expect("the backend runs it", [&] { return !backend.executed().empty(); });
  backend.freeze();
  host.linger(scaled(interval * 8));
  const auto told = progress(host, 5);
  REQUIRE(told.size() >= 4);
  check_increasing(values(told));
  check_message(*told.back(), "backend silent for ");

  // A call that may be repeated waits for the next link, and goes on to be told of.
  const int again = host.request("tools/call", with_token("again", "echo", {{"text", "again"}}));
  host.linger(scaled(interval * 2));
  backend.kill();
  host.expect_tool_failure(call, "outcome-unknown");
  host.linger(scaled(interval * 4));
  check_increasing(values(progress(host, "again")));
  check_message(*progress(host, "again").back(), "backend unreachable, reconnecting");
  backend.start();
  CHECK(host.expect_text(again) == "again");
  check_over(host, 5, call);
  check_over(host, "again", again);
}

TEST_CASE("keepalive: values stay between those of the backend") {
  RawServer server;
  Host host(keeping() + Arguments{"--protocol", "mcp"} + server.url());
  RawConnection backend = server.accept();
  backend.become_ready();
  const int call = host.request("tools/call", with_token("t", "x", Json::object()));
  (void)backend.receive_text();
  const std::vector<std::string> reported{
      "0", "1", "2", "2.000001", "2.5", "1e3", "9007199254740993"};
  for (const std::string& value : reported) {
    host.linger(scaled(interval * 5 / 2));
    backend.send_text(
        R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":)" +
        value + "}}");
  }
  host.linger(scaled(interval * 5 / 2));
  backend.send_text(R"({"jsonrpc":"2.0","id":1,"result":{"content":[]}})");
  host.expect_result(call);
  const auto told = progress(host, "t");
  check_increasing(values(told));
  CHECK(told.size() >= reported.size() * 2);
  // What the backend says passes as it is spelt, but for a 0 behind a value of the shim's own.
  for (const std::string& value : reported) {
    if (value == "0") continue;
    const auto passed = std::ranges::count_if(told, [&](const Line* line) {
      return line->text.find(R"("progress":)" + value + "}") != std::string::npos;
    });
    CHECK_MESSAGE(passed == 1, value);
  }
  check_over(host, "t", call);
}

TEST_CASE("keepalive: none is needed for a backend that reports often enough") {
  Backend backend(Arguments{});
  Host host(keeping() + backend.url());
  host.initialize();
  const int call =
      host.request("tools/call", with_token("t", "sleep", sleeping(interval * 6, interval / 4)));
  host.expect_text(call);
  const auto told = progress(host, "t");
  check_increasing(values(told));
  CHECK(told.size() >= 20);
  std::size_t ours = 0;
  for (const Line* line : told) ours += line->json["params"].contains("message") ? 1 : 0;
  CHECK(ours <= 2);  // a machine under load
}

TEST_CASE("keepalive: each token keeps its type and spelling") {
  Backend backend(Arguments{});
  Host host(keeping() + backend.url());
  host.initialize();
  std::vector<int> calls;
  for (const char* token : {"7", R"("7")", R"("a\"b\\c\u00e9")", "9007199254740991", R"("")"}) {
    const int id = 100 + static_cast<int>(calls.size());
    host.send(R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
              R"(,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":)" +
              std::to_string(scaled(interval * 4).count()) + R"(},"_meta":{"progressToken":)" +
              token + "}}}");
    calls.push_back(id);
  }
  for (const int id : calls) host.expect_text(id);
  for (const char* token : {"7", R"("7")", R"("a\"b\\c\u00e9")", "9007199254740991", R"("")"}) {
    const std::string part = R"("progressToken":)" + std::string(token) + ",";
    const auto told = std::ranges::count_if(
        host.lines(), [&](const Line& line) { return line.text.find(part) != std::string::npos; });
    CHECK_MESSAGE(told >= 2, token);
  }
}

TEST_CASE("keepalive: a request without a token is not told of, and `off` means none") {
  for (const bool off : {false, true}) {
    CAPTURE(off);
    Backend backend(Arguments{});
    Host host(keeping(off ? "off" : "progress") + backend.url());
    host.initialize();
    const int call =
        off ? host.request("tools/call", with_token("t", "sleep", sleeping(interval * 4)))
            : host.call("sleep", sleeping(interval * 4));
    host.expect_text(call);
    for (const Line& line : host.lines()) CHECK_FALSE(line.json.contains("method"));
  }
}

TEST_CASE("keepalive: as log messages, if the host's level allows them") {
  Backend backend(Arguments{});
  Host host(keeping("log") + backend.url());
  host.initialize();
  const auto logged = [&] {
    std::vector<const Line*> out;
    for (const Line& line : host.lines()) {
      if (line.json.value("method", "") == "notifications/message") out.push_back(&line);
    }
    return out;
  };
  const int call = host.call("sleep", sleeping(interval * 8));
  host.expect_text(call);
  CHECK(logged().size() >= 4);
  for (const Line* line : logged()) {
    const Json& params = line->json["params"];
    CHECK(params["level"] == "info");
    CHECK(params["logger"] == "mcp-ws-shim");
    check_holds(params["data"].get<std::string>(),
                "request " + std::to_string(call) + ": still running, ");
    CHECK(line < find_answer(host, call));
  }
  check_pace(logged());
  host.linger(scaled(interval * 3));
  const std::size_t before = logged().size();

  host.expect_result(host.request("logging/setLevel", {{"level", "warning"}}));
  host.expect_text(host.call("sleep", sleeping(interval * 4)));
  CHECK(logged().size() == before);
}

TEST_CASE("keepalive: as white space between lines") {
  Backend backend(Arguments{});
  Host host(keeping("whitespace") + backend.url());
  host.initialize();
  const int call = host.call("sleep", sleeping(interval * 8));
  host.expect_text(call);
  const std::string text = find_answer(host, call)->text;
  const std::size_t spaces = text.find('{');
  CHECK(spaces >= 4);
  CHECK(spaces <= 8);
  CHECK(text.substr(0, spaces) == filler(spaces, ' '));
  // With nothing pending there is none.
  host.linger(scaled(interval * 3));
  const int quick = host.call("echo", {{"text", "x"}});
  host.expect_text(quick);
  CHECK(find_answer(host, quick)->text.front() == '{');
}

TEST_CASE("keepalive: all modes together") {
  Backend backend(Arguments{});
  Host host(keeping("progress,log,whitespace") + backend.url());
  host.initialize();
  const int call = host.request("tools/call", with_token("t", "sleep", sleeping(interval * 6)));
  host.expect_text(call);
  CHECK(progress(host, "t").size() >= 3);
  check_over(host, "t", call);
}

}  // namespace e2e
