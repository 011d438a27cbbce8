// What the host may write, how it is answered, and that messages pass byte for byte (contract 3
// and 5.0).

#include <doctest/doctest.h>

#include "backend.hpp"
#include "host.hpp"

namespace e2e {
namespace {

/// A shim that is ready, with both its ends in the hands of the test.
struct Wire {
  RawServer server;
  Host host;
  RawConnection backend;

  explicit Wire(const Arguments& flags = {})
      : host(quick() + flags + server.url(), {.plain = true}), backend(server.accept()) {
    backend.become_ready();
    host.expect_log("ready: ");
  }

  /// The next line the host gets.
  std::string next_line() {
    const std::size_t have = seen_++;
    host.expect("a line", [&] { return host.lines().size() > have; });
    return host.lines()[have].text;
  }

  /// Sends `line` and returns what it is answered with on the spot.
  Json refusal(std::string_view line) {
    host.send(line);
    return Json::parse(next_line());
  }

 private:
  std::size_t seen_ = 0;
};

/// Texts that a parser and a serialiser in between would change.
const std::vector<std::string> odd_values{
    "1.0",
    "-0",
    "1E400",
    "1e999",
    "123456789012345678901234567890",
    "0.1000000000000000055511151231257827",
    R"("\ud800")",
    R"("\u0041\/\b\u000a")",
    "\"\u00e9\u4e2d\U0001f600\u2028\"",
    R"({"b":1,"a":2,"b":3})",
    "[ 1 ,\t2 , [ ] , { } ]",
    R"({"":"","x":{"jsonrpc":"1.0","id":9,"method":"not this one"}})",
    "\"\x7f\"",
};

void check_error(const Json& answer, const Json& id, int code) {
  CAPTURE(answer.dump());
  CHECK(answer["jsonrpc"] == "2.0");
  REQUIRE(answer.contains("id"));
  CHECK(answer["id"] == id);
  CHECK(answer["error"]["code"] == code);
}

}  // namespace

TEST_CASE("messages: odd spellings pass from the host to the backend byte for byte") {
  Wire wire;
  for (const std::string& value : odd_values) {
    CAPTURE(value);
    const std::string line =
        R"( {"params" : {"value":)" + value + R"(}, "jsonrpc":"2.0" ,"method":"x/note"} )";
    wire.host.send(line);
    // White space around the message may go; what stands between the braces may not change.
    const std::string text = wire.backend.receive_text();
    CHECK(text.find(line.substr(1, line.size() - 2)) != std::string::npos);
  }
}

TEST_CASE("messages: odd spellings pass from the backend to the host byte for byte") {
  Wire wire;
  for (const std::string& value : odd_values) {
    CAPTURE(value);
    const std::string text =
        R"({"params" : {"value":)" + value + R"(}, "jsonrpc":"2.0" ,"method":"x/note"})";
    wire.backend.send_text(text);
    CHECK(wire.next_line() == text);
  }
}

TEST_CASE("messages: ids keep their type and spelling in both directions") {
  Wire wire;
  for (const char* id : {"1", "1.0", "1e0", R"("1")", R"("\u0061")", R"("a b")", "-7",
                         "123456789012345678901234567890", R"("")"}) {
    CAPTURE(id);
    const std::string request =
        R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"method":"x/any"})";
    wire.host.send(request);
    CHECK(wire.backend.receive_text() == request);
    const std::string answer =
        R"({"jsonrpc":"2.0","result":{"of":)" + std::string(id) + R"(},"id":)" + id + "}";
    wire.backend.send_text(answer);
    CHECK(wire.next_line() == answer);
  }
}

TEST_CASE("messages: the answer to 1.0 is not the answer to 1") {
  Wire wire;
  wire.host.send(R"({"jsonrpc":"2.0","id":1,"method":"x/any"})");
  wire.backend.receive_text();
  wire.backend.send_text(R"({"jsonrpc":"2.0","id":1.0,"result":"wrong"})");
  wire.backend.send_text(R"({"jsonrpc":"2.0","id":"1","result":"wrong"})");
  wire.backend.send_text(R"({"jsonrpc":"2.0","id":1,"result":"right"})");
  CHECK(Json::parse(wire.next_line())["result"] == "right");
}

TEST_CASE("messages: line breaks in a backend's frame become spaces") {
  Wire wire;
  wire.backend.send_text("{\r\n  \"jsonrpc\": \"2.0\",\n\t\"method\": \"x/note\"\r\n}\n");
  const std::string line = wire.next_line();
  CHECK(line.find('\r') == std::string::npos);
  check_holds(line, "  \"jsonrpc\": \"2.0\", \t\"method\": \"x/note\"");
}

TEST_CASE("messages: blank lines are ignored and CR before LF is accepted") {
  Wire wire;
  wire.host.send_raw("\n\r\n  \t \n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n\r\n");
  CHECK(Json::parse(wire.next_line())["id"] == 1);
  wire.host.send(R"({"jsonrpc":"2.0","id":2,"method":"ping"})");
  CHECK(Json::parse(wire.next_line())["id"] == 2);
}

TEST_CASE("messages: a line in many small pieces is one line") {
  Wire wire;
  const std::string line = R"({"jsonrpc":"2.0","id":"\u00e9é","method":"ping"})";
  for (const char c : line) {
    wire.host.send_raw(std::string(1, c));
    wire.host.linger(1ms);
  }
  wire.host.send_raw("\n");
  check_holds(wire.next_line(), R"("id":"\u00e9é")");
}

TEST_CASE("messages: invalid JSON is answered with -32700") {
  Wire wire;
  check_error(wire.refusal("hello"), nullptr, -32700);
  check_error(wire.refusal(R"({"jsonrpc":"2.0","method":"x","id":7,)"), 7, -32700);
  check_error(wire.refusal(R"({"jsonrpc":"2.0","id":"seven","method":"x",})"), "seven", -32700);
  check_error(wire.refusal(R"({"jsonrpc":"2.0","id":8,"method":"x"} trailing)"), 8, -32700);
  check_error(wire.refusal("{\"jsonrpc\":\"2.0\",\"method\":\"x\xff\"}"), nullptr, -32700);
  check_error(wire.refusal("{\"jsonrpc\":\"2.0\",\"method\":\"a\tb\"}"), nullptr, -32700);
  check_error(wire.refusal("\xef\xbb\xbf{}"), nullptr, -32700);
  check_error(wire.refusal("[1,2"), nullptr, -32700);
}

TEST_CASE("messages: JSON that is no JSON-RPC message is answered with -32600") {
  Wire wire;
  check_error(wire.refusal("{}"), nullptr, -32600);
  check_error(wire.refusal("1"), nullptr, -32600);
  check_error(wire.refusal(R"("text")"), nullptr, -32600);
  check_error(wire.refusal("null"), nullptr, -32600);
  check_error(wire.refusal(R"({"jsonrpc":"2.0","id":3})"), 3, -32600);
  check_error(wire.refusal(R"({"jsonrpc":"1.0","id":4,"method":"x"})"), 4, -32600);
  check_error(wire.refusal(R"({"id":"five","method":"x"})"), "five", -32600);
  check_error(wire.refusal(R"({"jsonrpc":"2.0","id":6,"method":7})"), 6, -32600);
  check_error(wire.refusal(R"({"jsonrpc":"2.0","id":null,"method":"x"})"), nullptr, -32600);
  check_error(wire.refusal(R"({"jsonrpc":"2.0","id":[1],"method":"x"})"), nullptr, -32600);
  check_error(wire.refusal("[]"), nullptr, -32600);
}

TEST_CASE("messages: a line that is too long is answered by its id and the next one is served") {
  Wire wire({"--max-message", "64KiB"});
  const std::string filler(100'000, 'x');
  check_error(
      wire.refusal(R"({"jsonrpc":"2.0","id":1,"method":"x","params":[")" + filler + R"("]})"), 1,
      31005);
  check_error(
      wire.refusal(R"({"jsonrpc":"2.0","method":"x","params":[")" + filler + R"("],"id":"z"})"),
      "z", 31005);
  check_error(wire.refusal(filler), nullptr, 31005);
  // An id inside of the parameters is not the message's.
  check_error(wire.refusal(R"({"jsonrpc":"2.0","method":"x","params":{"id":5,"t":")" + filler +
                           R"("},"id":6})"),
              6, 31005);
  wire.host.send(R"({"jsonrpc":"2.0","id":2,"method":"ping"})");
  CHECK(Json::parse(wire.next_line())["id"] == 2);
}

TEST_CASE("messages: the longest line allowed passes, one byte more does not") {
  Wire wire({"--max-message", "64KiB"});
  const auto note_of = [](std::size_t bytes) {
    const std::string start = R"({"jsonrpc":"2.0","method":"x","params":[")";
    return start + std::string(bytes - start.size() - 3, 'y') + R"("]})";
  };
  const std::string longest = note_of(65536);
  wire.host.send(longest);
  wire.host.flush();
  CHECK(wire.backend.receive_text() == longest);
  wire.host.send(note_of(65537));
  CHECK(Json::parse(wire.next_line())["error"]["code"] == 31005);
}

TEST_CASE("messages: a tools/call that is too long fails as a tool does") {
  Backend backend(Arguments{});
  Host host(quick() + Arguments{"--max-message", "64KiB"} + backend.url());
  host.initialize();
  const int id = host.call("echo", {{"text", filler(100'000, 'x')}});
  const Json facts = host.expect_tool_failure(id, "message-too-large");
  CHECK(facts["delivered"] == false);
}

TEST_CASE("messages: an id that is still pending is refused, and free again afterwards") {
  Wire wire;
  const std::string request = R"({"jsonrpc":"2.0","id":5,"method":"x/slow"})";
  wire.host.send(request);
  CHECK(wire.backend.receive_text() == request);
  check_error(wire.refusal(R"({"jsonrpc":"2.0","id":5,"method":"x/other"})"), 5, -32600);
  wire.backend.send_text(R"({"jsonrpc":"2.0","id":5,"result":1})");
  CHECK(Json::parse(wire.next_line())["result"] == 1);
  wire.host.send(request);
  CHECK(wire.backend.receive_text() == request);
}

TEST_CASE("messages: a batch of the host is taken apart and each answer is a line") {
  Backend backend(Arguments{});
  Host host(quick() + backend.url());
  host.initialize();
  host.send(R"([{"jsonrpc":"2.0","id":"a","method":"tools/list"},)"
            R"({"jsonrpc":"2.0","method":"notifications/in-a-batch"}, 7,)"
            R"({"jsonrpc":"2.0","id":"b","method":"ping"}])");
  CHECK(host.expect_result("a").contains("tools"));
  CHECK(host.expect_result("b") == Json::object());
  host.expect_error(nullptr, -32600);
  host.expect("the notification arrives", backend.has_received("notifications/in-a-batch"));
  for (const Json& message : backend.received()) CHECK_FALSE(message.is_array());
}

TEST_CASE("messages: with --protocol jsonrpc no method has a meaning") {
  Backend backend(Arguments{"--echo-any"});
  Host host(quick() + Arguments{"--protocol", "jsonrpc"} + backend.url());
  CHECK(host.expect_result(host.request("ping", {{"n", 1}}))["echo"]["n"] == 1);
  CHECK(host.expect_result(host.request("initialize", {{"n", 2}}))["echo"]["n"] == 2);
  backend.restart({"--echo-any"});
  CHECK(host.expect_result(host.request("x/y", Json::array({1, 2})))["echo"] ==
        Json::array({1, 2}));
  CHECK_FALSE(backend.has_received("initialize")());  // no session is resumed
}

}  // namespace e2e
