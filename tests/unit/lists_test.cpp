// Contract 5.1 (has a list changed?) and 5.3 (may a tool be called twice?).

#include "shim/core/lists.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace shim {
namespace {

using Comparison = Lists::Comparison;

TEST_CASE("lists 5.1: each list has its method, its notification, its capability and its filter") {
  struct Row {
    ListKind kind;
    mcp::Method method;
    std::string name, changed, capability, filter, empty;
  };
  const std::array rows{
      Row{ListKind::tools, mcp::Method::tools_list, "tools/list",
          "notifications/tools/list_changed", "tools", "toolsListChanged", R"({"tools":[]})"},
      Row{ListKind::prompts, mcp::Method::prompts_list, "prompts/list",
          "notifications/prompts/list_changed", "prompts", "promptsListChanged",
          R"({"prompts":[]})"},
      Row{ListKind::resources, mcp::Method::resources_list, "resources/list",
          "notifications/resources/list_changed", "resources", "resourcesListChanged",
          R"({"resources":[]})"},
      Row{ListKind::templates, mcp::Method::resources_templates_list, "resources/templates/list",
          "notifications/resources/list_changed", "resources", "resourcesListChanged",
          R"({"resourceTemplates":[]})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(list_kind(row.method) == row.kind);
    CHECK(list_method(row.kind) == row.name);
    CHECK(mcp::method(list_method(row.kind)) == row.method);
    CHECK(list_changed_method(row.kind) == row.changed);
    CHECK(list_capability(row.kind) == row.capability);
    CHECK(list_filter(row.kind) == row.filter);
    CHECK(empty_list(row.kind) == row.empty);
    CHECK(is_complete_list(empty_list(row.kind)));
  }
  CHECK_FALSE(list_kind(mcp::Method::tools_call).has_value());
  CHECK_FALSE(list_kind(mcp::Method::resources_read).has_value());
  CHECK_FALSE(list_kind(mcp::Method::other).has_value());
}

TEST_CASE("lists 5.1: a list is complete unless it names a further page") {
  struct Row {
    std::string result;
    bool complete;
  };
  const std::array rows{
      Row{R"({"tools":[]})", true},
      Row{R"({})", true},
      Row{R"({"tools":[],"nextCursor":"2"})", false},
      Row{R"({"tools":[],"nextCursor":""})", false},
      Row{R"({"tools":[],"nextCursor":null})", true},
      Row{R"([])", false},
      Row{R"("x")", false},
      Row{"", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.result);
    CHECK(is_complete_list(row.result) == row.complete);
  }
}

TEST_CASE("lists 5.1: two results are the same list if they hold the same items in any order") {
  const std::string shown = R"({"tools":[{"name":"a","x":1},{"name":"b"}]})";
  struct Row {
    std::string name;
    std::string fresh;
    Comparison expected;
  };
  const std::array rows{
      Row{"to the byte", shown, Comparison::same},
      Row{"other order", R"({"tools":[{"name":"b"},{"name":"a","x":1}]})", Comparison::same},
      Row{"members in another order", R"({"tools":[{"x":1,"name":"a"},{"name":"b"}]})",
          Comparison::same},
      Row{"white space", "{ \"tools\" : [ {\"name\":\n\"a\",\"x\":1 }, {\"name\":\"b\"} ] }",
          Comparison::same},
      Row{"escapes", R"({"tools":[{"name":"\u0061","x":1},{"name":"b"}]})", Comparison::same},
      Row{"things beside the items",
          R"({"_meta":{"t":5},"ttlMs":9,"tools":[{"name":"a","x":1},{"name":"b"}]})",
          Comparison::same},
      Row{"one more", R"({"tools":[{"name":"a","x":1},{"name":"b"},{"name":"c"}]})",
          Comparison::different},
      Row{"one less", R"({"tools":[{"name":"b"}]})", Comparison::different},
      Row{"one twice", R"({"tools":[{"name":"a","x":1},{"name":"b"},{"name":"b"}]})",
          Comparison::different},
      Row{"another value", R"({"tools":[{"name":"a","x":2},{"name":"b"}]})", Comparison::different},
      Row{"another type", R"({"tools":[{"name":"a","x":"1"},{"name":"b"}]})",
          Comparison::different},
      Row{"a new member", R"({"tools":[{"name":"a","x":1},{"name":"b","y":null}]})",
          Comparison::different},
      Row{"the same page of more",
          R"({"tools":[{"name":"a","x":1},{"name":"b"}],"nextCursor":"2"})", Comparison::different},
      Row{"no items", R"({})", Comparison::different},
      Row{"items of the wrong type", R"({"tools":{}})", Comparison::different},
      Row{"no object", R"(7)", Comparison::different},
      Row{"a number that has no value here", R"({"tools":[{"name":"a","x":1e999},{"name":"b"}]})",
          Comparison::different},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Lists lists;
    lists.shown(ListKind::tools, shown, true, 1);
    CHECK(lists.compare(ListKind::tools, row.fresh) == row.expected);
    CHECK(lists.compare(ListKind::tools, row.fresh) == row.expected);  // comparing changes nothing
    CHECK(lists.compare(ListKind::prompts, row.fresh) == Comparison::never_shown);
  }
}

TEST_CASE("lists 5.1: the items compared are those of the list, not of another one") {
  Lists lists;
  lists.shown(ListKind::resources, R"({"resources":[],"tools":[1]})", true, 1);
  CHECK(lists.compare(ListKind::resources, R"({"resources":[],"tools":[2]})") == Comparison::same);
  lists.shown(ListKind::templates, R"({"resourceTemplates":[1]})", true, 1);
  CHECK(lists.compare(ListKind::templates, R"({"resourceTemplates":[2]})") ==
        Comparison::different);
  CHECK(lists.compare(ListKind::resources, R"({"resources":[]})") == Comparison::same);
}

TEST_CASE("lists 5.1: what the host saw in pages is never known to be the same") {
  struct Row {
    std::string name;
    std::string result;
    bool first_page;
  };
  const std::array rows{
      Row{"a first page", R"({"tools":[],"nextCursor":"2"})", true},
      Row{"a last page", R"({"tools":[]})", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Lists lists;
    lists.shown(ListKind::tools, row.result, row.first_page, 1);
    CHECK(lists.was_shown(ListKind::tools));
    CHECK(lists.is_paged(ListKind::tools));
    CHECK(lists.last(ListKind::tools) == nullptr);
    CHECK(lists.compare(ListKind::tools, row.result) == Comparison::different);
    lists.shown(ListKind::tools, R"({"tools":[]})", true, 1);  // whole again
    CHECK(lists.compare(ListKind::tools, R"({"tools":[]})") == Comparison::same);
  }
}

TEST_CASE("lists 6: the last complete list is kept to the byte") {
  Lists lists;
  for (const ListKind kind : list_kinds) {
    CHECK_FALSE(lists.was_shown(kind));
    CHECK(lists.last(kind) == nullptr);
  }
  const std::string result = R"({ "tools":[{"name":"\u0061","n":1.0}] ,"x":1e999})";
  lists.shown(ListKind::tools, R"({"tools":[]})", true, 1);
  lists.shown(ListKind::tools, R"({"tools":[{"name":"a","n":1.0}]})", true, 1);
  REQUIRE(lists.last(ListKind::tools) != nullptr);
  CHECK(*lists.last(ListKind::tools) == R"({"tools":[{"name":"a","n":1.0}]})");
  CHECK(lists.last(ListKind::prompts) == nullptr);
  lists.shown(ListKind::tools, result, true, 1);
  CHECK(*lists.last(ListKind::tools) == result);
  CHECK(lists.compare(ListKind::tools, result) == Comparison::same);
}

TEST_CASE("lists 5.1: what has no C++ value can be compared all the same") {
  for (const char* const text :
       {R"({"tools":[{"name":"a","x":1e999}]})", R"({"tools":[{"name":"a\ud800"}]})",
        R"({"tools":[{"n":18446744073709551617}]})"}) {
    CAPTURE(std::string(text));
    Lists lists;
    lists.shown(ListKind::tools, text, true, 1);
    CHECK(lists.compare(ListKind::tools, text) == Comparison::same);
    CHECK(lists.compare(ListKind::tools, R"({"tools":[{"n":18446744073709551618}]})") ==
          Comparison::different);
  }
}

TEST_CASE("lists 5.1, 12: a list too large to be kept is compared, and its tools are known") {
  const std::string big = R"({"tools":[{"name":"a","annotations":{"readOnlyHint":true},"x":")" +
                          std::string(Lists::list_bytes_max, 'x') + R"("}]})";
  Lists lists;
  lists.shown(ListKind::tools, big, true, 1);
  lists.learn_tools(big, true);
  CHECK(lists.last(ListKind::tools) == nullptr);
  CHECK_FALSE(lists.is_paged(ListKind::tools));
  CHECK(lists.compare(ListKind::tools, big) == Comparison::same);
  CHECK(lists.compare(ListKind::tools, R"({"tools":[]})") == Comparison::different);
  CHECK(lists.may_repeat("a"));
}

TEST_CASE("lists 12: the names of tools that may be called twice have a bound") {
  std::string list = R"({"tools":[)";
  const std::string tail(1000, 'n');
  for (int i = 0; i < 3000; ++i) {
    list +=
        R"({"name":")" + std::to_string(i) + tail + R"(","annotations":{"readOnlyHint":true}},)";
  }
  list += "{}]}";
  Lists lists;
  for (int i = 0; i < 2; ++i) {
    lists.learn_tools(list, true);
    CHECK(lists.may_repeat("0" + tail));
    CHECK_FALSE(lists.may_repeat("2999" + tail));
  }
}

TEST_CASE("lists 5.2: what came over another link, or from the cache, may be stale") {
  Lists lists;
  CHECK_FALSE(lists.may_be_stale(ListKind::tools, 1));
  lists.shown(ListKind::tools, "{}", true, 3);
  CHECK_FALSE(lists.may_be_stale(ListKind::tools, 3));
  CHECK(lists.may_be_stale(ListKind::tools, 4));
  CHECK_FALSE(lists.may_be_stale(ListKind::prompts, 4));
  lists.shown(ListKind::tools, "{}", true, 0);
  CHECK(lists.may_be_stale(ListKind::tools, 4));
  lists.shown(ListKind::tools, "{}", true, 4);
  CHECK_FALSE(lists.may_be_stale(ListKind::tools, 4));
}

TEST_CASE("lists 5.3: only a hint that is true, of the right type, lets a tool be called twice") {
  struct Row {
    std::string annotations;
    bool may_repeat;
  };
  const std::array rows{
      Row{R"(,"annotations":{"readOnlyHint":true})", true},
      Row{R"(,"annotations":{"idempotentHint":true})", true},
      Row{R"(,"annotations":{"readOnlyHint":false,"idempotentHint":true})", true},
      Row{R"(,"annotations":{"readOnlyHint":true,"destructiveHint":true})", true},
      Row{R"(,"annotations":{"readOnlyHint":false})", false},
      Row{R"(,"annotations":{"idempotentHint":false,"readOnlyHint":false})", false},
      Row{R"(,"annotations":{"destructiveHint":false,"openWorldHint":false})", false},
      Row{R"(,"annotations":{})", false},
      Row{R"()", false},
      Row{R"(,"readOnlyHint":true)", false},
      Row{R"(,"annotations":{"readonlyhint":true})", false},
      Row{R"(,"annotations":{"readOnlyHint":"true"})", false},
      Row{R"(,"annotations":{"readOnlyHint":1})", false},
      Row{R"(,"annotations":{"readOnlyHint":null})", false},
      Row{R"(,"annotations":{"readOnlyHint":[true]})", false},
      Row{R"(,"annotations":null)", false},
      Row{R"(,"annotations":true)", false},
      Row{R"(,"annotations":["readOnlyHint"])", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.annotations);
    Lists lists;
    lists.learn_tools(R"({"tools":[{"name":"a"},{"name":"t")" + row.annotations + "}]}", true);
    CHECK(lists.may_repeat("t") == row.may_repeat);
    CHECK_FALSE(lists.may_repeat("a"));
    CHECK_FALSE(lists.may_repeat(""));
  }
}

TEST_CASE("lists 5.3: a first page forgets what was learnt, a further one adds to it") {
  const auto page = [](std::string_view name, bool hint) {
    return R"({"tools":[{"name":")" + std::string(name) + R"(","annotations":{"readOnlyHint":)" +
           (hint ? "true" : "false") + "}}]}";
  };
  Lists lists;
  lists.learn_tools(page("a", true), true);
  lists.learn_tools(page("b", true), false);
  CHECK(lists.may_repeat("a"));
  CHECK(lists.may_repeat("b"));
  lists.learn_tools(page("a", false), false);  // listed again, without it
  CHECK_FALSE(lists.may_repeat("a"));
  CHECK(lists.may_repeat("b"));
  lists.learn_tools(page("c", true), true);
  CHECK_FALSE(lists.may_repeat("b"));
  CHECK(lists.may_repeat("c"));
}

TEST_CASE("lists 5.3: a list that makes no sense teaches nothing, and does no harm") {
  const std::array results{
      R"({"tools":7})",
      R"({"tools":[7,null,[],{}]})",
      R"({"tools":[{"name":7}]})",
      R"([])",
      R"({})",
      R"({"tools":{"name":"t"}})",
      R"(null)",
      "",
  };
  for (const std::string result : results) {
    CAPTURE(result);
    Lists lists;
    lists.learn_tools(
        R"({"tools":[{"name":"t","annotations":{"readOnlyHint":true,"idempotentHint":true}}]})",
        true);
    CHECK(lists.may_repeat("t"));
    lists.learn_tools(result, true);
    CHECK_FALSE(lists.may_repeat("t"));  // what is not known is not safe
    CHECK_FALSE(lists.may_repeat("7"));
  }
}

TEST_CASE("lists 3, 6: a list that may be shown again has no line breaks") {
  Lists lists;
  lists.shown(ListKind::tools, "{\n  \"tools\": [\r\n]\n}", true, 1);
  REQUIRE(lists.last(ListKind::tools) != nullptr);
  CHECK(*lists.last(ListKind::tools) == "{   \"tools\": [  ] }");
}

TEST_CASE("lists 5.3: a value that has no C++ value costs no tool its hints") {
  Lists lists;
  lists.learn_tools(
      R"({"tools":[{"name":"a","annotations":{"readOnlyHint":true}},{"name":"b","x":1e999},7]})",
      true);
  CHECK(lists.may_repeat("a"));
  CHECK_FALSE(lists.may_repeat("b"));
}

TEST_CASE("lists 5.3: names are compared as values") {
  Lists lists;
  lists.learn_tools(R"({"tools":[{"name":"a\u0062","annotations":{"readOnlyHint":true}}]})", true);
  CHECK(lists.may_repeat("ab"));
  CHECK_FALSE(lists.may_repeat("a\\u0062"));
}

}  // namespace
}  // namespace shim
