// Whether the backend speaks MCP, and its health file.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/health.hpp"
#include "common/json_value.hpp"
#include "common/mcp.hpp"
#include "common/text.hpp"
#include "common/units.hpp"
#include "shim/commands/checkup.hpp"
#include "shim/core/lists.hpp"
#include "shim/io/clock.hpp"
#include "shim/io/health_file.hpp"

namespace shim {
namespace {

using nlohmann::json;
using Answer = Client::Answer;

/// A backend of the legacy era may not answer what it does not know.
constexpr Duration probe_limit = std::chrono::seconds(2);

constexpr std::array<std::string_view, 4> legacy_versions{"2024-11-05", "2025-03-26", "2025-06-18",
                                                          "2025-11-25"};

/// A member that is an object; an empty one if it is not.
json member(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_object() ? *found
                                                                           : json::object();
}

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>(), 80)
                                                     : std::string();
}

}  // namespace

/// `name version`, as far as the backend says so.
std::string Checkup::server(const json& info) const {
  const std::string name = text(info, "name");
  if (name.empty()) return "a server without a name";
  return name + " " + text(info, "version");
}

std::string Checkup::describe(const Answer& answer) const {
  switch (answer.kind) {
    case Answer::Kind::result: return "answered";
    case Answer::Kind::error:
      return "answered with an error: " + printable(client_.shown(answer.text));
    case Answer::Kind::invalid: return "answered with nonsense: " + answer.text;
    case Answer::Kind::too_long: return "answered at length: " + answer.text;
    case Answer::Kind::lost:
      return "not answered: " + std::string(name(answer.loss.cause)) + ": " + answer.loss.detail;
    case Answer::Kind::timeout:
      return "not answered within " + describe_duration(options_.core.resume_timeout) +
             client_.about_invalid_messages();
  }
  return {};
}

void Checkup::check_mcp() {
  if (options_.core.protocol == Protocol::jsonrpc) {
    for (const char* const step : {"era", "handshake", "lists"})
      skip(step, "not needed: --protocol jsonrpc");
    return;
  }
  const TimePoint start = monotonic_now();
  const Opening opening =
      open_session(client_, options_.core.shim_version, start + options_.core.resume_timeout);
  const Duration took = monotonic_now() - start;
  switch (opening.era) {
    case Era::legacy: check_legacy(opening, took); return;
    case Era::modern: check_modern(opening, took); return;
    case Era::unknown: fail_opening(opening.answer, took); return;
  }
}

/// `initialize` failed in a way that is no matter of eras.
void Checkup::fail_opening(const Answer& answer, Duration took) {
  const bool knows_it = answer.kind == Answer::Kind::error;
  if (knows_it) note({.name = "era", .time = took, .detail = "legacy: initialize is known"});
  note({.name = knows_it ? "handshake" : "era",
        .verdict = Verdict::failed,
        .time = took,
        .detail = "initialize was " + describe(answer),
        .remedy =
            knows_it
                ? "its log may say why, `docker logs`"
                : "the connection works, but the MCP server behind it does not; its log "
                  "may say why, `docker logs`. If it is not an MCP server: --protocol jsonrpc"});
  if (!knows_it) skip("handshake", "not tried");
  skip("lists", "not tried");
}

void Checkup::check_legacy(const Opening& opening, Duration took) {
  const json result = json_value(opening.answer.text);
  const std::string version = result.is_object() ? text(result, "protocolVersion") : "";
  probe_modern();
  Step step{.name = "handshake", .time = took};
  if (version.empty()) {
    step.verdict = Verdict::failed;
    step.detail = "the result of initialize names no protocolVersion";
    step.remedy = "that is not an MCP server, or a broken one";
    note(std::move(step));
    skip("lists", "not tried");
    return;
  }
  step.detail = server(member(result, "serverInfo")) + ", protocol " + version;
  if (std::ranges::find(legacy_versions, version) == legacy_versions.end()) {
    step.verdict = Verdict::warning;
    step.detail += ", which is not a known version of MCP";
    step.remedy =
        "hosts give up on a version that they do not know; let the backend answer initialize with "
        "the version asked for, or with another one that exists";
  }
  note(std::move(step));
  check_lists(member(result, "capabilities"), Era::legacy);
}

/// Whether a backend of the legacy era speaks the modern one, too.
void Checkup::probe_modern() {
  const std::string params = with_meta({}, modern_meta(options_.core.shim_version));
  const Duration limit = std::min(probe_limit, options_.core.resume_timeout);
  const Answer answer = client_.ask("server/discover", params, monotonic_now() + limit);
  Step step{.name = "era", .detail = "legacy (initialize)"};
  switch (answer.kind) {
    case Answer::Kind::result:
      step.detail = "both: legacy (initialize) and modern (server/discover)";
      break;
    case Answer::Kind::error: break;
    case Answer::Kind::invalid:
    case Answer::Kind::too_long:
    case Answer::Kind::timeout:
    case Answer::Kind::lost:
      step.verdict = Verdict::warning;
      step.detail += std::string("; no answer to server/discover") +
                     (answer.kind == Answer::Kind::lost ? ", it hung up" : "");
      step.remedy =
          "hosts of the modern era ask for that first; answer unknown methods with error -32601";
      break;
  }
  note(std::move(step));
  if (answer.kind != Answer::Kind::lost || client_.connect()) return;
  // Should that fail, the lists will say so.
  static_cast<void>(open_session(client_, options_.core.shim_version,
                                 monotonic_now() + options_.core.resume_timeout));
}

void Checkup::check_modern(const Opening& opening, Duration took) {
  const std::string params = with_meta({}, modern_meta(options_.core.shim_version));
  const TimePoint start = monotonic_now();
  const Answer answer =
      client_.ask("server/discover", params, start + options_.core.resume_timeout);
  if (answer.kind != Answer::Kind::result) {
    note({.name = "era",
          .verdict = Verdict::failed,
          .detail = "initialize was " + describe(opening.answer) + "; server/discover was " +
                    describe(answer),
          .remedy = "that is not an MCP server; for plain JSON-RPC give --protocol jsonrpc"});
    skip("handshake", "not tried");
    skip("lists", "not tried");
    return;
  }
  note({.name = "era", .time = took, .detail = "modern (server/discover)"});
  const json result = json_value(answer.text);
  const json info = member(member(result, "_meta"), "io.modelcontextprotocol/serverInfo");
  Step step{.name = "handshake",
            .time = monotonic_now() - start,
            .detail = server(info) + ", protocol " + std::string(mcp::modern_version)};
  const auto versions = result.is_object() ? result.find("supportedVersions") : result.end();
  if (!result.is_object() || versions == result.end() || !versions->is_array() ||
      std::ranges::find(*versions, json(mcp::modern_version)) == versions->end()) {
    step.verdict = Verdict::warning;
    step.detail = server(info) + " does not list protocol " + std::string(mcp::modern_version);
    step.remedy = "a host that speaks no version of the backend's cannot use it";
  }
  note(std::move(step));
  check_lists(member(result, "capabilities"), Era::modern);
}

/// Fetches the first page of each list that the backend says it has.
void Checkup::check_lists(const json& offered, Era era) {
  Step step{.name = "lists"};
  const std::string params =
      era == Era::modern ? with_meta({}, modern_meta(options_.core.shim_version)) : std::string();
  for (const ListKind kind : {ListKind::tools, ListKind::prompts, ListKind::resources}) {
    const std::string member_name(list_capability(kind));
    if (!offered.contains(member_name)) continue;
    const Answer answer =
        client_.ask(list_method(kind), params, monotonic_now() + options_.core.resume_timeout);
    const json result = answer.kind == Answer::Kind::result ? json_value(answer.text) : json();
    if (!step.detail.empty()) step.detail += ", ";
    if (!result.is_object() || !result.contains(member_name) || !result[member_name].is_array()) {
      step.verdict = Verdict::failed;
      step.detail +=
          std::string(list_method(kind)) + " was " +
          (answer.kind == Answer::Kind::result ? "answered without a list" : describe(answer));
      step.remedy =
          answer.kind == Answer::Kind::too_long
              ? "give a larger --max-message, or let the backend list in pages"
              : "the backend says that it has this list; its log may say more, `docker logs`";
      if (answer.kind == Answer::Kind::lost) break;
      continue;
    }
    const bool is_paged = result.contains("nextCursor") && result["nextCursor"].is_string();
    step.detail += member_name + " " + std::to_string(result[member_name].size()) +
                   (is_paged ? " and more" : "");
  }
  if (step.detail.empty()) {
    step.verdict = Verdict::warning;
    step.detail = "the backend offers no tools, prompts or resources";
    step.remedy = "hosts find nothing to use; what there is belongs in its `capabilities`";
  }
  note(std::move(step));
}

void Checkup::check_health_file() {
  if (options_.health_file.empty()) {
    skip("health file", "none is given (--health-file)");
    return;
  }
  const std::string path = printable(options_.health_file);
  const HealthLook look = look_at_health_file(options_.health_file);
  Health health(true, options_.core.health_max_age);
  const TimePoint now = monotonic_now();
  static_cast<void>(health.look(now, look));
  const auto report = HealthReport::parse(look.text);
  const HealthState state = health.state(now);
  Step step{.name = "health file",
            .verdict = state == HealthState::fresh ? Verdict::ok : Verdict::warning,
            .detail = std::string(name(state)) + ": " + path};
  if (report && look.found == HealthLook::Found::file) {
    const double written = report->t.value_or(seconds(look.modified.time_since_epoch()));
    const double age = seconds(look.looked_at.time_since_epoch()) - written;
    if (age >= 0 && age < 1e9)
      step.detail += ", written " +
                     describe_duration(std::chrono::milliseconds(std::llround(age * 1e3))) + " ago";
    if (age < 0) step.detail += ", written in the future";
    std::string writer;
    if (!report->writer.pid.empty()) writer += " pid " + report->writer.pid;
    if (!report->writer.started_at.empty()) writer += " started_at " + report->writer.started_at;
    if (!writer.empty()) step.detail += ", by" + printable(writer, 80);
    if (health.is_busy(now)) step.detail += ", busy";
  }
  switch (state) {
    case HealthState::missing:
      step.remedy =
          "is the path right, the directory mounted, and does the backend write the file?";
      break;
    case HealthState::invalid:
      step.remedy =
          "it must be a readable regular file of at most 4 KiB with a JSON object, see the "
          "README";
      break;
    case HealthState::stale:
      step.remedy =
          "the backend that wrote it is gone or hangs, or the clocks differ by more than "
          "--health-max-age";
      break;
    case HealthState::none:
    case HealthState::fresh: break;
  }
  note(std::move(step));
}

}  // namespace shim
