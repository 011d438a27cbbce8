#include "shim/commands/report.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace shim {

using namespace std::chrono_literals;

TEST_CASE("report: a step is one line, with a second one for the remedy") {
  CHECK(as_text({.name = "TCP", .time = 1234us, .detail = "127.0.0.1:1"}, false) ==
        "ok       TCP              1.2 ms  127.0.0.1:1\n");
  CHECK(as_text({.name = "subprotocol",
                 .verdict = Verdict::failed,
                 .time = 10'001ms,
                 .detail = "no",
                 .remedy = "yes"},
                false) ==
        "failed   subprotocol    10001 ms  no\n"
        "         -> yes\n");
  CHECK(as_text({.name = "token", .verdict = Verdict::skipped}, false) ==
        "skipped  token                 -\n");
}

TEST_CASE("report: colours change nothing but colours") {
  for (const Verdict verdict : {Verdict::ok, Verdict::warning, Verdict::failed, Verdict::skipped}) {
    const Step step{.name = "TCP", .verdict = verdict, .time = 1ms, .detail = "x", .remedy = "y"};
    std::string text = as_text(step, true);
    CHECK(text.find('\x1b') == 0);
    for (std::size_t at = 0; (at = text.find('\x1b')) != std::string::npos;)
      text.erase(at, text.find('m', at) - at + 1);
    CHECK(text == as_text(step, false));
  }
}

TEST_CASE("report: JSON has every step, and is ok unless one has failed") {
  std::vector<Step> steps{{.name = "a", .time = 1500us, .detail = "\"\xff"},
                          {.name = "b", .verdict = Verdict::warning, .time = 0ms, .remedy = "r"},
                          {.name = "c", .verdict = Verdict::skipped}};
  auto report = nlohmann::json::parse(as_json("ws://x/", steps));
  CHECK(report["url"] == "ws://x/");
  CHECK(report["ok"] == true);
  CHECK(report["steps"][0]["status"] == "ok");
  CHECK(report["steps"][0]["ms"] == 1.5);
  CHECK(report["steps"][1]["remedy"] == "r");
  CHECK(report["steps"][2]["ms"].is_null());
  steps.push_back({.name = "d", .verdict = Verdict::failed});
  const std::string text = as_json("ws://x/", steps);
  CHECK(text.find('\n') == std::string::npos);
  CHECK(nlohmann::json::parse(text)["ok"] == false);
  CHECK(any_failed(steps));
}

}  // namespace shim
