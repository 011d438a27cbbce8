#include "shim/commands/report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace shim {
namespace {

/// Milliseconds with as many digits as mean something.
std::string as_time(const std::optional<Duration>& time) {
  if (!time) return "-";
  const double ms = seconds(*time) * 1000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), ms < 100 ? "%.1f ms" : "%.0f ms", ms);
  return text.data();
}

/// SGR codes (ECMA-48 § 8.3.117) that every terminal knows.
std::string_view colour(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return "\x1b[32m";
    case Verdict::warning: return "\x1b[33m";
    case Verdict::failed: return "\x1b[31m";
    case Verdict::skipped: return "\x1b[2m";
  }
  return {};
}

}  // namespace

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::warning: return "warning";
    case Verdict::failed: return "failed";
    case Verdict::skipped: return "skipped";
  }
  return "?";
}

std::string as_text(const Step& step, bool colours) {
  std::array<char, 64> columns{};
  std::snprintf(columns.data(), columns.size(), "%-11s  %10s", step.name.c_str(),
                as_time(step.time).c_str());
  const std::string_view verdict = name(step.verdict);
  std::string out;
  if (colours) out += colour(step.verdict);
  out += verdict;
  if (colours) out += "\x1b[0m";
  out.append(9 - verdict.size(), ' ').append(columns.data());
  if (!step.detail.empty()) out.append("  ").append(step.detail);
  out += '\n';
  if (!step.remedy.empty()) out.append("         -> ").append(step.remedy).append("\n");
  return out;
}

std::string as_json(const std::string& url, const std::vector<Step>& steps) {
  nlohmann::ordered_json report = {{"url", url}, {"ok", !any_failed(steps)}};
  auto& list = report["steps"] = nlohmann::ordered_json::array();
  for (const Step& step : steps) {
    nlohmann::ordered_json item = {{"step", step.name}, {"status", name(step.verdict)}};
    item["ms"] = nullptr;
    // In microseconds first, so that no digits appear that mean nothing.
    if (step.time)
      item["ms"] = static_cast<double>(
                       std::chrono::duration_cast<std::chrono::microseconds>(*step.time).count()) /
                   1000;
    item["detail"] = step.detail;
    item["remedy"] = step.remedy;
    list.push_back(std::move(item));
  }
  return report.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

bool any_failed(const std::vector<Step>& steps) {
  return std::ranges::any_of(steps,
                             [](const Step& step) { return step.verdict == Verdict::failed; });
}

}  // namespace shim
