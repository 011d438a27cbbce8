// Contract 5.1 and 5.2: requests and notifications of the backend.

#include <set>

#include "tests/unit/session_fixture.hpp"

namespace shim::test {
namespace {

std::string host_error(std::string_view id) { return jsonrpc::error_answer(id, -1, "rejected"); }

/// Has the backend ask, and returns the id the host sees.
std::string ask(Driver& d, std::string_view id, std::string_view method = "roots/list") {
  d.forget();
  d.backend(request(id, method));
  return id_of(d.one_host_line());
}

TEST_CASE(
    "session 5.1: a backend's request reaches the host under a string id of ours, else unchanged") {
  Driver d;
  d.establish();
  const std::string before = R"( {"params":{"n":1e999,"id":0}, "id" : )";
  const std::string after = R"( ,"method":"sampling/createMessage","jsonrpc":"2.0"} )";
  for (const char* id : {"0", "\"0\"", "1.50", "\"a\\u0062\"", "\"mcp-ws-shim:1\""}) {
    CAPTURE(std::string(id));
    d.forget();
    d.backend(before + id + after);
    const std::string line = d.one_host_line();
    const std::string ours = id_of(line);
    CHECK(ours.starts_with('"'));
    CHECK(line == before + ours + after);
    // The answer goes back under the original id, byte for byte.
    d.host(R"({"id":)" + ours + R"(,  "result":{"x":1e999},"jsonrpc":"2.0"})");
    CHECK(d.take_link() == std::vector<std::string>{std::string(R"({"id":)") + id +
                                                    R"(,  "result":{"x":1e999},"jsonrpc":"2.0"})"});
    CHECK(d.take_host().empty());
  }
}

TEST_CASE("session 5.1: ids towards the host are unique in this process, over all links") {
  Driver d;
  d.establish();
  std::set<std::string> seen;
  for (int link = 0; link < 4; ++link) {
    for (int i = 0; i < 5; ++i) CHECK(seen.insert(ask(d, std::to_string(i))).second);
    d.lose();
    d.go_ready();
  }
}

TEST_CASE("session 5.1: an error of the host goes back too, and so does a ping of the backend") {
  Driver d;
  d.establish();
  const std::string ours = ask(d, "3", "ping");
  d.host(host_error(ours));
  CHECK(d.take_link() == std::vector{host_error("3")});
  const std::string ping = ask(d, "3", "ping");
  d.host(answer(ping));
  CHECK(d.take_link() == std::vector{answer("3")});
}

TEST_CASE(
    "session 5.1: when a link is lost each unanswered request is cancelled towards the host") {
  Driver d;
  d.establish();
  const std::string first = ask(d, "0");
  const std::string second = ask(d, "1");
  const std::string third = ask(d, "2");
  d.host(answer(second));
  d.forget();
  d.lose();
  const auto lines = d.take_host();
  REQUIRE(lines.size() == 2);
  CHECK(method_of(lines[0]) == "notifications/cancelled");
  CHECK(json::parse(lines[0])["params"]["requestId"] == json::parse(first));
  CHECK(json::parse(lines[1])["params"]["requestId"] == json::parse(third));
}

TEST_CASE(
    "session 5.1: an answer goes only to the epoch that asked, though a restarted backend counts "
    "from 0 again") {
  Driver d;
  d.establish();
  const std::string of_first = ask(d, "0");
  d.lose();
  d.host(answer(of_first));  // while there is no link
  CHECK(d.dropped(Drop::stale_host_answer) == 1);
  d.go_ready();
  const std::string of_second = ask(d, "0");
  CHECK(of_second != of_first);
  d.forget();
  d.host(answer(of_first));
  CHECK(d.take_link().empty());
  CHECK(d.dropped(Drop::stale_host_answer) == 2);
  d.host(answer(of_second));
  CHECK(d.take_link() == std::vector{answer("0")});
  d.host(answer(of_second));  // repeated
  CHECK(d.take_link().empty());
  CHECK(d.dropped(Drop::stale_host_answer) == 3);
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.1: answers of the host to nothing that was asked are dropped and counted") {
  Driver d;
  d.establish();
  static_cast<void>(ask(d, "0"));
  const std::array ids{"0",
                       "\"0\"",
                       "\"mcp-ws-shim:2\"",
                       "\"mcp-ws-shim:\"",
                       "\"mcp-ws-shim:1x\"",
                       "\"mcp-ws-shim:-1\"",
                       "\"mcp-ws-shim:99999999999999999999999\"",
                       "\"\"",
                       "\"mcp-ws-shim\"",
                       "1"};
  std::uint64_t dropped = 0;
  for (const char* id : ids) {
    CAPTURE(std::string(id));
    d.host(answer(id));
    CHECK(d.take_link().empty());
    CHECK(d.take_host().empty());
    CHECK(d.dropped(Drop::stale_host_answer) == ++dropped);
  }
}

TEST_CASE("session 5.1: a backend is told that the host's answer cannot be passed on") {
  struct Row {
    std::string name;
    std::string rest;  ///< of the answer, after the id
    bool too_long = false;
  };
  const std::array rows{
      Row{"both", R"(,"result":1,"error":{}})"},
      Row{"neither", "}"},
      Row{"a member twice", R"(,"result":1,"result":1})"},
      Row{"no JSON", R"(,"result":1,})"},
      Row{"too deep", R"(,"result":)" + std::string(128, '[') + std::string(128, ']') + "}"},
      Row{"too long", R"(,"result":"x)", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.establish();
    const std::string ours = ask(d, "0");
    d.forget();
    const std::string line = R"({"jsonrpc":"2.0","id":)" + ours + row.rest;
    IdScanner found;
    found.feed(line);
    if (row.too_long) {
      d.feed(event::HostLineTooLong{found});
    } else {
      d.host(line);
    }
    CHECK(d.take_host().empty());
    CHECK(d.dropped(Drop::bad_host_answer) == 1);
    const auto told = d.take_link();
    REQUIRE(told.size() == 1);
    CHECK(id_of(told.front()) == "0");
    CHECK(json::parse(told.front())["error"]["code"] == -32603);
    d.host(answer(ours));
    CHECK(d.take_link().empty());
  }
}

TEST_CASE("session 5.1: a backend that cancels its request cancels the one the host knows") {
  Driver d;
  d.establish();
  const std::string ours = ask(d, "0");
  d.forget();
  d.backend(notify("notifications/cancelled", R"({"reason":"x", "requestId": 0 })"));
  CHECK(d.one_host_line() ==
        notify("notifications/cancelled", R"({"reason":"x", "requestId": )" + ours + " }"));
  d.host(answer(ours));
  CHECK(d.take_link().empty());
  CHECK(d.dropped(Drop::stale_host_answer) == 1);
  d.backend(cancel("0"));  // again
  d.backend(cancel("\"0\""));
  d.backend(notify("notifications/cancelled"));
  CHECK(d.take_host().empty());
  CHECK(d.dropped(Drop::unknown_cancel) == 3);
  d.lose();
  CHECK(d.take_host().empty());
}

TEST_CASE(
    "session 5.1: an id the backend has open already, and one request too many, are refused") {
  Driver d;
  d.establish();
  static_cast<void>(ask(d, "0"));
  d.forget();
  d.backend(request("0", "roots/list"));
  CHECK(d.take_host().empty());
  auto sent = d.take_link();
  REQUIRE(sent.size() == 1);
  CHECK(settled(sent[0]).id == "0");
  CHECK(settled(sent[0]).code == -32603);
  CHECK(d.dropped(Drop::unexpected_request) == 1);

  for (std::size_t i = 1; i < BackendRequests::open_max; ++i) {
    d.backend(request(std::to_string(i), "roots/list"));
  }
  CHECK(d.take_host().size() == BackendRequests::open_max - 1);
  CHECK(d.take_link().empty());
  d.backend(request("\"more\"", "roots/list"));
  CHECK(d.take_host().empty());
  CHECK(d.take_link().size() == 1);
  d.lose();
  CHECK(d.take_host().size() == BackendRequests::open_max);
}

TEST_CASE("session 5.1: a backend that asks before it answers initialize gets its answer") {
  Driver d;
  d.establish();
  d.lose();
  d.validate();
  const std::string own = id_of(d.link_log.back().text);
  const std::string ours = ask(d, "0", "ping");
  d.host(answer(ours));
  CHECK(d.take_link() == std::vector{answer("0")});
  d.backend(initialize_answer(own));
  CHECK(d.session.phase() == Phase::ready);
}

TEST_CASE(
    "session 5.1: the host's answers wait for the window with all else, and die with their link") {
  Driver d;
  d.establish();
  const std::string ours = ask(d, "0");
  d.link_writes = false;
  d.host(notify("big", "\"" + std::string(Session::link_window_bytes, 'x') + "\""));
  d.forget();
  d.host(answer(ours));
  CHECK(d.take_link().empty());
  d.lose();
  d.link_writes = true;
  d.go_ready();
  for (const std::string& sent : d.take_link()) CHECK(sent != answer("0"));
}

TEST_CASE("session 5.0: a forwarded cancellation dies with its link") {
  Driver d;
  d.establish();
  d.host(request("1", "tools/list"));
  d.link_writes = false;
  d.host(notify("big", "\"" + std::string(Session::link_window_bytes, 'x') + "\""));
  d.host(cancel("1"));
  CHECK(d.session.outbox().count() == 1);
  d.forget();
  d.lose();
  CHECK(d.session.outbox().empty());
  d.link_writes = true;
  d.go_ready();
  for (const std::string& sent : d.take_link()) CHECK(method_of(sent) != "notifications/cancelled");
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.0: progress of the host about a backend's request needs that backend") {
  Driver d;
  d.establish();
  d.host(progress("5"));
  CHECK(d.take_link() == std::vector{progress("5")});
  d.lose();
  d.host(progress("5"));
  CHECK(d.dropped(Drop::unsendable_notification) == 1);
  d.forget();
  d.go_ready();
  for (const std::string& sent : d.take_link()) CHECK(method_of(sent) != "notifications/progress");
}

TEST_CASE("session 5.2: a request of a modern backend is dropped and counted") {
  Driver d;
  d.go_ready();
  d.host(modern_request("1", "tools/list"));
  d.forget();
  d.backend(request("0", "roots/list"));
  CHECK(d.take_host().empty());
  CHECK(d.take_link().empty());
  CHECK(d.dropped(Drop::unexpected_request) == 1);
  SUBCASE("but both kinds may mix") {
    d.host(initialize("2"));
    d.forget();
    d.backend(request("0", "roots/list"));
    CHECK(d.take_host().size() == 1);
  }
}

TEST_CASE("session 5.2: before any initialize the traffic is plain JSON-RPC") {
  Driver d;
  d.go_ready();
  d.backend(progress("9"));
  CHECK(d.one_host_line() == progress("9"));
  d.host(initialize("0"));
  d.forget();
  d.backend(progress("9"));
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.0: stale events of a link stop at the door, whatever they are") {
  Driver d;
  d.establish();
  d.host(request("1", "tools/call"));
  const Epoch old = d.session.epoch();
  d.lose();
  d.forget();
  const auto feed_all = [&](Epoch epoch) {
    IdScanner found;
    found.feed(R"({"id":2,)");
    d.feed(event::LinkOpened{epoch});
    d.feed(event::LinkPong{epoch});
    d.feed(event::LinkMessage{epoch, notify("n")});
    d.feed(event::LinkMessage{epoch, request("0", "roots/list")});
    d.feed(event::LinkMessageTooLong{epoch, found});
    d.feed(event::LinkBinary{epoch});
    d.feed(event::LinkWritten{epoch, 1000});
    d.feed(event::LinkLost{epoch, {.cause = Cause::reset}});
  };
  const auto messages = d.session.counters().backend_messages;
  const auto check = [&](Phase phase) {
    CHECK(d.session.phase() == phase);
    CHECK(d.take_host().empty());
    CHECK(d.take_link().empty());
    CHECK(d.dropped(Drop::binary_frame) == 0);
    CHECK(d.dropped(Drop::bad_backend_message) == 0);
    CHECK(d.session.counters().backend_messages == messages);
  };
  feed_all(old);  // lost already
  check(Phase::waiting);
  d.until_connecting();
  feed_all(old);
  feed_all(d.session.epoch() + 1);  // not born yet
  feed_all(0);
  check(Phase::connecting);
  d.opened();
  feed_all(old);
  check(Phase::validating);
}

TEST_CASE("session 13: messages and bytes are counted each way") {
  Driver d;
  d.go_ready();
  d.host(request("1", "m"));
  d.backend(answer("1"));
  d.backend("garbage");
  CHECK(d.session.counters().host_messages == 1);
  CHECK(d.session.counters().host_bytes == request("1", "m").size() + 1);
  CHECK(d.session.counters().backend_messages == 2);
  CHECK(d.session.counters().backend_bytes == answer("1").size() + 7);
  CHECK(d.session.counters().links_ready == 1);
}

TEST_CASE("session 5.2: under --protocol jsonrpc a loss says nothing of the backend's requests") {
  Settings settings = default_settings();
  settings.protocol = Protocol::jsonrpc;
  Driver d(settings);
  d.go_ready();
  d.backend(request("1", "ask"));
  d.forget();
  d.lose();
  CHECK(d.take_host().empty());
}

TEST_CASE("session 12: a backend that asks and does not read is not answered without end") {
  Driver d;
  d.establish();
  d.link_writes = false;
  const std::string id = "\"" + std::string(1'000, 'x') + "\"";
  for (int i = 0; i < 2'000; ++i) d.backend(request(id, "roots/list"));
  std::size_t bytes = 0;
  for (const std::string& text : d.take_link()) bytes += text.size();
  CHECK(bytes > 0);
  CHECK(bytes <= Session::link_window_bytes + 2'000);
}

TEST_CASE(
    "session 10: dropped messages are logged at a limited rate, their content escaped and cut") {
  Driver d;
  d.establish();
  d.logs.clear();
  for (int i = 0; i < 50; ++i) d.feed(event::LinkBinary{d.session.epoch()});
  CHECK(d.logged("binary frame") == 1);
  d.advance(10s);
  d.feed(event::LinkBinary{d.session.epoch()});
  CHECK(d.logged("binary frame") == 2);
  CHECK(d.logged("49 more") == 1);

  d.backend(answer("\"\x7f" + std::string(1000, 'x') + "\""));
  CHECK(d.dropped(Drop::unknown_answer) == 1);
  for (const action::Log& line : d.logs) {
    CHECK(line.text.size() < 600);
    for (const char c : line.text) CHECK(static_cast<int>(c >= ' ' && c <= '~') == 1);
  }
}

}  // namespace
}  // namespace shim::test
