#include "common/mcp.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>

namespace shim::mcp {
namespace {

struct MethodRow {
  std::string_view name;
  Method method;
  bool read_only;
};

constexpr std::array<MethodRow, 18> rows{{
    {"completion/complete", Method::complete, true},
    {"initialize", Method::initialize, false},
    {"logging/setLevel", Method::set_level, true},
    {"notifications/cancelled", Method::cancelled, false},
    {"notifications/initialized", Method::initialized, false},
    {"notifications/progress", Method::progress, false},
    {"ping", Method::ping, true},
    {"prompts/get", Method::prompts_get, true},
    {"prompts/list", Method::prompts_list, true},
    {"resources/list", Method::resources_list, true},
    {"resources/read", Method::resources_read, true},
    {"resources/subscribe", Method::resources_subscribe, true},
    {"resources/templates/list", Method::resources_templates_list, true},
    {"resources/unsubscribe", Method::resources_unsubscribe, true},
    {"server/discover", Method::discover, true},
    {"subscriptions/listen", Method::listen, false},
    {"tools/call", Method::tools_call, false},
    {"tools/list", Method::tools_list, true},
}};

TEST_CASE("mcp 5.3: each method has its meaning, and the contract's list is read-only") {
  std::set<Method> seen;
  for (const MethodRow& row : rows) {
    CAPTURE(std::string(row.name));
    const bool right = method(row.name) == row.method;
    CHECK(right);
    CHECK(is_repeatable(row.method) == row.read_only);
    CHECK(seen.insert(row.method).second);
  }
  CHECK_FALSE(is_repeatable(Method::other));
}

TEST_CASE("mcp: every other name means nothing") {
  for (const MethodRow& row : rows) {
    const std::string name(row.name);
    for (const std::string& other : {name + " ", " " + name, name + "x", name.substr(1),
                                     name.substr(0, name.size() - 1), name + '\0'}) {
      CAPTURE(other);
      const bool means_nothing = method(other) == Method::other;
      CHECK(means_nothing);
    }
  }
  for (const std::string_view name : {"", "~", "Ping", "PING", "zzz", "tools", "tools/", "\xff"}) {
    const bool means_nothing = method(name) == Method::other;
    CHECK(means_nothing);
  }
}

TEST_CASE(
    "mcp: a cancellation names the request as it was spelled, and a reason only if there is one") {
  CHECK(cancelled("7") ==
        R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}})");
  CHECK(cancelled(R"("a\u0062")", "it \"took\" long") ==
        R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":)"
        R"({"requestId":"a\u0062","reason":"it \"took\" long"}})");
}

}  // namespace
}  // namespace shim::mcp
