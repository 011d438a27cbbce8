// Contract 6: from answers without the backend to the backend itself, and back.

#include <array>

#include "tests/unit/mcp_texts.hpp"

namespace shim::test {
namespace {

/// A driver whose cache knows a backend with tools.
void know_backend(Driver& d) {
  d.cache_files[asked] = cache_file({{"initialize", initialize_result()},
                                     {"tools/list", list_of(ListKind::tools, {item("old")})}});
}

TEST_CASE("session 6: after an offline initialize the backend is told the session as in 5.1") {
  Driver d;
  know_backend(d);
  d.host(initialize("0"));
  d.advance(d.settings.init_grace);
  d.host(notify("notifications/initialized"));
  d.host(request("1", "tools/list"));
  d.host(call("2", "t"));
  CHECK(d.answers_to("1") == 1);
  resume_with(d);
  const auto sent = d.take_link();
  CHECK(methods_in(sent) == std::vector<std::string>{"initialize", "notifications/initialized",
                                                     "tools/list", "tools/call"});
  const json again = json::parse(first_of(sent));
  CHECK(again["params"]["protocolVersion"] == std::string(version));  // what the host was told
  CHECK(again["params"]["clientInfo"]["name"] == "h");
  CHECK(id_of(first_of(sent)) != "0");
  CHECK(d.take_host().empty());  // the answer stays here
  d.backend(
      answer(id_of(with_method(sent, "tools/list")), list_of(ListKind::tools, {item("new")})));
  CHECK(d.take_host() == std::vector<std::string>{notify("notifications/tools/list_changed")});
}

TEST_CASE("session 6: lists given without the backend are announced only if they were wrong") {
  struct Row {
    bool minimal;
    std::vector<std::string> real;
    bool told;
  };
  const std::array rows{Row{true, {item("old")}, true}, Row{true, {}, false},
                        Row{false, {item("old")}, false}, Row{false, {item("new")}, true}};
  for (const Row& row : rows) {
    CAPTURE(row.minimal);
    CAPTURE(row.told);
    Driver d;
    if (!row.minimal) know_backend(d);
    d.host(initialize("0"));
    d.advance(d.settings.init_timeout);
    d.host(notify("notifications/initialized"));
    d.host(request("1", "tools/list"));
    REQUIRE(d.answers_to("1") == 1);
    resume_with(d, all_lists, row.minimal ? asked : version);
    const std::string own = with_method(d.take_link(), "tools/list");
    REQUIRE_FALSE(own.empty());
    d.backend(answer(id_of(own), list_of(ListKind::tools, row.real)));
    const auto told = d.take_host();
    CHECK(with_method(told, "notifications/tools/list_changed").empty() != row.told);
    CHECK(told.size() == (row.told ? 1U : 0U) + (row.minimal ? 2U : 0U));
    // What was learnt is what the next outage is met with.
    d.lose();
    d.advance(d.settings.init_grace);
    CHECK(cached_in(d).find("initialize") != nullptr);
    REQUIRE(cached_in(d).find("tools/list") != nullptr);
    CHECK(*cached_in(d).find("tools/list") == list_of(ListKind::tools, row.real));
  }
}

TEST_CASE("session 6: what counts is what the host was told it would hear of") {
  Driver d;  // the minimal result announces all lists
  d.host(initialize("0"));
  d.advance(d.settings.init_timeout);
  d.host(notify("notifications/initialized"));
  for (const ListKind kind : list_kinds) d.host(request("1", list_method(kind)));
  REQUIRE(d.answers_to("1") == 4);
  resume_with(d, R"({"tools":{},"resources":{"listChanged":false}})", asked);
  const auto sent = d.take_link();
  CHECK(methods_in(sent) == std::vector<std::string>{"initialize", "notifications/initialized",
                                                     "tools/list", "resources/list",
                                                     "resources/templates/list"});
  for (const ListKind kind : {ListKind::tools, ListKind::resources, ListKind::templates})
    d.backend(answer(id_of(with_method(sent, list_method(kind))), list_of(kind, {item("a")})));
  CHECK(d.take_host() == std::vector<std::string>{notify("notifications/tools/list_changed"),
                                                  notify("notifications/resources/list_changed")});
}

TEST_CASE("session 6: what the minimal result promised is announced once, fetched or not") {
  Driver d;
  d.host(initialize("0"));
  d.advance(d.settings.init_timeout);
  d.host(notify("notifications/initialized"));
  d.forget();
  resume_with(d, R"({"tools":{"listChanged":true},"resources":{}})", asked);
  CHECK(methods_in(d.take_link()) ==
        std::vector<std::string>{"initialize", "notifications/initialized"});
  CHECK(d.take_host() == std::vector<std::string>{notify("notifications/tools/list_changed"),
                                                  notify("notifications/resources/list_changed")});
  d.lose();
  resume_with(d, all_lists, asked);
  CHECK(d.take_host().empty());
}

TEST_CASE("session 6: a backend of another version than was told is incompatible: 31006") {
  struct Row {
    std::string name;
    bool cached;
    std::string real;
  };
  const std::array rows{Row{"the cached version is gone", true, "2025-11-25"},
                        Row{"the version asked for is not spoken", false, "2025-06-18"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    if (row.cached) know_backend(d);
    d.host(initialize("0"));
    d.advance(d.settings.init_timeout);
    d.host(notify("notifications/initialized"));
    d.host(request("1", "prompts/get"));
    d.forget();
    d.validate();
    d.backend(answer(id_of(d.link_log.back().text), initialize_result(all_lists, row.real)));
    CHECK(d.session.phase() == Phase::waiting);
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == "1");
    CHECK(told.code == 31006);
    CHECK(told.reason == "session-incompatible");
    CHECK(d.answers_to("0") == 1);
    // The shim lives on, and lists still come without the backend.
    d.host(request("2", "tools/list"));
    CHECK(d.answers_to("2") == 1);
    resume_with(d, all_lists, row.cached ? version : std::string_view(asked));
  }
}

TEST_CASE("session 6: initialize in flight at a loss is answered from the cache after the grace") {
  Driver d;
  know_backend(d);
  d.go_ready();
  d.host(initialize("0"));
  d.lose();
  d.forget();
  d.advance(d.settings.init_grace - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  CHECK(d.one_host_line() == answer("0", initialize_result()));
  d.host(notify("notifications/initialized"));
  resume_with(d);
  CHECK(methods_in(d.take_link()) ==
        std::vector<std::string>{"initialize", "notifications/initialized"});
  d.backend(answer("0", initialize_result("{}")));  // of the backend that was thought dead
  CHECK(d.take_host().empty());
  CHECK(d.dropped(Drop::unknown_answer) == 1);
  CHECK(d.answers_to("0") == 1);
}

TEST_CASE("session 6: initialize in flight at a loss without a cache gets the minimal result") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.advance(5s);
  d.lose();
  d.forget();
  d.advance(d.settings.init_timeout - 5s - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  CHECK(d.answers_to("0") == 1);
  resume_with(d, all_lists, asked);
}

TEST_CASE("session 6: initialize that has reached a link again is that link's to answer") {
  Driver d;
  know_backend(d);
  d.host(initialize("0"));
  d.go_ready();
  d.lose();
  d.go_ready();
  d.advance(1h);
  CHECK(d.take_host().empty());
  d.backend(answer("0", initialize_result("{}")));
  CHECK(d.one_host_line() == answer("0", initialize_result("{}")));
}

TEST_CASE("session 6: initialized sent ahead of an offline answer reaches the backend once") {
  Driver d;
  know_backend(d);
  SUBCASE("the backend was away from the start") {
    d.host(initialize("0"));
    d.host(notify("notifications/initialized"));
  }
  SUBCASE("both were in flight when the link was lost") {
    d.go_ready();
    d.host(initialize("0"));
    d.host(notify("notifications/initialized"));
    d.lose();
  }
  d.advance(d.settings.init_grace);
  REQUIRE(d.answers_to("0") == 1);
  resume_with(d);
  CHECK(methods_in(d.take_link()) ==
        std::vector<std::string>{"initialize", "notifications/initialized"});
}

TEST_CASE(
    "session 6: initialized sent while the session is being resumed reaches the backend once") {
  Driver d;
  know_backend(d);
  d.host(initialize("0"));
  d.advance(d.settings.init_grace);
  d.validate();
  const std::string own = d.link_log.back().text;
  d.host(notify("notifications/initialized"));
  d.forget();
  d.backend(answer(id_of(own), initialize_result()));
  CHECK(methods_in(d.take_link()) == std::vector<std::string>{"notifications/initialized"});
}

TEST_CASE("session 6: a list in flight at a loss is answered without the backend, and once") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("a")}));
  d.host(request("2", "tools/list"));
  d.lose();
  d.forget();
  d.advance(d.settings.init_grace);
  CHECK(d.one_host_line() == answer("2", list_of(ListKind::tools, {item("a")})));
  resume_with(d);
  for (const std::string& text : d.take_link()) CHECK(id_of(text) != "2");
  d.backend(answer("2", list_of(ListKind::tools, {})));
  CHECK(d.answers_to("2") == 1);
}

TEST_CASE("session 6: a list that had not left when the link was lost is answered too") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("a")}));
  d.link_writes = false;
  d.host(notify("big", R"({"x":")" + std::string(Session::link_window_bytes, 'x') + R"("})"));
  d.host(request("2", "tools/list"));
  REQUIRE_FALSE(d.session.pending().find("2")->in_flight());
  d.lose();
  d.link_writes = true;
  d.forget();
  d.advance(d.settings.init_grace);
  CHECK(d.take_host() ==
        std::vector<std::string>{answer("2", list_of(ListKind::tools, {item("a")}))});
}

TEST_CASE("session 6: a cancelled request is not answered, nor another one under its id") {
  Driver d;
  know_backend(d);
  d.host(initialize("0"));
  d.advance(d.settings.init_grace);
  resume_with(d);
  d.lose();
  d.forget();
  d.host(request("5", "tools/list"));
  d.host(cancel("5"));
  SUBCASE("nothing else") {}
  SUBCASE("a call") { d.host(call("5", "t")); }
  SUBCASE("a further page") { d.host(request("5", "tools/list", R"({"cursor":"2"})")); }
  SUBCASE("a modern request that is no list") { d.host(modern_request("5", "tools/call")); }
  d.advance(d.settings.init_timeout);
  CHECK(d.take_host().empty());
}

TEST_CASE(
    "session 6: an id used again after --queue-timeout is not answered in the old one's place") {
  Settings settings = default_settings();
  settings.queue_timeout = 1s;
  Driver d(settings);
  know_backend(d);
  d.host(initialize("0"));
  d.advance(settings.init_grace);
  resume_with(d);
  d.lose();
  d.forget();
  d.host(request("5", "tools/list"));
  d.advance(1s);
  CHECK(d.answers_to("5") == 1);  // 1 s is all it was given
  d.advance(1s);
  d.host(request("5", "prompts/get"));
  d.advance(1s);
  const auto lines = d.take_host();
  REQUIRE(lines.size() == 2);
  CHECK(settled(lines[1]).reason == "backend-unavailable");
}

TEST_CASE("session 6: what one run has learnt, the next one answers with") {
  Driver first;
  establish_with(first);
  ask_and_answer(first, request("1", "tools/list"), list_of(ListKind::tools, {item("t")}));
  ask_and_answer(first, discover("2"), R"({"supportedVersions":["2026-07-28"]})");
  ask_and_answer(first, modern_request("3", "prompts/list"), list_of(ListKind::prompts, {}));

  Driver next;
  next.cache_files = first.cache_files;
  next.host(discover("1"));
  next.host(modern_request("2", "prompts/list"));
  next.host(initialize("3"));
  next.advance(next.settings.init_grace);
  next.host(notify("notifications/initialized"));
  next.host(request("4", "tools/list"));
  CHECK(next.take_host() ==
        std::vector<std::string>{answer("1", R"({"supportedVersions":["2026-07-28"]})"),
                                 answer("2", list_of(ListKind::prompts, {})),
                                 answer("3", initialize_result()),
                                 answer("4", list_of(ListKind::tools, {item("t")}))});
}

}  // namespace
}  // namespace shim::test
