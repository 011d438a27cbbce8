// WebSocket as it comes over the wire (contract 4.1): whatever the packets, the messages are the
// same; and a server that breaks RFC 6455 is left, not obeyed.

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "backend.hpp"
#include "host.hpp"
#include "tcp_servers.hpp"

namespace e2e {
namespace {

const std::string initialize_result =
    R"("result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},)"
    R"("serverInfo":{"name":"raw","version":"1"}})";

Json next_request(RawConnection& connection) { return Json::parse(connection.receive_text()); }

std::string answer_to(const Json& request, const std::string& rest) {
  return R"({"jsonrpc":"2.0","id":)" + request.at("id").dump() + "," + rest + "}";
}

/// The handshake of MCP from both ends, over a connection that is ready.
void shake_hands(Host& host, RawConnection& connection) {
  const int asked =
      host.request("initialize", {{"protocolVersion", "2025-11-25"},
                                  {"capabilities", Json::object()},
                                  {"clientInfo", {{"name", "e2e"}, {"version", "1"}}}});
  connection.send_text(answer_to(next_request(connection), initialize_result));
  host.expect_result(asked);
  host.notify("notifications/initialized");
  CHECK(next_request(connection)["method"] == "notifications/initialized");
}

/// A request gets its answer as `send` gives it.
void check_answer(Host& host, RawConnection& connection, const std::string& result,
                  const std::function<void(const std::string& answer)>& send) {
  const int asked = host.request("tools/list");
  send(answer_to(next_request(connection), R"("result":)" + result));
  CHECK(host.expect_result(asked) == Json::parse(result));
}

void check_pong(RawConnection& connection, const std::string& payload) {
  const Frame frame = connection.receive_frame();
  CHECK(frame.opcode == Opcode::pong);
  CHECK(frame.payload == payload);
}

/// Frames that came with the answer to the upgrade, the last one perhaps cut off; `rest` is sent
/// later. All of it is read as if it had come apart: so many messages, and a ping.
void check_early_bytes(const std::string& early, const std::string& rest, std::size_t messages,
                       bool has_ping) {
  RawServer server;
  Host host(quick() + Arguments{"--log-level", "trace", server.url()});
  RawConnection connection = server.accept();
  connection.upgrade(early);
  bool ready = false;
  bool ponged = !has_ping;
  for (int frames = 0; frames < 3 && (!ready || !ponged); ++frames) {
    const Frame frame = connection.receive_frame();
    if (frame.opcode == Opcode::pong) ponged = frame.payload == "early";
    if (frame.opcode != Opcode::ping) continue;
    connection.send_bytes(rest);
    connection.send_frame(Opcode::pong, frame.payload);
    ready = true;
  }
  REQUIRE(ponged);
  host.expect("all messages", [&] { return host.count_log("backend: early") == messages; });
  shake_hands(host, connection);
  check_answer(host, connection, R"({"tools":[]})",
               [&](const std::string& answer) { connection.send_text(answer); });
}

}  // namespace

TEST_CASE("wire: frames that come in one packet with the answer to the upgrade are read") {
  const std::string message = frame_bytes(Opcode::text, R"({"jsonrpc":"2.0","method":"early"})");
  const std::string ping = frame_bytes(Opcode::ping, "early");
  const std::string big =
      frame_bytes(Opcode::text, R"({"jsonrpc":"2.0","method":"early","params":{"x":")" +
                                    filler(100'000, 'x') + "\"}}");
  check_early_bytes(message, "", 1, false);
  check_early_bytes(ping, "", 0, true);
  check_early_bytes(message + ping + message, "", 2, true);
  check_early_bytes(big, "", 1, false);
  for (const std::size_t cut : {std::size_t{1}, std::size_t{2}, std::size_t{20}}) {
    check_early_bytes(ping + message.substr(0, cut), message.substr(cut), 1, true);
    check_early_bytes(message + message.substr(0, cut), message.substr(cut) + message, 3, false);
  }
  check_early_bytes(big.substr(0, 50'000), big.substr(50'000) + message, 2, false);
}

TEST_CASE("wire: messages arrive whole however they are cut") {
  RawServer server;
  Host host(quick() + server.url());
  RawConnection connection = server.accept();
  connection.become_ready();
  shake_hands(host, connection);
  const std::string result = R"({"tools":[],"_meta":{"x":")" + filler(300, 'x') + "\"}}";
  check_answer(host, connection, result, [&](const std::string& answer) {
    for (const char byte : frame_bytes(Opcode::text, answer)) {
      connection.send_bytes({&byte, 1});
      std::this_thread::sleep_for(1ms);
    }
  });
  check_answer(host, connection, result, [&](const std::string& answer) {
    connection.send_frame(Opcode::text, "", false);
    for (const char byte : answer) {
      connection.send_frame(Opcode::continuation, {&byte, 1}, false);
      connection.send_frame(Opcode::ping, "p");
    }
    connection.send_frame(Opcode::continuation, "");
  });
  check_pong(connection, "p");
}

TEST_CASE("wire: an answer that is sent just before a reset arrives") {
  RawServer server;
  Host host(quick() + server.url());
  for (int i = 0; i < 5; ++i) {
    RawConnection connection = server.accept();
    connection.become_ready();
    if (i == 0) {
      shake_hands(host, connection);
    } else {
      connection.send_text(answer_to(next_request(connection), initialize_result));
      CHECK(next_request(connection)["method"] == "notifications/initialized");
    }
    const int asked = host.call("counter");
    Json request = next_request(connection);
    while (request["method"] != "tools/call") {  // the shim asks for lists to compare
      connection.send_text(answer_to(request, R"("result":{"tools":[]})"));
      request = next_request(connection);
    }
    connection.send_text(answer_to(request, R"("result":{"content":[],"isError":false})"));
    connection.reset();
    CHECK(host.expect_result(asked)["isError"] == false);
    host.expect_log("lost");
  }
}

TEST_CASE("wire: a server that breaks the protocol is told so and left") {
  struct Row {
    std::string bytes;
    std::string why;
    std::string code = "\x03\xea";
  };
  using namespace std::string_literals;
  for (const Row& row : std::vector<Row>{
           {"\xc1\x00"s, "a reserved bit is set"},
           {"\x81\x80\x01\x02\x03\x04"s, "a server's frame is masked"},
           {"\x83\x00"s, "an unknown opcode"},
           {"\x09\x00"s, "a control frame is fragmented"},
           {"\x89\x7e\x00\x7e"s, "a control frame is too long"},
           {"\x80\x00"s, "a continuation of no message"},
           {"\x88\x02\x03\xed"s, "a close frame without a valid code"},
           {"\x88\x04\x03\xe8\xff\xfe"s, "is not UTF-8", "\x03\xef"},
       }) {
    RawServer server;
    Host host(quick() + server.url());
    {
      RawConnection connection = server.accept();
      connection.become_ready();
      host.expect_log("ready: ");
      connection.send_bytes(row.bytes);
      const Frame frame = connection.receive_frame();
      CHECK(frame.opcode == Opcode::close);
      CHECK(frame.payload == row.code);
    }
    check_holds(host.expect_log("lost"), row.why);
    server.accept().become_ready();
    host.expect_log("ready: ");
  }
}

TEST_CASE("wire: a close frame is answered with its code, which is named as it is") {
  RawServer server;
  Host host(quick() + server.url());
  RawConnection connection = server.accept();
  connection.become_ready();
  host.expect_log("ready: ");
  connection.send_frame(Opcode::close, "\x03\xf4restarting");
  const Frame frame = connection.receive_frame();
  CHECK(frame.opcode == Opcode::close);
  CHECK(frame.payload == "\x03\xf4");
  check_holds(host.expect_log("lost"), "with code 1012 (restarting)");
}

}  // namespace e2e
