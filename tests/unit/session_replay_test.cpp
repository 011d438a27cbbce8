// Contract 5.3: which calls of tools may be sent again after their link was lost.

#include <array>

#include "tests/unit/mcp_texts.hpp"

namespace shim::test {
namespace {

Settings with_replay(Replay replay) {
  Settings settings = default_settings();
  settings.replay = replay;
  return settings;
}

/// Has the host send a call, loses its link, and says whether the call was sent again on the next.
/// If not, it must have been settled at once.
bool is_replayed(Driver& d, const std::string& text) {
  const std::string id = id_of(text);
  d.host(text);
  REQUIRE(last_of(d.take_link()) == text);
  d.lose();
  const auto told = d.take_host();
  resume_with(d);
  const auto sent = d.take_link();
  const auto times = std::ranges::count(sent, text);
  CHECK(times <= 1);
  if (times == 0) {
    REQUIRE(told.size() == 1);
    CHECK(id_of(told[0]) == id);
    CHECK(settled(told[0]).reason == "outcome-unknown");
    CHECK(d.session.pending().find(id) == nullptr);
  } else {
    CHECK(told.empty());
    d.backend(answer(id));
    CHECK(d.answers_to(id) == 1);
  }
  d.forget();
  return times == 1;
}

TEST_CASE(
    "session 5.3: a call is replayed if its tool was last listed as read-only or idempotent") {
  struct Row {
    std::string annotations;
    bool replayed;
  };
  const std::array rows{
      Row{R"({"readOnlyHint":true})", true},
      Row{R"({"idempotentHint":true})", true},
      Row{R"({"readOnlyHint":false,"idempotentHint":true})", true},
      Row{R"({"readOnlyHint":false,"idempotentHint":false})", false},
      Row{R"({"title":"x"})", false},
      Row{R"({"readOnlyHint":"true"})", false},
      Row{R"({"readOnlyHint":1,"idempotentHint":null})", false},
      Row{R"([{"readOnlyHint":true}])", false},
      Row{"null", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.annotations);
    Driver d;
    establish_with(d);
    ask_and_answer(d, request("1", "tools/list"),
                   list_of(ListKind::tools, {tool("t", row.annotations), tool("other")}));
    CHECK(is_replayed(d, call("2", "t")) == row.replayed);
  }
}

TEST_CASE(
    "session 5.3: a tool that was never listed is not called twice, nor a call without name") {
  const std::array params{R"({"name":"unknown"})", R"({})",
                          R"({"name":7})",         R"({"name":["t"]})",
                          R"({"name":""})",        R"({"arguments":{"name":"t"}})"};
  for (const std::string one : params) {
    CAPTURE(one);
    Driver d;
    establish_with(d);
    ask_and_answer(d, request("1", "tools/list"),
                   list_of(ListKind::tools, {tool("t", R"({"readOnlyHint":true})")}));
    CHECK_FALSE(is_replayed(d, request("2", "tools/call", one)));
  }
  Driver d;
  establish_with(d);
  CHECK_FALSE(is_replayed(d, call("1", "t")));
}

TEST_CASE("session 5.3: the tool's name is compared as a value, not as a spelling") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"),
                 list_of(ListKind::tools, {tool("t\\u00e9", R"({"readOnlyHint":true})")}));
  CHECK(is_replayed(d, call("2", "t\\u00E9")));
  CHECK(is_replayed(d, call("3", "té")));
  CHECK_FALSE(is_replayed(d, call("4", "t\\\\u00e9")));
}

TEST_CASE("session 5.3: each page of a list adds what it says, a new first page starts afresh") {
  const std::string hint = R"({"readOnlyHint":true})";
  Driver d;
  establish_with(d, R"({"tools":{}})");
  ask_and_answer(d, request("1", "tools/list"),
                 list_of(ListKind::tools, {tool("a", hint)}, "page2"));
  ask_and_answer(d, request("2", "tools/list", R"({"cursor":"page2"})"),
                 list_of(ListKind::tools, {tool("b", hint)}));
  CHECK(is_replayed(d, call("3", "a")));
  CHECK(is_replayed(d, call("4", "b")));
  ask_and_answer(d, request("5", "tools/list"),
                 list_of(ListKind::tools, {tool("a"), tool("c", hint)}, "page2"));
  CHECK_FALSE(is_replayed(d, call("6", "a")));
  CHECK_FALSE(is_replayed(d, call("7", "b")));
  CHECK(is_replayed(d, call("8", "c")));
}

TEST_CASE("session 5.3: hints are learnt from a list that came from the cache") {
  Driver d;
  d.cache_files["2025-11-25"] =
      cache_file({{"initialize", initialize_result()},
                  {"tools/list", list_of(ListKind::tools,
                                         {tool("t", R"({"idempotentHint":true})"), tool("u")})}});
  d.host(initialize("0"));
  d.advance(d.settings.init_grace);
  d.host(notify("notifications/initialized"));
  d.host(request("1", "tools/list"));
  REQUIRE(d.answers_to("1") == 1);
  resume_with(d);
  d.forget();
  CHECK(is_replayed(d, call("2", "t")));
  CHECK_FALSE(is_replayed(d, call("3", "u")));
}

TEST_CASE("session 5.3: an upgrade that drops the hint is noticed by the shim's own fetch") {
  struct Row {
    std::string name;
    std::string fresh;
    bool replayed;
  };
  const std::string hint = R"({"readOnlyHint":true})";
  const std::array rows{
      Row{"still there", list_of(ListKind::tools, {tool("t", hint)}), true},
      Row{"dropped", list_of(ListKind::tools, {tool("t")}), false},
      Row{"false", list_of(ListKind::tools, {tool("t", R"({"readOnlyHint":false})")}), false},
      Row{"the tool is gone", list_of(ListKind::tools, {}), false},
      Row{"on a later page now", list_of(ListKind::tools, {tool("a", hint)}, "page2"), false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    establish_with(d);
    ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {tool("t", hint)}));
    d.lose();
    resume_with(d);
    const std::string own = with_method(d.take_link(), "tools/list");
    REQUIRE_FALSE(own.empty());
    d.backend(answer(id_of(own), row.fresh));
    d.forget();
    CHECK(is_replayed(d, call("2", "t")) == row.replayed);
  }
}

TEST_CASE("session 5.3: an upgrade that brings the hint counts too") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {tool("t")}));
  d.lose();
  resume_with(d);
  d.backend(answer(id_of(with_method(d.take_link(), "tools/list")),
                   list_of(ListKind::tools, {tool("t", R"({"readOnlyHint":true})")})));
  d.forget();
  CHECK(is_replayed(d, call("2", "t")));
}

TEST_CASE("session 5.3: what counts is what was last listed when the link is lost") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"),
                 list_of(ListKind::tools, {tool("t", R"({"readOnlyHint":true})")}));
  SUBCASE("the host has fetched the list again while the call was in flight") {
    d.host(call("2", "t"));
    ask_and_answer(d, request("3", "tools/list"), list_of(ListKind::tools, {tool("t")}));
  }
  SUBCASE("the call waited for a link that brought an upgrade") {
    d.lose();
    d.host(call("2", "t"));
    resume_with(d);
    d.backend(answer(id_of(with_method(d.take_link(), "tools/list")),
                     list_of(ListKind::tools, {tool("t")})));
    d.forget();
  }
  REQUIRE(d.session.pending().find("2")->in_flight());
  d.lose();
  CHECK(d.answers_to("2") == 1);
  resume_with(d);
  CHECK(with_method(d.take_link(), "tools/call").empty());
}

TEST_CASE("session 5.3: the hints of one era are not those of the other") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"),
                 list_of(ListKind::tools, {tool("t", R"({"readOnlyHint":true})")}));
  const auto modern_call = [](std::string_view id) {
    return request(id, "tools/call", R"({"name":"t",)" + std::string(modern_meta) + "}");
  };
  CHECK_FALSE(is_replayed(d, modern_call("2")));
  CHECK(is_replayed(d, call("3", "t")));
  ask_and_answer(d, modern_request("4", "tools/list"),
                 list_of(ListKind::tools, {tool("t", R"({"readOnlyHint":true})")}));
  CHECK(is_replayed(d, modern_call("5")));
}

TEST_CASE("session 5.3: a new initialize forgets what the old session's tools were like") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"),
                 list_of(ListKind::tools, {tool("t", R"({"readOnlyHint":true})")}));
  establish_with(d);
  CHECK_FALSE(is_replayed(d, call("2", "t")));
}

TEST_CASE("session 5.3: a request that only reads is replayed however long it is") {
  Settings settings = default_settings();
  settings.queue_bytes = 1000;
  Driver d(settings);
  establish_with(d);
  const std::string text =
      request("1", "resources/read", R"({"uri":")" + std::string(5000, 'u') + R"("})");
  CHECK(is_replayed(d, text));
}

TEST_CASE("session 5.1: a subscription that cannot be kept is not dropped in silence") {
  Settings settings = default_settings();
  settings.queue_bytes = 1000;
  Driver d(settings);
  establish_with(d);
  const std::string uri(5000, 'u');
  d.host(request("1", "resources/read", R"({"uri":")" + uri + R"("})"));
  d.host(request("2", "resources/subscribe", R"({"uri":")" + uri + R"("})"));
  d.backend(answer("2"));
  CHECK(d.logged("will not survive", LogLevel::warn) == 1);
}

TEST_CASE("session 5.3: no call is replayed a second time") {
  for (const Replay replay : {Replay::safe, Replay::always}) {
    CAPTURE(replay);
    Driver d(with_replay(replay));
    establish_with(d);
    ask_and_answer(d, request("1", "tools/list"),
                   list_of(ListKind::tools, {tool("t", R"({"readOnlyHint":true})")}));
    d.host(call("2", "t"));
    d.lose();
    CHECK(d.session.counters().replays == 1);
    resume_with(d);
    CHECK(std::ranges::count(d.take_link(), call("2", "t")) == 1);
    CHECK(d.take_host().empty());
    d.lose();
    const Settled told = settled(d.one_host_line());
    CHECK(told.id == "2");
    CHECK(told.reason == "outcome-unknown");
    CHECK(told.is_tool_result);
    resume_with(d);
    CHECK(with_method(d.take_link(), "tools/call").empty());
    CHECK(d.session.counters().replays == 1);
  }
}

TEST_CASE("session 5.3: --replay never and always override the hints") {
  struct Row {
    Replay replay;
    std::string annotations;
    bool replayed;
  };
  const std::array rows{
      Row{Replay::never, R"({"readOnlyHint":true})", false},
      Row{Replay::never, R"({})", false},
      Row{Replay::always, R"({"readOnlyHint":false,"destructiveHint":true})", true},
      Row{Replay::always, R"({"readOnlyHint":true})", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.replay);
    CAPTURE(row.annotations);
    Driver d(with_replay(row.replay));
    establish_with(d);
    ask_and_answer(d, request("1", "tools/list"),
                   list_of(ListKind::tools, {tool("t", row.annotations)}));
    CHECK(is_replayed(d, call("2", "t")) == row.replayed);
  }
}

}  // namespace
}  // namespace shim::test
