// Contract 5.2: sessions of the modern era, and sessions of both.

#include <array>

#include "tests/unit/mcp_texts.hpp"

namespace shim::test {
namespace {

constexpr std::string_view tools_filter = R"("toolsListChanged":true)";

/// How long a backend that ends subscriptions may take to go away.
constexpr Duration farewell_time = 10s;

std::string changed_for(ListKind kind, std::string_view id) {
  return notify(list_changed_method(kind), "{" + subscription_meta(id) + "}");
}

/// A modern host that has fetched its tools and subscribed to their changes, on a ready link.
void subscribe(Driver& d, std::string_view id = "7", std::string_view filter = tools_filter) {
  if (d.session.phase() != Phase::ready) d.go_ready();
  ask_and_answer(d, modern_request("1", "tools/list"), list_of(ListKind::tools, {item("a")}));
  d.host(listen(id, filter));
  d.backend(acknowledge(id, filter));
  d.forget();
}

/// The shim's own fetch of a list among what was written to the link; empty if there is none.
std::string own_list_request(const std::vector<std::string>& sent, ListKind kind) {
  for (const std::string& text : sent) {
    const std::string id = id_of(text);
    if (method_of(text) == list_method(kind) && id.size() > 10) return text;
  }
  return {};
}

TEST_CASE(
    "session 5.2: a live subscription is sent again on each link, byte for byte, and no more") {
  const std::array ids{"7", "\"s\"", "\"\\u0061\"", "7.5"};
  for (const std::string id : ids) {
    CAPTURE(id);
    Driver d;
    subscribe(d, id, "");
    for (int round = 0; round < 3; ++round) {
      CAPTURE(round);
      d.lose();
      d.advance(1min);  // it is not given up, whatever --queue-timeout says
      CHECK(d.take_host().empty());
      d.forget();
      d.validate();
      CHECK(d.session.phase() == Phase::ready);
      CHECK(d.take_link() == std::vector<std::string>{listen(id, "")});
      d.backend(acknowledge(id));
      CHECK(d.take_host().empty());
    }
    CHECK(d.session.counters().replays == 0);
    d.backend(notify("notifications/resources/updated", "{" + subscription_meta(id) + "}"));
    CHECK(d.take_host().size() == 1);
    d.backend(answer(id));  // the backend ends it
    d.advance(farewell_time);
    CHECK(d.answers_to(id) == 1);
    d.lose();
    d.go_ready();
    CHECK(d.take_link().empty());
  }
}

TEST_CASE(
    "session 5.2: a backend that shuts down ends its subscriptions, and the host hears of none") {
  for (const std::string& last_word : {answer("7"), cancel("7")}) {
    CAPTURE(last_word);
    Driver d;
    subscribe(d, "7", "");
    for (int round = 0; round < 3; ++round) {
      d.backend(last_word);
      d.backend(last_word);
      d.advance(farewell_time - 1ns);
      d.lose();
      d.advance(1min);
      CHECK(d.take_host().empty());
      d.forget();
      d.go_ready();
      CHECK(d.take_link() == std::vector<std::string>{listen("7", "")});
      d.backend(acknowledge("7"));
      d.advance(1h);
      CHECK(d.take_host().empty());
    }
    d.backend(notify("notifications/resources/updated", "{" + subscription_meta("7") + "}"));
    CHECK(d.take_host().size() == 1);
  }
}

TEST_CASE("session 5.2: the end of a subscription that its link outlives reaches the host") {
  for (const std::string& last_word : {answer("7"), cancel("7")}) {
    CAPTURE(last_word);
    Driver d;
    subscribe(d, "7", "");
    d.backend(last_word);
    d.advance(farewell_time - 1ns);
    CHECK(d.take_host().empty());
    d.advance(1ns);
    CHECK(d.take_host() == std::vector<std::string>{last_word});
    CHECK(d.session.pending().empty());
    d.host(listen("7", ""));  // the id is free again
    CHECK(d.take_link().back() == listen("7", ""));
    d.advance(1min);
    CHECK(d.take_host().empty());
  }
}

TEST_CASE("session 3, 5.2: an end that is held back is the answer if the shim ends first") {
  Driver d;
  subscribe(d, "7", "");
  d.backend(answer("7"));
  CHECK(d.take_host().empty());
  d.feed(event::StopRequested{"SIGTERM"});
  CHECK(d.take_host() == std::vector<std::string>{answer("7")});
}

TEST_CASE("session 5.2: a subscription without the modern era's members is none") {
  Settings settings = default_settings();
  settings.replay = Replay::always;
  Driver d(settings);
  d.go_ready();
  ask_and_answer(d, modern_request("1", "tools/list"), list_of(ListKind::tools, {item("a")}));
  d.lose();
  d.go_ready();
  d.host(request("7", "subscriptions/listen", R"({"notifications":{"toolsListChanged":true}})"));
  d.forget();
  d.backend(acknowledge("7", tools_filter));
  CHECK(d.take_link().empty());
  CHECK(d.take_host().size() == 1);
}

TEST_CASE("session 5.2: an end that is no farewell is passed on at once") {
  struct Row {
    const char* name;
    bool is_acknowledged;
    std::string last_word;
  };
  const std::string long_word = answer("7", "\"" + std::string(5'000, 'x') + "\"");
  const std::array rows{Row{"of what never began, by result", false, answer("7")},
                        Row{"of what never began, by cancellation", false, cancel("7")},
                        Row{"by an error", true, error_to("7", -32600)},
                        Row{"at length", true, long_word}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    Driver d;
    d.go_ready();
    d.host(listen("7", ""));
    if (row.is_acknowledged) d.backend(acknowledge("7"));
    d.forget();
    d.backend(row.last_word);
    CHECK(d.take_host() == std::vector<std::string>{row.last_word});
    CHECK(d.session.pending().empty());
  }
}

TEST_CASE("session 5.2: a subscription that has ended may end again, otherwise") {
  Driver d;
  subscribe(d, "7", "");
  d.backend(answer("7"));
  SUBCASE("by an error of the backend's") {
    d.backend(error_to("7", -32600));
    CHECK(d.take_host() == std::vector<std::string>{error_to("7", -32600)});
  }
  SUBCASE("by a cancellation of the host's") { d.host(cancel("7")); }
  CHECK(d.session.pending().empty());
  d.host(listen("7", ""));
  d.advance(1h);
  CHECK(d.take_host().empty());
  CHECK(d.session.pending().size() == 1);
}

TEST_CASE("session 5.2: a backend cancels nothing but its own requests and subscriptions") {
  Driver d;
  subscribe(d, "7", "");
  d.host(modern_request("8", "tools/call"));
  d.forget();
  for (const char* const id : {"8", "9", "\"7\""}) d.backend(cancel(id));
  d.advance(1min);
  CHECK(d.take_host().empty());
  CHECK(d.session.pending().size() == 2);
}

TEST_CASE("session 5.2: subscriptions are sent again whatever --replay says") {
  for (const Replay replay : {Replay::safe, Replay::never, Replay::always}) {
    Settings settings = default_settings();
    settings.replay = replay;
    Driver d(settings);
    subscribe(d, "7", "");
    d.host(listen("8", ""));
    for (int round = 0; round < 3; ++round) {
      d.lose();
      d.forget();
      d.go_ready();
      CHECK(d.take_link() == std::vector<std::string>{listen("7", ""), listen("8", "")});
      CHECK(d.take_host().empty());
    }
  }
}

TEST_CASE("session 5.2: the first acknowledgement reaches the host, on whichever link it comes") {
  Driver d;
  d.go_ready();
  d.host(listen("7", ""));
  d.lose();
  d.go_ready();
  d.backend(acknowledge("7"));
  CHECK(d.take_host() == std::vector<std::string>{acknowledge("7")});
  d.lose();
  d.go_ready();
  d.backend(acknowledge("7"));
  CHECK(d.take_host().empty());
}

TEST_CASE(
    "session 5.2: a subscription made while the backend is away is acknowledged after the grace") {
  const std::string filter = R"("toolsListChanged":true,"resourceSubscriptions":["file:///a"])";
  Driver d;
  d.host(listen("\"s\"", filter));
  d.advance(d.settings.init_grace - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  const json told = json::parse(d.one_host_line());
  CHECK(told == json::parse(acknowledge("\"s\"", filter)));
  d.advance(1h);  // and it waits for ever
  CHECK(d.take_host().empty());
  CHECK(d.session.pending().size() == 1);
  d.go_ready();
  CHECK(d.take_link() == std::vector<std::string>{listen("\"s\"", filter)});
  d.backend(acknowledge("\"s\"", filter));
  CHECK(d.take_host().empty());
  CHECK(d.answers_to("\"s\"") == 0);
}

TEST_CASE("session 5.2: a subscription is acknowledged offline however odd its text") {
  struct Row {
    std::string name;
    std::string params;
    json filter;
  };
  const std::string meta(modern_meta);
  const std::array rows{
      Row{"no filter", "{" + meta + "}", json::object()},
      Row{"an empty filter", R"({"notifications":{},)" + meta + "}", json::object()},
      Row{"a filter with all there is",
          R"({"notifications":{"a":[1],"b":{"c":"\u00e9"}},)" + meta + "}",
          json::parse(R"({"a":[1],"b":{"c":"é"}})")},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.host(request("7", "subscriptions/listen", row.params));
    d.advance(d.settings.init_grace);
    const json told = json::parse(d.one_host_line());
    CHECK(told["params"]["notifications"] == row.filter);
  }
}

TEST_CASE("session 3, 5.2: an offline acknowledgement holds the filter to the byte") {
  const std::string params =
      R"({"notifications": { "toolsListChanged" :true,"x":1e999} ,"y":"\ud83d",)";
  const std::string text =
      request("7", "subscriptions/listen", params + std::string(modern_meta) + "}");
  Driver d;
  d.host(text);
  d.advance(d.settings.init_grace);
  CHECK(d.one_host_line().find(R"({"notifications":{ "toolsListChanged" :true,"x":1e999},)") !=
        std::string::npos);
  // And what it asks for is understood.
  d.go_ready();
  ask_and_answer(d, modern_request("8", "tools/list"), list_of(ListKind::tools, {}));
  d.lose();
  d.go_ready();
  d.forget();
  d.backend(acknowledge("7"));
  CHECK(methods_in(d.take_link()) == std::vector<std::string>{"tools/list"});
}

TEST_CASE("session 5.2: legal JSON that has no C++ value does no harm in a subscription") {
  for (const std::string odd : {R"("x":1e999)", R"("x":"\ud800")"}) {
    CAPTURE(odd);
    Driver d;
    d.host(listen("7", odd));
    bool thrown = false;
    try {
      d.advance(d.settings.init_grace);
    } catch (const std::exception& failure) {
      thrown = true;
      CAPTURE(failure.what());
    }
    CHECK_FALSE(thrown);  // it would end the process
  }
}

TEST_CASE("session 5.2: with --offline wait a subscription is not acknowledged by the shim") {
  Settings settings = default_settings();
  settings.offline = Offline::wait;
  Driver d(settings);
  d.host(listen("7", ""));
  d.advance(10min);
  CHECK(d.take_host().empty());
  CHECK(d.session.pending().size() == 1);
  d.go_ready();
  d.backend(acknowledge("7"));
  CHECK(d.take_host() == std::vector<std::string>{acknowledge("7")});
}

TEST_CASE("session 5.2: a cancelled subscription is not sent again") {
  Driver d;
  subscribe(d, "7", "");
  SUBCASE("on the link") {
    d.host(cancel("7"));
    CHECK(d.take_link() == std::vector<std::string>{cancel("7")});
    d.lose();
  }
  SUBCASE("while there is none") {
    d.lose();
    d.host(cancel("7"));
  }
  CHECK(d.take_host().empty());
  d.forget();
  d.go_ready();
  CHECK(d.take_link().empty());
  CHECK(d.session.pending().empty());
}

TEST_CASE("session 3: the end of input does not wait for live subscriptions") {
  Driver d;
  subscribe(d, "7", "");
  d.feed(event::HostClosed{});
  CHECK(d.finishes == 1);
}

TEST_CASE("session 5.2: each live subscription that asks for it hears of a list that has changed") {
  Driver d;
  subscribe(d, "7");
  d.host(listen("\"8\"", R"("toolsListChanged":true,"promptsListChanged":true)"));
  d.host(listen("9", R"("toolsListChanged":false,"promptsListChanged":true)"));
  d.host(listen("10", R"("toolsListChanged":"true")"));
  d.host(listen("11", ""));
  for (const std::string id : {"\"8\"", "9", "10", "11"}) d.backend(acknowledge(id));
  d.lose();
  d.forget();
  d.go_ready();
  CHECK(d.take_link().size() == 5);  // nothing of our own until a subscription is live
  for (const std::string id : {"7", "\"8\"", "9", "10", "11"}) d.backend(acknowledge(id));
  const auto sent = d.take_link();
  REQUIRE(sent.size() == 1);  // one fetch for all of them
  const std::string own = own_list_request(sent, ListKind::tools);
  REQUIRE_FALSE(own.empty());
  CHECK(json::parse(own)["params"] == json::parse("{" + std::string(modern_meta) + "}"));
  CHECK(d.take_host().empty());
  d.backend(answer(id_of(own), list_of(ListKind::tools, {item("a"), item("b")})));
  CHECK(d.take_host() == std::vector<std::string>{changed_for(ListKind::tools, "7"),
                                                  changed_for(ListKind::tools, "\"8\"")});
}

TEST_CASE("session 5.2: nothing is said of a list that is the same, or was never shown") {
  Driver d;
  subscribe(d, "7", R"("toolsListChanged":true,"promptsListChanged":true)");
  d.lose();
  d.go_ready();
  d.backend(acknowledge("7"));
  const auto sent = d.take_link();
  CHECK(own_list_request(sent, ListKind::prompts).empty());
  const std::string own = own_list_request(sent, ListKind::tools);
  REQUIRE_FALSE(own.empty());
  SUBCASE("the same") { d.backend(answer(id_of(own), list_of(ListKind::tools, {item("a")}))); }
  SUBCASE("an error") { d.backend(error_to(id_of(own), -32603)); }
  SUBCASE("the backend says it itself first") {
    d.backend(changed_for(ListKind::tools, "7"));
    CHECK(d.take_host() == std::vector<std::string>{changed_for(ListKind::tools, "7")});
    d.backend(answer(id_of(own), list_of(ListKind::tools, {item("b")})));
  }
  SUBCASE("the host has fetched it meanwhile") {
    ask_and_answer(d, modern_request("2", "tools/list"), list_of(ListKind::tools, {item("b")}));
    d.backend(answer(id_of(own), list_of(ListKind::tools, {item("b")})));
  }
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.2: a list shown on the present link is not fetched") {
  Driver d;
  subscribe(d);
  d.host(listen("8", tools_filter));
  d.backend(acknowledge("8"));
  CHECK(d.take_link() == std::vector<std::string>{listen("8", tools_filter)});
  d.lose();
  d.go_ready();
  d.forget();
  ask_and_answer(d, modern_request("2", "tools/list"), list_of(ListKind::tools, {item("b")}));
  d.backend(acknowledge("7"));
  CHECK(d.take_link().empty());
}

TEST_CASE("session 5.2: a list from before the subscription was made is compared too") {
  Driver d;
  d.go_ready();
  ask_and_answer(d, modern_request("1", "tools/list"), list_of(ListKind::tools, {item("a")}));
  d.lose();
  d.host(listen("7", tools_filter));
  d.advance(d.settings.init_grace);
  if (d.session.phase() != Phase::ready) d.go_ready();
  d.forget();
  d.backend(acknowledge("7"));
  const std::string own = own_list_request(d.take_link(), ListKind::tools);
  REQUIRE_FALSE(own.empty());
  d.backend(answer(id_of(own), list_of(ListKind::tools, {item("b")})));
  CHECK(last_of(d.take_host()) == changed_for(ListKind::tools, "7"));
}

TEST_CASE(
    "session 5.2: requests of a backend are dropped in a modern session, passed in a mixed one") {
  Driver d;
  d.go_ready();
  d.host(modern_request("1", "tools/list"));
  d.forget();
  d.backend(request("0", "sampling/createMessage"));
  d.backend(request("1", "ping"));
  CHECK(d.take_host().empty());
  CHECK(d.take_link().empty());
  CHECK(d.dropped(Drop::unexpected_request) == 2);
  d.backend(answer("1"));
  establish_with(d);
  d.backend(request("0", "sampling/createMessage"));
  const std::string asked = d.one_host_line();
  CHECK(method_of(asked) == "sampling/createMessage");
  d.host(answer(id_of(asked)));
  CHECK(d.take_link() == std::vector<std::string>{answer("0")});
}

TEST_CASE("session 5.2: in a mixed session both kinds are resumed, the legacy one first") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("a")}));
  ask_and_answer(d, modern_request("2", "tools/list"), list_of(ListKind::tools, {item("m")}));
  d.host(listen("7", tools_filter));
  d.backend(acknowledge("7"));
  d.lose();
  resume_with(d);
  const auto sent = d.take_link();
  CHECK(methods_in(sent) == std::vector<std::string>{"initialize", "notifications/initialized",
                                                     "tools/list", "subscriptions/listen"});
  d.backend(acknowledge("7"));
  const std::string modern_own = own_list_request(d.take_link(), ListKind::tools);
  REQUIRE_FALSE(modern_own.empty());
  // Each era is compared with what was shown in it, and told in its own way.
  d.backend(answer(id_of(own_list_request(sent, ListKind::tools)),
                   list_of(ListKind::tools, {item("a"), item("b")})));
  CHECK(d.take_host() == std::vector<std::string>{notify("notifications/tools/list_changed")});
  d.backend(answer(id_of(modern_own), list_of(ListKind::tools, {item("m"), item("n")})));
  CHECK(d.take_host() == std::vector<std::string>{changed_for(ListKind::tools, "7")});
}

TEST_CASE("session 5.2: a modern request in flight when its link is lost follows 5.3") {
  Driver d;
  d.go_ready();
  d.host(modern_request("1", "tools/list"));
  d.host(modern_request("2", "tools/call"));
  d.lose();
  const Settled told = settled(d.one_host_line());
  CHECK(told.id == "2");
  CHECK(told.reason == "outcome-unknown");
  d.forget();
  d.validate();
  CHECK(d.session.phase() == Phase::ready);
  CHECK(d.take_link() == std::vector<std::string>{modern_request("1", "tools/list")});
}

TEST_CASE(
    "session 5.2: a listen without modern _meta, or with --protocol jsonrpc, is any request") {
  for (const bool jsonrpc_only : {false, true}) {
    CAPTURE(jsonrpc_only);
    Settings settings = default_settings();
    if (jsonrpc_only) settings.protocol = Protocol::jsonrpc;
    Driver d(settings);
    const std::string text = jsonrpc_only ? listen("7", "") : request("7", "subscriptions/listen");
    d.host(text);
    d.advance(settings.queue_timeout);
    CHECK(settled(d.one_host_line()).reason == "backend-unavailable");
    d.go_ready();
    d.host(text);
    d.lose();
    CHECK(settled(d.one_host_line()).reason == "outcome-unknown");
  }
}

}  // namespace
}  // namespace shim::test
