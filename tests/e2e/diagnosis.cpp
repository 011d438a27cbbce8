#include "diagnosis.hpp"

#include <doctest/doctest.h>

#include <array>

#include "host.hpp"

namespace e2e {
namespace {

constexpr std::array step_names{"settings", "token",     "lookup",      "TCP",
                                "TLS",      "upgrade",   "subprotocol", "ping",
                                "era",      "handshake", "lists",       "health file"};

}  // namespace

Json Diagnosis::step(const std::string& name) const {
  for (const Json& step : report.value("steps", Json::array())) {
    if (step["step"] == name) return step;
  }
  return {{"status", "?"}, {"ms", nullptr}, {"detail", ""}, {"remedy", ""}};
}

std::string Diagnosis::detail(const std::string& name) const { return step(name)["detail"]; }

Diagnosis read_diagnosis(const Outcome& outcome) {
  CAPTURE(outcome.out);
  CHECK_MESSAGE(outcome.err.empty(), outcome.err);
  Diagnosis diagnosis{.status = outcome.status,
                      .text = outcome.out,
                      .report = Json::parse(outcome.out, nullptr, false)};
  REQUIRE(diagnosis.report.is_object());
  const Json& steps = diagnosis.report["steps"];
  REQUIRE(steps.size() == step_names.size());
  bool failed = false;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    CAPTURE(steps[i].dump());
    CHECK(steps[i]["step"] == step_names.at(i));
    const std::string status = steps[i]["status"];
    const std::string remedy = steps[i]["remedy"];
    const bool is_last = i + 1 == steps.size();  // needs no connection
    if (status == "failed") CHECK_FALSE(remedy.empty());
    if (failed && !is_last) CHECK(status == "skipped");
    if (status == "ok" || status == "skipped") CHECK(remedy.empty());
    failed = failed || status == "failed";
  }
  CHECK(diagnosis.report["ok"] == !failed);
  CHECK(diagnosis.status == (failed ? 3 : 0));
  return diagnosis;
}

Diagnosis diagnose(const Arguments& arguments, const std::vector<std::string>& environment) {
  return read_diagnosis(run(Arguments{"doctor", "--json"} + arguments, environment));
}

void check_failure(const Diagnosis& diagnosis, const std::string& step, const std::string& detail,
                   const std::string& remedy) {
  CAPTURE(diagnosis.text);
  const Json found = diagnosis.step(step);
  CHECK(found["status"] == "failed");
  check_holds(found["detail"].get<std::string>(), detail);
  check_holds(found["remedy"].get<std::string>(), remedy);
  CHECK(diagnosis.status == 3);
}

}  // namespace e2e
