// Contract 3, 9 and 11: what the messages of either side may be, and what the shim says itself.

#include <array>

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

Settings with(ToolErrors tool_errors) {
  Settings settings = default_settings();
  settings.tool_errors = tool_errors;
  return settings;
}

TEST_CASE(
    "session 5.0: while ready a request goes out at once and its answer comes back, byte for "
    "byte") {
  const std::array texts{
      R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a"}})",
      R"( { "id" : 7 , "jsonrpc":"2.0", "method":"tools\/call" }	)",
      R"({"method":"x/\u0079","id":7,"jsonrpc":"2.0","params":[1e999,-0.0,9007199254740993]})",
      R"({"jsonrpc":"2.0","id":7,"method":"m","params":{"lone":"\ud800","a":1,"a":2,"é":"\/"}})",
  };
  const std::array answers{
      R"({"jsonrpc":"2.0","id":7,"result":{}})",
      R"(  {"result":[1e-999, 1E+400],"id":7  ,"jsonrpc":"2.0"} )",
      R"({"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"\ud800","data":[[]]}})",
      R"({"jsonrpc":"2.0","id":7,"result":null,"extra":{"id":8}})",
  };
  Driver d;
  d.go_ready();
  for (const std::string text : texts) {
    for (const std::string back : answers) {
      CAPTURE(text);
      CAPTURE(back);
      d.forget();
      d.host(text);
      CHECK(d.take_link() == std::vector{text});
      d.backend(back);
      CHECK(d.take_host() == std::vector{back});
      CHECK(d.session.pending().empty());
    }
  }
}

TEST_CASE("session 5.0: line breaks inside a backend frame become spaces, all else stays") {
  Driver d;
  d.go_ready();
  d.host(request("7", "m"));
  d.forget();
  d.backend("{\"jsonrpc\":\"2.0\",\r\n\t\"id\":7,\n\"result\":\"a\\nb\"}\n");
  CHECK(d.one_host_line() == "{\"jsonrpc\":\"2.0\",  \t\"id\":7, \"result\":\"a\\nb\"} ");
  d.backend("{\"jsonrpc\":\"2.0\",\n\"method\":\"note\"}");
  CHECK(d.one_host_line() == R"({"jsonrpc":"2.0", "method":"note"})");
  d.backend("{\"jsonrpc\":\"2.0\",\n\"method\":\"roots/list\",\r\"id\":0}");
  const std::string asked = d.one_host_line();
  CHECK(asked.find_first_of("\r\n") == std::string::npos);
  CHECK(method_of(asked) == "roots/list");
}

TEST_CASE("session 11: a backend message that is no valid answer settles the request it names") {
  struct Row {
    std::string name;
    std::string text;
  };
  const std::array rows{
      Row{"neither result nor error", R"({"jsonrpc":"2.0","id":7})"},
      Row{"both", R"({"jsonrpc":"2.0","id":7,"result":1,"error":{"code":1,"message":""}})"},
      Row{"error is no object", R"({"jsonrpc":"2.0","id":7,"error":"no"})"},
      Row{"error without a code", R"({"jsonrpc":"2.0","id":7,"error":{"message":"m"}})"},
      Row{"error with a fractional code",
          R"({"jsonrpc":"2.0","id":7,"error":{"code":1.5,"message":"m"}})"},
      Row{"error without a message", R"({"jsonrpc":"2.0","id":7,"error":{"code":1}})"},
      Row{"no jsonrpc", R"({"id":7,"result":1})"},
      Row{"jsonrpc 1.0", R"({"jsonrpc":"1.0","id":7,"result":1})"},
      Row{"result twice", R"({"jsonrpc":"2.0","id":7,"result":1,"result":2})"},
      Row{"id twice, the same", R"({"jsonrpc":"2.0","id":7,"id":7,"result":2})"},
      Row{"cut off", R"({"jsonrpc":"2.0","id":7,"result":{"a":[1,2)"},
      Row{"trailing bytes", R"({"jsonrpc":"2.0","id":7,"result":1}x)"},
      Row{"a trailing comma", R"({"jsonrpc":"2.0","id":7,"result":1,})"},
      Row{"invalid UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\xff\"}"},
      Row{"an overlong encoding", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\xc0\xaf\"}"},
      Row{"a control character in a string", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\x01\"}"},
      Row{"NaN", R"({"jsonrpc":"2.0","id":7,"result":NaN})"},
      Row{"too deep", R"({"jsonrpc":"2.0","id":7,"result":)" + std::string(128, '[') +
                          std::string(128, ']') + "}"},
      Row{"a method beside the result", R"({"jsonrpc":"2.0","id":7,"method":"m","result":1})"},
      Row{"a method of another type", R"({"method":1,"id":7,"jsonrpc":"2.0","result":1})"},
      Row{"a bad element of a batch", R"([{"jsonrpc":"2.0","id":7,"result":tru}])"},
      Row{"a batch cut off", R"([{"jsonrpc":"2.0","id":7,"result":1},)"},
      Row{"an element too deep", R"([{"jsonrpc":"2.0","id":7,"result":)" + std::string(128, '[') +
                                     std::string(128, ']') + "}]"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d(with(ToolErrors::error));
    d.establish();
    d.host(request("7", "tools/call"));
    d.host(request("8", "tools/call"));
    d.forget();
    d.backend(row.text);
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == "7");
    CHECK(told.code == 31007);
    CHECK(told.reason == "bad-backend-message");
    CHECK(told.delivered);
    CHECK_FALSE(told.retryable);
    CHECK(d.dropped(Drop::bad_backend_message) == 1);
    CHECK(d.session.phase() == Phase::ready);
    CHECK(d.session.pending().size() == 1);
    d.backend(answer("7"));
    CHECK(d.take_host().empty());
    CHECK(d.answers_to("7") == 1);
  }
}

TEST_CASE("session 11: an answer that is not valid settles its request, however long its id") {
  const std::string id = '"' + std::string(300, 'i') + '"';
  for (const std::string& text :
       {R"({"id":)" + id + R"(,"result":1})", R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":01})",
        R"({"jsonrpc":"2.0","result":1,"id":)" + id}) {
    CAPTURE(text);
    Driver d;
    d.go_ready();
    d.host(request(id, "m"));
    d.backend(text);
    CHECK(settled(d.one_host_line()).reason == "bad-backend-message");
    CHECK(d.session.pending().empty());
  }
}

TEST_CASE("session 11: a batch that is not valid settles every request that it answers") {
  struct Row {
    std::string name;
    std::string text;
    bool too_long = false;
  };
  const std::string both = answer("1") + "," + answer("\"b\"");
  std::string many = "[" + answer("1");
  for (std::size_t i = 0; i < jsonrpc::batch_max; ++i) many += "," + notify("n");
  many += "," + answer("\"b\"") + "]";
  const std::array rows{
      Row{"one element is broken", "[" + both + R"(,{"jsonrpc":"2.0","id":3,"result":tru}])"},
      Row{"cut off", "[" + both + ","},
      Row{"too many elements", many},
      Row{"too long", "[" + both + R"(,{"x":"yyy)", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.go_ready();
    for (const char* const id : {"1", "\"b\"", "4"}) d.host(request(id, "m"));
    IdScanner found;
    found.feed(row.text);
    if (row.too_long) {
      d.feed(event::LinkMessageTooLong{d.session.epoch(), found});
    } else {
      d.backend(row.text);
    }
    const auto told = d.take_host();
    REQUIRE(told.size() == 2);
    CHECK(settled(told[0]).id == "1");
    CHECK(settled(told[0]).reason == "bad-backend-message");
    CHECK(settled(told[1]).id == "\"b\"");
    CHECK(d.session.pending().size() == 1);
  }
}

TEST_CASE("session 3: an element of a batch may nest as deeply as it may alone") {
  const std::string deep = std::string(127, '[') + std::string(127, ']');
  const std::string up = request("1", "m", deep);
  Driver d;
  d.go_ready();
  d.host("[" + up + "," + request("2", "m", "[" + deep + "]") + "]");
  CHECK(d.take_link() == std::vector{up});
  const Settled refused = settled(d.one_host_line());
  CHECK(refused.id == "2");
  CHECK(refused.code == -32600);
  d.backend("[" + answer("1", deep) + "]");
  CHECK(d.one_host_line() == answer("1", deep));
}

TEST_CASE("session 3: each request in a batch that cannot be read is answered") {
  std::string many = "[" + request("1", "m");
  for (std::size_t i = 0; i < jsonrpc::batch_max; ++i) many += "," + notify("n");
  many += "," + request("\"b\"", "m") + "]";
  const std::array texts{many, "[" + request("1", "m") + "," + request("\"b\"", "m") + ",]"};
  for (const std::string& text : texts) {
    Driver d;
    d.host(text);
    const auto told = d.take_host();
    REQUIRE(told.size() == 2);
    CHECK(settled(told[0]).id == "1");
    CHECK(settled(told[1]).id == "\"b\"");
  }
  IdScanner found;
  found.feed("[" + request("1", "m") + "," + request("2", "tools/call") + R"(,{"x":")");
  Driver d;
  d.feed(event::HostLineTooLong{found});
  const auto told = d.take_host();
  REQUIRE(told.size() == 2);
  CHECK(settled(told[0]).code == 31005);
  CHECK(settled(told[1]).is_tool_result);
}

TEST_CASE(
    "session 12: a line with too many values is refused under its id, and the reason is said") {
  std::string text = R"({"jsonrpc":"2.0","id":77,"method":"m","params":[0)";
  for (std::size_t i = 0; i < jsonrpc::tokens_max / 2; ++i) text += ",0";
  Driver d;
  d.host(text + "]}");
  const std::string line = d.one_host_line();
  CHECK(settled(line).id == "77");
  CHECK(line.find("more values than can be read") != std::string::npos);
}

TEST_CASE("session 11: a bad backend message that names nothing in flight settles nothing") {
  struct Row {
    std::string name;
    std::string text;
  };
  const std::array rows{
      Row{"empty", ""},
      Row{"blank", "  "},
      Row{"a scalar", "7"},
      Row{"a string", "\"7\""},
      Row{"an empty object", "{}"},
      Row{"a byte order mark", "\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"method\":\"m\"}"},
      Row{"another id", R"({"jsonrpc":"2.0","id":9})"},
      Row{"an id of another type", R"({"jsonrpc":"2.0","id":"7"})"},
      Row{"an id below the top level", R"({"jsonrpc":"2.0","x":{"id":7}})"},
      Row{"a bad request", R"({"jsonrpc":"2.0","id":7,"method":5})"},
      Row{"a request with a null id", R"({"jsonrpc":"2.0","id":null,"method":"m"})"},
      Row{"a request cut off", R"({"jsonrpc":"2.0","method":"m","id":7,"params":{)"},
      Row{"two values", R"({} {})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.establish();
    d.host(request("7", "tools/call"));
    d.forget();
    d.backend(row.text);
    CHECK(d.take_host().empty());
    CHECK(d.take_link().empty());
    CHECK(d.dropped(Drop::bad_backend_message) == 1);
    CHECK(d.session.pending().size() == 1);
    CHECK(d.session.phase() == Phase::ready);
    d.backend(answer("7"));
    CHECK(d.one_host_line() == answer("7"));
  }
}

TEST_CASE("session 11: an answer that is too long settles its request, a binary frame nothing") {
  Driver d;
  d.establish();
  d.host(request("7", "resources/read"));
  d.forget();
  d.feed(event::LinkBinary{d.session.epoch()});
  CHECK(d.take_host().empty());
  CHECK(d.dropped(Drop::binary_frame) == 1);

  IdScanner note;
  note.feed(R"({"jsonrpc":"2.0","method":"m","id":7,"params":"xx)");
  d.feed(event::LinkMessageTooLong{d.session.epoch(), note});
  CHECK(d.take_host().empty());

  IdScanner found;
  found.feed(R"({"jsonrpc":"2.0","id":7,"result":"xx)");
  d.feed(event::LinkMessageTooLong{d.session.epoch() - 1, found});  // a stale link
  CHECK(d.take_host().empty());
  d.feed(event::LinkMessageTooLong{d.session.epoch(), found});
  const std::string told = d.one_host_line();
  CHECK(settled(told).code == 31007);
  CHECK(told.find("was longer than 64MiB (--max-message) and cannot be shown") !=
        std::string::npos);
  CHECK(d.dropped(Drop::bad_backend_message) == 2);
}

TEST_CASE("session 11: host and log are told what is wrong with an answer") {
  const auto check = [](const std::string& text, const std::string& why) {
    CAPTURE(text);
    Driver d;
    d.establish();
    d.host(request("7", "resources/read"));
    d.forget();
    d.backend(text);
    CHECK(d.one_host_line().find("was not a valid message (" + why + ")") != std::string::npos);
    CHECK(d.logged("bytes; " + why, LogLevel::warn) == 1);
  };
  check(R"({"jsonrpc":"2.0","id":7,"result":1,})", "it is not valid UTF-8 JSON");
  check(R"({"jsonrpc":"2.0","id":7,"result":1,"result":2})", "a member stands twice");
  check(R"({"id":7,"result":1})", "it is JSON, but not JSON-RPC 2.0");
}

TEST_CASE("session 9: --tool-errors decides the form in which a failed tools/call is settled") {
  struct Row {
    std::string name;
    ToolErrors tool_errors;
    Protocol protocol;
    std::string text;
    bool tool_result;
    bool complete;
  };
  const std::array rows{
      Row{"legacy, result", ToolErrors::result, Protocol::automatic, request("1", "tools/call"),
          true, false},
      Row{"modern, result", ToolErrors::result, Protocol::automatic,
          modern_request("1", "tools/call"), true, true},
      Row{"mcp, result", ToolErrors::result, Protocol::mcp, request("1", "tools/call"), true,
          false},
      Row{"error", ToolErrors::error, Protocol::automatic, request("1", "tools/call"), false,
          false},
      Row{"modern, error", ToolErrors::error, Protocol::automatic,
          modern_request("1", "tools/call"), false, false},
      Row{"another method", ToolErrors::result, Protocol::automatic, request("1", "tools/get"),
          false, false},
      Row{"jsonrpc", ToolErrors::result, Protocol::jsonrpc, request("1", "tools/call"), false,
          false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Settings settings = default_settings();
    settings.tool_errors = row.tool_errors;
    settings.protocol = row.protocol;
    Driver d(settings);
    d.host(row.text);
    d.advance(settings.queue_timeout);
    const std::string line = d.one_host_line();
    const Settled told = settled(line);
    CHECK(told.is_tool_result == row.tool_result);
    CHECK(told.code == (row.tool_result ? 0 : 31001));
    CHECK(told.reason == "backend-unavailable");
    CHECK_FALSE(told.delivered);
    CHECK(told.retryable);
    CHECK((line.find(R"("resultType":"complete")") != std::string::npos) == row.complete);
  }
}

TEST_CASE("session 3: a line that is no JSON-RPC message is answered with an error") {
  struct Row {
    std::string name;
    std::string text;
    int code;
    std::string id;
  };
  const std::array rows{
      Row{"no JSON", "hello", -32700, "null"},
      Row{"cut off", R"({"jsonrpc":"2.0","id":4,"method":"m","params":{)", -32700, "4"},
      Row{"a string id", R"({"jsonrpc":"2.0","id":"x","method":"m",})", -32700, "\"x\""},
      Row{"two values", "{} {}", -32700, "null"},
      Row{"invalid UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"\xff\"}", -32700, "4"},
      Row{"a byte order mark", "\xef\xbb\xbf{}", -32700, "null"},
      Row{"a NUL", std::string("{}\0", 3), -32700, "null"},
      Row{"a scalar", "4", -32600, "null"},
      Row{"null", "null", -32600, "null"},
      Row{"an empty object", "{}", -32600, "null"},
      Row{"no jsonrpc", R"({"id":4,"method":"m"})", -32600, "4"},
      Row{"jsonrpc a number", R"({"jsonrpc":2.0,"id":4,"method":"m"})", -32600, "4"},
      Row{"a method that is no string", R"({"jsonrpc":"2.0","id":4,"method":1})", -32600, "4"},
      Row{"an id null", R"({"jsonrpc":"2.0","id":null,"method":"m"})", -32600, "null"},
      Row{"an id true", R"({"jsonrpc":"2.0","id":true,"method":"m"})", -32600, "null"},
      Row{"an id object", R"({"jsonrpc":"2.0","id":{},"method":"m"})", -32600, "null"},
      Row{"an id array", R"({"jsonrpc":"2.0","id":[1],"method":"m"})", -32600, "null"},
      Row{"method twice", R"({"jsonrpc":"2.0","id":4,"method":"m","method":"m"})", -32600, "4"},
      Row{"too deep",
          R"({"jsonrpc":"2.0","id":4,"method":"m","params":)" + std::string(128, '[') +
              std::string(128, ']') + "}",
          -32600, "4"},
  };
  for (const bool ready : {false, true}) {
    for (const Row& row : rows) {
      CAPTURE(row.name);
      CAPTURE(ready);
      Driver d;
      if (ready) d.go_ready();
      d.host(row.text);
      const Settled told = settled(d.one_host_line());
      CHECK(told.code == row.code);
      CHECK(told.id == row.id);
      CHECK(d.take_link().empty());
      CHECK(d.session.pending().empty());
    }
  }
}

TEST_CASE("session 3: an id that itself is no valid JSON is never written to the host") {
  // The driver checks that each line written is strictly valid JSON.
  const std::array ids{
      R"("a\q")",  "\"a\xff\"", "\"a\x01\"", "\"a\xc0\xaf\"",
      R"("\u12")", "1-2",       "01",        "-",
      "+1",        "1.",        ".5",        "1e",
      "e",         "--1",       "1 2",
  };
  for (const std::string id : ids) {
    CAPTURE(id);
    Driver d;
    d.host(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"m"})");
    const Settled told = settled(d.one_host_line());
    CHECK(told.code == -32700);
    CHECK(told.id == "null");
    IdScanner found;
    found.feed(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"m","params":"x)");
    d.feed(event::HostLineTooLong{found});
    CHECK(settled(d.one_host_line()).id == "null");
  }
}

TEST_CASE("session 3: the error for a broken line never settles a request that is pending") {
  const std::array texts{
      R"({"jsonrpc":"2.0","id":1,"method":"m",})",
      R"({"jsonrpc":"2.0","id":1,"method":5})",
      R"({"jsonrpc":"2.0","id":1,"id":1,"method":"m"})",
      R"({"jsonrpc":"2.0","id":2,"id":1,"method":"m"})",
  };
  for (const std::string text : texts) {
    CAPTURE(text);
    Driver d;
    d.host(request("1", "m"));
    d.host(text);
    CHECK(settled(d.one_host_line()).id == "null");
    d.go_ready();
    d.backend(answer("1"));
    CHECK(d.answers_to("1") == 1);
  }
}

TEST_CASE("session 3: a line over --max-message is answered with message-too-large") {
  struct Row {
    std::string name;
    std::string begin;
    std::string id;
    bool tool_result;
  };
  const std::array rows{
      Row{"a request", R"({"jsonrpc":"2.0","id":4,"method":"m","params":"x)", "4", false},
      Row{"a tools/call", R"({"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"x)",
          "\"a\"", true},
      Row{"a notification", R"({"jsonrpc":"2.0","method":"m","params":"x)", "null", false},
      Row{"no JSON", "xxxxx", "null", false},
      Row{"a tools/call whose id is pending",
          R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"x)", "null", false},
      Row{"a tools/call whose id was not found",
          R"({"jsonrpc":"2.0","method":"tools/call","params":{"x)", "null", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.host(request("1", "m"));
    IdScanner found;
    found.feed(row.begin);
    d.feed(event::HostLineTooLong{found});
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == row.id);
    CHECK(told.is_tool_result == row.tool_result);  // a result for id null is no answer at all
    CHECK(told.code == (row.tool_result ? 0 : 31005));
    CHECK(told.reason == "message-too-large");
    CHECK_FALSE(told.delivered);
    CHECK_FALSE(told.retryable);
    CHECK(d.session.pending().size() == 1);
    d.host(request("5", "ping"));
    CHECK(d.one_host_line() == answer("5"));  // and lives on
  }
}

TEST_CASE("session 9: a tools/call too long to read is settled in the form of its session's era") {
  IdScanner found;
  found.feed(R"({"jsonrpc":"2.0","id":4,"method":"tools/call","params":"x)");
  Driver d;
  SUBCASE("modern") {
    d.host(modern_request("1", "tools/list"));
    d.feed(event::HostLineTooLong{found});
    CHECK(json::parse(d.one_host_line())["result"].value("resultType", "") == "complete");
  }
  SUBCASE("modern, for no session has begun with initialize") {
    d.feed(event::HostLineTooLong{found});
    CHECK(json::parse(d.one_host_line())["result"].value("resultType", "") == "complete");
  }
  SUBCASE("legacy") {
    d.host(initialize("1"));
    d.feed(event::HostLineTooLong{found});
    CHECK_FALSE(json::parse(d.one_host_line())["result"].contains("resultType"));
  }
}

TEST_CASE("session 9: what is refused as no request says so in its data, as all our answers do") {
  struct Row {
    std::string name;
    std::string line;
    std::string reason;
  };
  const std::array rows{
      Row{"no JSON", "hello", "parse-error"},
      Row{"no message", "{}", "invalid-request"},
      Row{"a member twice", R"({"jsonrpc":"2.0","id":4,"id":4,"method":"m"})", "invalid-request"},
      Row{"an empty batch", "[]", "invalid-request"},
      Row{"an id that is pending", request("1", "m"), "invalid-request"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.host(request("1", "m"));
    d.host(row.line);
    CHECK(settled(d.one_host_line()).data == json{{"source", "mcp-ws-shim"},
                                                  {"reason", row.reason},
                                                  {"delivered", false},
                                                  {"retryable", false}});
  }
}

TEST_CASE("session 3: a batch of the host is taken apart, each answer its own line") {
  Driver d;
  d.go_ready();
  d.host("[" + request("1", "a") + " , " + request("2", "ping") + "," + notify("n") + ",7,[" +
         request("3", "a") + "]," + request("1", "a") + "," + request("4", "b") + "]");
  CHECK(d.take_link() == std::vector{request("1", "a"), notify("n"), request("4", "b")});
  const auto told = d.take_host();
  REQUIRE(told.size() == 4);
  CHECK(told[0] == answer("2"));
  CHECK(settled(told[1]).code == -32600);
  CHECK(settled(told[1]).id == "null");
  CHECK(settled(told[2]).code == -32600);  // a batch inside a batch
  CHECK(settled(told[2]).id == "null");
  CHECK(settled(told[3]).code == -32600);  // 1 is pending
  CHECK(settled(told[3]).id == "1");
  d.backend(answer("4"));
  d.backend(answer("1"));
  CHECK(d.take_host() == std::vector{answer("4"), answer("1")});
}

TEST_CASE("session 3: an empty batch and a broken one are answered with one error") {
  Driver d;
  d.host("[]");
  CHECK(settled(d.one_host_line()).code == -32600);
  d.host(" [ ] ");
  CHECK(settled(d.one_host_line()).code == -32600);
  d.host("[" + request("1", "m") + ",]");
  CHECK(settled(d.one_host_line()).code == -32700);
  CHECK(d.session.pending().empty());
}

TEST_CASE("session 3: a batch of the backend is taken apart, each element its own line") {
  Driver d;
  d.establish();
  d.host(request("1", "tools/call"));
  d.host(request("2", "tools/call"));
  d.host(request("3", "tools/call"));
  d.forget();
  d.backend("[ " + answer("2") + ",\n" + notify("note") + "," + R"({"jsonrpc":"2.0",)" + "\n" +
            R"("id":1,"result":{}},[)" + answer("3") +
            R"(],7,{"jsonrpc":"2.0","id":9,"method":"roots/list"}])");
  const auto lines = d.take_host();
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == answer("2"));
  CHECK(lines[1] == notify("note"));
  CHECK(lines[2] == R"({"jsonrpc":"2.0", "id":1,"result":{}})");
  CHECK(method_of(lines[3]) == "roots/list");
  CHECK(d.session.pending().size() == 1);
  CHECK(d.dropped(Drop::bad_backend_message) == 2);
  d.backend("[]");
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.0: notifications pass in both directions, unknown methods too") {
  Driver d;
  d.establish();
  const std::string text = R"({ "jsonrpc":"2.0","method":"custom/x","params":[1e999] })";
  d.host(text);
  CHECK(d.take_link() == std::vector{text});
  d.backend(text);
  CHECK(d.take_host() == std::vector{text});
}

TEST_CASE("session 5.0: a ping under an id that is pending is no ping") {
  Driver d;
  d.go_ready();
  d.host(request("1", "tools/call"));
  d.host(request("1", "ping"));
  const Settled told = settled(d.one_host_line());
  CHECK(told.code == -32600);
  CHECK(told.delivered);  // what has this id was
  d.host(request("2", "ping"));
  CHECK(d.one_host_line() == answer("2"));
}

TEST_CASE("session 3: what looks like an answer and is none is refused under its id") {
  Driver d;
  d.go_ready();
  for (const char* const line :
       {R"({"id":7,"result":{}})", R"({"jsonrpc":"1.0","id":7,"result":1})",
        R"({"jsonrpc":"2.0","id":7,"result":1,"error":{}})",
        R"({"jsonrpc":"2.0","id":7,"error":"x"})"}) {
    CAPTURE(line);
    d.host(line);
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == "7");
    CHECK(told.code == -32600);
  }
  CHECK(d.take_link().empty());
}

TEST_CASE("session 9: what went wrong with an earlier link is not told of what is wrong now") {
  Driver d(with(ToolErrors::error));
  d.establish();
  d.lose({.cause = Cause::closed, .detail = "code 1006"});
  d.go_ready();
  d.host(request("1", "m"));
  d.forget();
  d.backend(R"({"jsonrpc":"2.0","id":1})");
  const Settled told = settled(d.one_host_line());
  CHECK(told.reason == "bad-backend-message");
  CHECK_FALSE(told.data.contains("last_error"));
}

TEST_CASE(
    "session 9: what a settled request is told counts failed attempts and the length of the "
    "outage") {
  Driver d(with(ToolErrors::error));
  d.go_ready();
  d.advance(10s);
  d.lose({.cause = Cause::closed});
  d.host(request("1", "m"));
  unsigned failed = 0;
  const TimePoint lost_at = d.now;
  while (d.take_host().empty()) {
    d.until_connecting();
    if (d.answers_to("1") > 0) break;
    d.lose({.cause = Cause::refused, .detail = "nobody listens"});
    ++failed;
    REQUIRE(d.now - lost_at < 2min);
  }
  const Settled told = settled(d.host_log.back());
  CHECK(told.data["attempt"] == failed);
  CHECK(told.data["down_ms"] == 45000);
  CHECK(told.data["last_error"] == "refused: nobody listens");
}

}  // namespace
}  // namespace shim::test
