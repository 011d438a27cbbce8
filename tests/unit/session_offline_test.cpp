// Contract 6: what a host is answered while the backend is away.

#include <array>

#include "tests/unit/mcp_texts.hpp"

namespace shim::test {
namespace {

/// A host that has got its initialize answered without the backend.
void initialize_offline(Driver& d) {
  d.host(initialize("0"));
  d.advance(d.settings.init_timeout);
  REQUIRE(d.answers_to("0") == 1);
  d.host(notify("notifications/initialized"));
  d.forget();
}

TEST_CASE("session 6: initialize is answered from the cache exactly when --init-grace has passed") {
  for (const Duration grace : {Duration(0), Duration(1ms), Duration(2500ms), Duration(9s)}) {
    CAPTURE(grace.count());
    Settings settings = default_settings();
    settings.init_grace = grace;
    Driver d(settings);
    d.cache_files[asked] = cache_file({{"initialize", initialize_result()}});
    d.host(initialize("\"i\""));
    CHECK(d.cache_loads == std::vector<std::string>{asked});
    if (grace > Duration(0)) {
      d.advance(grace - 1ns);
      CHECK(d.take_host().empty());
      d.advance(1ns);
    }
    CHECK(d.one_host_line() == answer("\"i\"", initialize_result()));
    CHECK(d.session.pending().empty());
    CHECK(d.session.outbox().empty());
    d.advance(10min);
    CHECK(d.take_host().empty());
    CHECK(d.cache_stores == 0);
  }
}

TEST_CASE("session 6: a backend that is ready within the grace answers initialize itself") {
  Driver d;
  d.cache_files[asked] = cache_file({{"initialize", initialize_result()}});
  d.host(initialize("0"));
  d.advance(d.settings.init_grace - 1ns);
  d.opened();
  d.pong();
  d.advance(1h);
  CHECK(d.take_host().empty());
  d.backend(answer("0", initialize_result("{}")));
  CHECK(d.one_host_line() == answer("0", initialize_result("{}")));
}

TEST_CASE("session 6: a cache that is read slowly answers as soon as it is there") {
  Driver d;
  d.cache_files[asked] = cache_file({{"initialize", initialize_result()}});
  d.cache_answers = false;
  d.host(initialize("0"));
  d.advance(8s);
  CHECK(d.take_host().empty());
  d.release_cache();
  CHECK(d.one_host_line() == answer("0", initialize_result()));
}

TEST_CASE("session 6: without a cache initialize gets the minimal result after --init-timeout") {
  Settings settings = default_settings();
  settings.shim_version = "9.8.7";
  for (const std::string_view wanted : {"2025-11-25", "2024-11-05", "x/../y", "a\\u0022b", ""}) {
    CAPTURE(wanted);
    Driver d(settings);
    d.host(initialize("0", wanted));
    d.advance(settings.init_timeout - 1ns);
    CHECK(d.take_host().empty());
    d.advance(1ns);
    json result = json::parse(d.one_host_line())["result"];
    CHECK(result.value("instructions", "").find("not reachable yet") != std::string::npos);
    result.erase("instructions");
    json expected = json::parse(R"({
        "capabilities":{"tools":{"listChanged":true},"prompts":{"listChanged":true},
                        "resources":{"listChanged":true},"logging":{}},
        "serverInfo":{"name":"mcp-ws-shim","version":"9.8.7"}})");
    expected["protocolVersion"] = json::parse("\"" + std::string(wanted) + "\"");
    CHECK(result == expected);
    CHECK(d.cache_stores == 0);  // it is no real result
    d.advance(10min);
    CHECK(d.take_host().empty());
  }
}

TEST_CASE("session 6: a cached result that names no version is as good as none") {
  Driver d;
  d.cache_files[asked] = cache_file({{"initialize", R"({"capabilities":{}})"}});
  d.host(initialize("0"));
  d.advance(d.settings.init_grace);
  CHECK(d.logged("cache", LogLevel::warn) == 1);
  d.advance(d.settings.init_timeout - d.settings.init_grace - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  CHECK(json::parse(d.one_host_line())["result"]["serverInfo"]["name"] == "mcp-ws-shim");
}

TEST_CASE("session 6: an --init-timeout shorter than the grace ends the wait") {
  for (const bool has_cache : {false, true}) {
    CAPTURE(has_cache);
    Settings settings = default_settings();
    settings.init_grace = 5s;
    settings.init_timeout = 1s;
    Driver d(settings);
    if (has_cache) d.cache_files[asked] = cache_file({{"initialize", initialize_result()}});
    d.host(initialize("0"));
    d.advance(1s - 1ns);
    CHECK(d.take_host().empty());
    d.advance(1ns);
    const std::string line = d.one_host_line();
    CHECK((line == answer("0", initialize_result())) == has_cache);
  }
}

TEST_CASE(
    "session 6: the grace has begun when the backend went away, the timeout with the request") {
  Driver d;
  SUBCASE("from the cache at once") {
    d.cache_files[asked] = cache_file({{"initialize", initialize_result()}});
    d.advance(1min);
    d.host(initialize("0"));
    CHECK(d.answers_to("0") == 1);
  }
  SUBCASE("nothing cached") {
    d.advance(1min);
    d.host(initialize("0"));
    d.advance(d.settings.init_timeout - 1ns);
    CHECK(d.answers_to("0") == 0);
    d.advance(1ns);
    CHECK(d.answers_to("0") == 1);
  }
}

TEST_CASE("session 6: initialize never gets an error") {
  Settings settings = default_settings();
  Driver d(settings);
  SUBCASE("nothing is cached and attempts fail in every way") {
    d.host(initialize("0"));
    for (const Cause cause : {Cause::refused, Cause::certificate, Cause::tls, Cause::internal}) {
      if (d.session.phase() == Phase::waiting) d.until_connecting();
      d.lose({.cause = cause});
    }
  }
  SUBCASE("the cache is corrupt") {
    d.cache_files[asked] = "{";
    d.host(initialize("0"));
  }
  SUBCASE("the queue is full") {
    for (std::size_t i = 1; i <= settings.queue_max; ++i) d.host(request(std::to_string(i), "m"));
    d.host(initialize("0"));
  }
  d.advance(settings.init_timeout);
  CHECK(d.answers_to("0") == 1);
  const auto found =
      std::ranges::find_if(d.host_log, [](const std::string& line) { return id_of(line) == "0"; });
  REQUIRE(found != d.host_log.end());
  CHECK_FALSE(result_of(*found).empty());
}

TEST_CASE("session 6: the four lists come from the cache, and share one grace") {
  Driver d;
  d.cache_files[asked] =
      cache_file({{"initialize", initialize_result()},
                  {"tools/list", list_of(ListKind::tools, {item("t")})},
                  {"prompts/list", list_of(ListKind::prompts, {item("p")})},
                  {"resources/list", list_of(ListKind::resources, {item("r")})},
                  {"resources/templates/list", list_of(ListKind::templates, {item("u")})}});
  initialize_offline(d);
  const std::array names{"t", "p", "r", "u"};
  for (const ListKind kind : list_kinds) {
    CAPTURE(list_method(kind));
    d.host(request("5", list_method(kind)));
    CHECK(d.one_host_line() ==
          answer("5", list_of(kind, {item(names.at(static_cast<std::size_t>(kind)))})));
  }
  CHECK(d.cache_loads.size() == 1);
}

TEST_CASE("session 6: a list asked for in an outage waits for the rest of the grace only") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("t")}));
  d.lose();
  d.advance(1s);
  d.host(request("2", "tools/list"));
  d.advance(d.settings.init_grace - 1s - 1ns);
  if (d.session.phase() == Phase::connecting) d.lose();
  CHECK(d.take_host().empty());
  d.advance(1ns);
  CHECK(d.one_host_line() == answer("2", list_of(ListKind::tools, {item("t")})));
  d.host(request("3", "tools/list"));
  CHECK(d.one_host_line() == answer("3", list_of(ListKind::tools, {item("t")})));
  d.lose();  // the next link: a new outage, a new grace
  resume_with(d);
  d.lose();
  d.forget();
  d.host(request("4", "tools/list"));
  d.advance(d.settings.init_grace - 1ns);
  CHECK(d.answers_to("4") == 0);
  d.advance(1ns);
  CHECK(d.answers_to("4") == 1);
}

TEST_CASE("session 6: without a cache the last list of the session is given") {
  Driver d;
  establish_with(d, all_lists, "no name for a file");
  REQUIRE(d.cache_loads.empty());
  for (const ListKind kind : list_kinds)
    ask_and_answer(d, request("1", list_method(kind)), list_of(kind, {item("a")}));
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("b")}));
  d.lose();
  d.advance(d.settings.init_grace);
  for (const ListKind kind : list_kinds) {
    CAPTURE(list_method(kind));
    d.host(request("2", list_method(kind)));
    const auto* const name = kind == ListKind::tools ? "b" : "a";
    CHECK(d.one_host_line() == answer("2", list_of(kind, {item(name)})));
  }
}

TEST_CASE("session 6: the cache, which knows what the shim itself has fetched, goes first") {
  Driver d;
  establish_with(d);
  ask_and_answer(d, request("1", "tools/list"), list_of(ListKind::tools, {item("old")}));
  d.lose();
  resume_with(d);
  d.backend(answer(id_of(with_method(d.take_link(), "tools/list")),
                   list_of(ListKind::tools, {item("new")})));
  CHECK(method_of(d.one_host_line()) == "notifications/tools/list_changed");
  d.lose();  // before the host could fetch it
  d.host(request("2", "tools/list"));
  d.advance(d.settings.init_grace);
  CHECK(d.one_host_line() == answer("2", list_of(ListKind::tools, {item("new")})));
}

TEST_CASE("session 6: only after the minimal result are lists empty that nobody knows") {
  for (const ListKind kind : list_kinds) {
    CAPTURE(list_method(kind));
    const std::string ask = request("5", list_method(kind));
    Driver minimal;
    initialize_offline(minimal);
    minimal.host(ask);
    CHECK(minimal.one_host_line() == answer("5", empty_list(kind)));

    Driver cached;
    cached.cache_files[asked] = cache_file({{"initialize", initialize_result()}});
    initialize_offline(cached);
    Driver real;
    establish_with(real);
    real.lose();
    Driver never;
    for (Driver* d : {&cached, &real, &never}) {
      d->host(ask);
      d->advance(d->settings.queue_timeout - 1ns);
      CHECK(d->answers_to("5") == 0);
      d->advance(1ns);
      const Settled told = settled(d->one_host_line());
      CHECK(told.reason == "backend-unavailable");
    }
  }
}

TEST_CASE("session 6: a new initialize ends what the minimal result allowed") {
  Driver d;
  initialize_offline(d);
  d.go_ready(asked);
  establish_with(d);
  d.lose();
  d.host(request("5", "tools/list"));
  d.advance(10s);
  CHECK(d.answers_to("5") == 0);
}

TEST_CASE("session 6: a cursor that is null asks for the first page") {
  Driver d;
  establish_with(d);
  const std::string list = list_of(ListKind::tools, {item("a")});
  ask_and_answer(d, request("1", "tools/list", R"({"cursor":null})"), list);
  REQUIRE(cached_in(d).find("tools/list") != nullptr);
  CHECK(*cached_in(d).find("tools/list") == list);
  d.lose();
  d.host(request("2", "tools/list", R"({"cursor":null})"));
  d.advance(d.settings.init_grace);
  CHECK(d.one_host_line() == answer("2", list));
  resume_with(d);
  CHECK_FALSE(with_method(d.take_link(), "tools/list").empty());  // compared, not taken for changed
  CHECK(d.take_host().empty());
}

TEST_CASE("session 6: a request for a further page waits for the backend, as all else does") {
  Driver d;
  d.cache_files[asked] = cache_file(
      {{"initialize", initialize_result()}, {"tools/list", list_of(ListKind::tools, {item("t")})}});
  initialize_offline(d);
  const std::array texts{request("1", "tools/list", R"({"cursor":"page2"})"),
                         request("2", "tools/call"), request("3", "prompts/get"),
                         request("4", "resources/subscribe"), request("5", "unknown/list")};
  for (const std::string& text : texts) d.host(text);
  d.advance(d.settings.queue_timeout - 1ns);
  CHECK(d.take_host().empty());
  d.advance(1ns);
  CHECK(d.take_host().size() == texts.size());
}

TEST_CASE("session 6: a log level set while the backend is away holds on the next link") {
  Driver d;
  d.cache_files[asked] = cache_file({{"initialize", initialize_result()}});
  initialize_offline(d);
  d.host(request("4", "logging/setLevel", R"({"level":"error"})"));
  CHECK(d.one_host_line() == answer("4", "{}"));
  d.go_ready();
  CHECK(std::ranges::any_of(d.link_log, [](const auto& sent) {
    return method_of(sent.text) == "logging/setLevel" &&
           json::parse(sent.text)["params"]["level"] == "error";
  }));
}

TEST_CASE("session 6: a log level before any session waits for the backend") {
  Driver d;
  d.host(request("4", "logging/setLevel", R"({"level":"error"})"));
  d.advance(30s);
  CHECK(d.take_host().empty());
}

TEST_CASE("session 6: discover is answered from the cache, else at once with -32601") {
  const std::string known = R"({"supportedVersions":["2026-07-28"],"capabilities":{}})";
  struct Row {
    std::string name;
    std::string file;
    bool is_known;
  };
  const std::array rows{
      Row{"known as modern", cache_file({{"server/discover", known}}, "2026-07-28"), true},
      Row{"known, but not to discover", cache_file({{"tools/list", "{}"}}, "2026-07-28"), false},
      Row{"never seen", "", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver d;
    d.cache_files["2026-07-28"] = row.file;
    d.host(discover("\"server-discover-probe-1\""));
    d.advance(d.settings.init_grace - 1ns);
    CHECK(d.take_host().empty());
    d.advance(1ns);
    const std::string line = d.one_host_line();
    if (row.is_known) {
      CHECK(line == answer("\"server-discover-probe-1\"", known));
    } else {
      CHECK(id_of(line) == "\"server-discover-probe-1\"");
      const Settled told = settled(line);
      CHECK(told.code == -32601);
      CHECK(told.reason == "method-not-found");  // contract 9
      CHECK(told.data["source"] == "mcp-ws-shim");
      CHECK_FALSE(told.delivered);
    }
    CHECK(d.session.pending().empty());
    // A host that was refused falls back, and has no second grace to wait.
    d.host(initialize("1"));
    d.advance(d.settings.init_timeout);
    CHECK(d.answers_to("1") == 1);
    d.go_ready("2025-11-25");
    CHECK(with_method(d.take_link(), "server/discover").empty());
  }
}

TEST_CASE("session 6: a discover without modern _meta is refused too") {
  Driver d;
  d.host(request("1", "server/discover"));
  d.advance(d.settings.init_grace);
  CHECK(json::parse(d.one_host_line())["error"]["code"] == -32601);
}

TEST_CASE("session 6: modern lists come from the cache of their own version") {
  Driver d;
  d.cache_files["2026-07-28"] =
      cache_file({{"tools/list", list_of(ListKind::tools, {item("m")})}}, "2026-07-28");
  d.cache_files[asked] = cache_file({{"tools/list", list_of(ListKind::tools, {item("l")})}});
  d.host(modern_request("1", "tools/list"));
  d.host(modern_request("2", "prompts/list"));
  d.advance(d.settings.init_grace);
  CHECK(d.one_host_line() == answer("1", list_of(ListKind::tools, {item("m")})));
  d.advance(d.settings.queue_timeout);
  CHECK(settled(d.one_host_line()).reason == "backend-unavailable");
}

TEST_CASE("session 6: with --offline wait, or --protocol jsonrpc, nothing is answered or cached") {
  for (const bool is_jsonrpc : {false, true}) {
    CAPTURE(is_jsonrpc);
    Settings settings = default_settings();
    if (is_jsonrpc) {
      settings.protocol = Protocol::jsonrpc;
    } else {
      settings.offline = Offline::wait;
    }
    settings.queue_timeout = Duration::zero();
    Driver d(settings);
    d.cache_files[asked] = cache_file({{"initialize", initialize_result()},
                                       {"tools/list", list_of(ListKind::tools, {item("t")})}});
    d.host(initialize("0"));
    d.host(discover("1"));
    d.host(request("2", "tools/list"));
    d.host(listen("3", ""));
    d.advance(10min);
    CHECK(d.take_host().empty());
    d.go_ready();
    CHECK(d.take_link().size() == 4);
    d.backend(answer("0", initialize_result("{}")));
    d.backend(answer("1"));
    d.backend(answer("2", list_of(ListKind::tools, {item("new")})));
    d.lose();
    d.forget();
    if (is_jsonrpc) d.validate();
    d.host(request("5", "tools/list"));
    d.advance(d.settings.init_grace);
    CHECK(d.answers_to("5") == 0);
    CHECK(d.cache_loads.empty());
    CHECK(d.cache_stores == 0);
  }
}

}  // namespace
}  // namespace shim::test
