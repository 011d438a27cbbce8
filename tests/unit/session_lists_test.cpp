// Contract 5.1: the host is told after a reconnect that a list has changed, only if it has.

#include <array>

#include "tests/unit/mcp_texts.hpp"

namespace shim::test {
namespace {

std::string changed(ListKind kind) { return notify(list_changed_method(kind)); }

/// The shim's own request for a list among what was written to the link; empty if there is none.
std::string own_fetch(const std::vector<std::string>& sent, ListKind kind) {
  return with_method(sent, list_method(kind));
}

/// Has the host fetch a list.
void show(Driver& d, std::string_view id, ListKind kind, const std::string& result,
          std::string_view params = "{}") {
  ask_and_answer(d, request(id, list_method(kind), params), result);
}

/// Loses the link, gets a new one ready and answers the shim's own fetch of the list.
void come_back_with(Driver& d, ListKind kind, const std::string& fresh) {
  d.lose();
  resume_with(d);
  const std::string own = own_fetch(d.take_link(), kind);
  REQUIRE_FALSE(own.empty());
  d.backend(answer(id_of(own), fresh));
}

TEST_CASE("session 5.1: list_changed is sent once if the list differs, else not at all") {
  struct Row {
    std::string name;
    std::vector<std::string> shown;
    std::vector<std::string> fresh;
    std::string next;
    bool told;
  };
  const std::array rows{
      Row{"the same", {item("a"), item("b")}, {item("a"), item("b")}, "", false},
      Row{"in another order", {item("a"), item("b")}, {item("b"), item("a")}, "", false},
      Row{"members in another order",
          {item("a")},
          {R"({"x":{"a":[1,2],"b":1},"name":"a"})"},
          "",
          false},
      Row{"one more", {item("a")}, {item("a"), item("b")}, "", true},
      Row{"one less", {item("a"), item("b")}, {item("b")}, "", true},
      Row{"none any more", {item("a")}, {}, "", true},
      Row{"none before", {}, {item("a")}, "", true},
      Row{"none before nor now", {}, {}, "", false},
      Row{"another name", {item("a")}, {item("b")}, "", true},
      Row{"an order inside an item",
          {item("a")},
          {R"({"name":"a","x":{"b":1,"a":[2,1]}})"},
          "",
          true},
      Row{"paged now", {item("a")}, {item("a")}, "page2", true},
  };
  for (const ListKind kind : list_kinds) {
    for (const Row& row : rows) {
      CAPTURE(list_method(kind));
      CAPTURE(row.name);
      Driver d;
      establish_with(d);
      show(d, "1", kind, list_of(kind, row.shown));
      come_back_with(d, kind, list_of(kind, row.fresh, row.next));
      const auto told = d.take_host();
      CHECK(told ==
            (row.told ? std::vector<std::string>{changed(kind)} : std::vector<std::string>{}));
      d.advance(1h);
      CHECK(d.take_host().empty());
    }
  }
}

TEST_CASE("session 5.1: the fetch comes after initialized and before the host's own traffic") {
  Driver d;
  establish_with(d);
  for (const ListKind kind : list_kinds) show(d, "1", kind, empty_list(kind));
  d.lose();
  d.host(call("2", "t"));
  resume_with(d);
  const auto sent = d.take_link();
  CHECK(methods_in(sent) == std::vector<std::string>{"initialize", "notifications/initialized",
                                                     "tools/list", "prompts/list", "resources/list",
                                                     "resources/templates/list", "tools/call"});
  for (const std::string& text : sent) {
    const std::string method = method_of(text);
    if (!method.ends_with("/list")) continue;
    CAPTURE(text);
    const std::string id = id_of(text);
    CHECK(id.find_first_not_of("0123456789") == std::string::npos);
    CHECK(std::stoull(id) < (1ULL << 53U));
    CHECK(json::parse(text)["params"] == json::object());
  }
}

TEST_CASE("session 5.1: what the host saw in pages is announced without a fetch, on every link") {
  Driver d;
  establish_with(d);
  show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}, "page2"));
  show(d, "2", ListKind::tools, list_of(ListKind::tools, {item("b")}), R"({"cursor":"page2"})");
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    d.lose();
    resume_with(d);
    CHECK(own_fetch(d.take_link(), ListKind::tools).empty());
    CHECK(d.take_host() == std::vector<std::string>{changed(ListKind::tools)});
  }
  show(d, "3", ListKind::tools, list_of(ListKind::tools, {item("a")}));  // whole again
  come_back_with(d, ListKind::tools, list_of(ListKind::tools, {item("a")}));
  CHECK(d.take_host().empty());
}

TEST_CASE(
    "session 5.1: a list that the host has never been given is neither fetched nor announced") {
  Driver d;
  establish_with(d);
  SUBCASE("never asked") {}
  SUBCASE("the answer was an error") {
    d.host(request("1", "tools/list"));
    d.backend(error_to("1", -32000));
  }
  SUBCASE("the answer never came") {
    d.host(request("1", "tools/list"));
    d.host(cancel("1"));
  }
  SUBCASE("the host has begun a new session since") {
    show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
    establish_with(d);
  }
  for (int round = 0; round < 2; ++round) {
    d.lose();
    resume_with(d);
    CHECK(methods_in(d.take_link()) ==
          std::vector<std::string>{"initialize", "notifications/initialized"});
    CHECK(d.take_host().empty());
  }
}

TEST_CASE("session 5.1: the host hears only of lists that it was told it would hear of") {
  struct Row {
    std::string capabilities;
    bool compares_tools;
  };
  const std::array rows{
      Row{R"({"tools":{"listChanged":true}})", true},
      Row{R"({"tools":{}})", false},
      Row{R"({"tools":{"listChanged":false}})", false},
      Row{R"({"tools":{"listChanged":"true"}})", false},
      Row{R"({"tools":{"listChanged":1}})", false},
      Row{R"({"tools":true})", false},
      Row{R"({"tools":null})", false},
      Row{R"({"prompts":{"listChanged":true}})", false},
      Row{R"({})", false},
      Row{R"([])", false},
      Row{R"(null)", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.capabilities);
    Driver d;
    establish_with(d, row.capabilities);
    show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
    show(d, "2", ListKind::resources, list_of(ListKind::resources, {item("a")}));
    d.lose();
    resume_with(d);  // what the backend says now does not matter
    const auto sent = d.take_link();
    CHECK(own_fetch(sent, ListKind::tools).empty() != row.compares_tools);
    CHECK(own_fetch(sent, ListKind::resources).empty());
    CHECK(d.take_host().empty());
  }
}

TEST_CASE("session 5.1: a backend that has lost a capability has no items, and is not asked") {
  struct Row {
    std::string name;
    std::vector<std::string> shown;
    bool told;
  };
  const std::array rows{Row{"there were some", {item("a")}, true}, Row{"nor had it", {}, false}};
  for (const ListKind kind : list_kinds) {
    for (const Row& row : rows) {
      CAPTURE(list_method(kind));
      CAPTURE(row.name);
      Driver d;
      establish_with(d);
      show(d, "1", kind, list_of(kind, row.shown));
      d.lose();
      resume_with(d, "{}");
      CHECK(own_fetch(d.take_link(), kind).empty());
      CHECK(d.take_host() ==
            (row.told ? std::vector<std::string>{changed(kind)} : std::vector<std::string>{}));
    }
  }
}

TEST_CASE("session 5.1: a backend that no longer announces changes is compared all the same") {
  Driver d;
  establish_with(d);
  show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
  d.lose();
  resume_with(d, R"({"tools":{}})");
  const std::string own = own_fetch(d.take_link(), ListKind::tools);
  REQUIRE_FALSE(own.empty());
  d.backend(answer(id_of(own), list_of(ListKind::tools, {item("b")})));
  CHECK(d.take_host() == std::vector<std::string>{changed(ListKind::tools)});
}

TEST_CASE("session 5.1: an answer to the fetch that says nothing changes nothing, and stays here") {
  struct Row {
    std::string name;
    std::string after_id;
  };
  const std::array rows{
      Row{"an error", R"(,"error":{"code":-32603,"message":"no"}})"},
      Row{"neither result nor error", "}"},
      Row{"invalid JSON", R"(,"result":{},})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    establish_with(d);
    show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
    d.lose();
    resume_with(d);
    const std::string own = own_fetch(d.take_link(), ListKind::tools);
    d.backend(R"({"jsonrpc":"2.0","id":)" + id_of(own) + row.after_id);
    CHECK(d.session.phase() == Phase::ready);
    CHECK(d.take_host().empty());
    come_back_with(d, ListKind::tools, list_of(ListKind::tools, {item("a")}));
    CHECK(d.take_host().empty());  // what the host saw is still what is compared with
  }
}

TEST_CASE("session 5.1: resources and their templates are announced with one notification") {
  Driver d;
  establish_with(d);
  show(d, "1", ListKind::resources, list_of(ListKind::resources, {item("a")}));
  show(d, "2", ListKind::templates, list_of(ListKind::templates, {item("a")}));
  SUBCASE("both differ") {
    d.lose();
    resume_with(d);
    const auto sent = d.take_link();
    for (const ListKind kind : {ListKind::templates, ListKind::resources})
      d.backend(answer(id_of(own_fetch(sent, kind)), list_of(kind, {item("b")})));
  }
  SUBCASE("both are gone") {
    d.lose();
    resume_with(d, "{}");
  }
  SUBCASE("one is gone to pages, the other differs") {
    show(d, "3", ListKind::templates, list_of(ListKind::templates, {item("a")}, "page2"));
    come_back_with(d, ListKind::resources, list_of(ListKind::resources, {item("b")}));
  }
  CHECK(d.take_host() == std::vector<std::string>{changed(ListKind::resources)});
}

TEST_CASE("session 5.1: a host that has fetched the new list meanwhile is not told of it") {
  Driver d;
  establish_with(d);
  show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
  d.lose();
  resume_with(d);
  const std::string own = own_fetch(d.take_link(), ListKind::tools);
  show(d, "2", ListKind::tools, list_of(ListKind::tools, {item("b")}));
  d.backend(answer(id_of(own), list_of(ListKind::tools, {item("b")})));
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.1: a backend that announces the change itself is not repeated") {
  Driver d;
  establish_with(d);
  show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
  d.lose();
  SUBCASE("once ready") {
    resume_with(d);
    d.backend(changed(ListKind::tools));
  }
  SUBCASE("before the session is resumed") {
    d.validate();
    const std::string own = d.link_log.back().text;
    d.backend(changed(ListKind::tools));
    d.backend(answer(id_of(own), initialize_result()));
  }
  REQUIRE(d.session.phase() == Phase::ready);
  CHECK(d.take_host() == std::vector<std::string>{changed(ListKind::tools)});
  const std::string own = own_fetch(d.take_link(), ListKind::tools);
  if (!own.empty()) d.backend(answer(id_of(own), list_of(ListKind::tools, {item("b")})));
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.1: an announcement of one list says nothing about another") {
  Driver d;
  establish_with(d);
  show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
  d.lose();
  resume_with(d);
  d.backend(changed(ListKind::prompts));
  d.forget();
  d.backend(answer(id_of(own_fetch({d.link_log.back().text}, ListKind::tools)),
                   list_of(ListKind::tools, {item("b")})));
  CHECK(d.take_host() == std::vector<std::string>{changed(ListKind::tools)});
}

TEST_CASE("session 5.1: a change that was announced is announced again on the next link, not now") {
  Driver d;
  establish_with(d);
  show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
  come_back_with(d, ListKind::tools, list_of(ListKind::tools, {item("b")}));
  CHECK(d.take_host().size() == 1);
  // The host has not fetched it: it still has the old one.
  come_back_with(d, ListKind::tools, list_of(ListKind::tools, {item("b")}));
  CHECK(d.take_host().size() == 1);
  show(d, "2", ListKind::tools, list_of(ListKind::tools, {item("b")}));
  come_back_with(d, ListKind::tools, list_of(ListKind::tools, {item("b")}));
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.1: the answer to the fetch of a lost link means nothing to the next one") {
  Driver d;
  establish_with(d);
  show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
  d.lose();
  resume_with(d);
  const std::string old = own_fetch(d.take_link(), ListKind::tools);
  d.lose();
  resume_with(d);
  CHECK(id_of(own_fetch(d.take_link(), ListKind::tools)) != id_of(old));
  d.backend(answer(id_of(old), list_of(ListKind::tools, {item("b")})));
  CHECK(d.take_host().empty());
  CHECK(d.dropped(Drop::unknown_answer) == 1);
}

TEST_CASE("session 5.1: nothing is compared before the host has said initialized") {
  Driver d;
  d.go_ready();
  d.host(initialize("0"));
  d.backend(answer("0", initialize_result()));
  show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
  d.lose();
  resume_with(d);
  CHECK(methods_in(d.take_link()) == std::vector<std::string>{"initialize"});
  CHECK(d.take_host().empty());
}

TEST_CASE("session 5.1: lists are compared whatever --offline says") {
  Settings settings = default_settings();
  settings.offline = Offline::wait;
  Driver d(settings);
  establish_with(d);
  show(d, "1", ListKind::tools, list_of(ListKind::tools, {item("a")}));
  come_back_with(d, ListKind::tools, list_of(ListKind::tools, {item("b")}));
  CHECK(d.take_host() == std::vector<std::string>{changed(ListKind::tools)});
  CHECK(d.cache_stores == 0);
}

}  // namespace
}  // namespace shim::test
