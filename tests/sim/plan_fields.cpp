#include "tests/sim/plan_fields.hpp"

#include <array>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "common/units.hpp"

namespace sim {
namespace {

std::string show(bool value) { return value ? "on" : "off"; }
std::string show(std::size_t value) { return std::to_string(value); }
std::string show(Duration value) { return shim::format_duration(value); }
std::string show(const std::optional<Duration>& value) { return value ? show(*value) : "none"; }

std::string show(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

template <typename Enum>
std::string one_of(std::initializer_list<const char*> names, Enum value) {
  return names.begin()[static_cast<std::size_t>(value)];
}
std::string show(shim::Jitter::Kind kind) { return one_of({"full", "equal", "ratio"}, kind); }
std::string show(shim::Replay replay) { return one_of({"safe", "never", "always"}, replay); }
std::string show(shim::ToolErrors errors) { return one_of({"result", "error"}, errors); }
std::string show(shim::Protocol protocol) { return one_of({"auto", "mcp", "jsonrpc"}, protocol); }
std::string show(shim::Offline offline) { return one_of({"cache", "wait"}, offline); }
std::string show(HostHabits::Ids ids) { return one_of({"integers", "strings", "mixed"}, ids); }
std::string show(End end) { return one_of({"eof", "stop", "gone"}, end); }
std::string show(BackendHabits::Heartbeats heartbeats) {
  return one_of({"none", "always", "at level debug"}, heartbeats);
}

struct Field {
  std::string_view name;
  std::function<const void*(const Plan&)> where;
  std::function<std::string(const Plan&)> text;
  std::function<void(Plan&, const Plan&)> copy;
  Part part;
};

template <typename Get>
Field field(std::string_view name, Get get) {
  Part part = 2166136261U;  // FNV-1a
  for (const char c : name) part = (part ^ static_cast<unsigned char>(c)) * 16777619U;
  return {.name = name,
          .where = [get](const Plan& plan) -> const void* { return &get(plan); },
          .text = [get](const Plan& plan) { return show(get(plan)); },
          .copy = [get](Plan& to, const Plan& from) { get(to) = get(from); },
          .part = part};
}

#define FIELD(member) \
  field(              \
      #member, [](auto& plan) -> auto& { return plan.member; })

/// All but how long the faults last and the host's pace: without those nothing happens.
const std::vector<Field>& fields() {
  static const std::vector<Field> all{FIELD(settings.connect_timeout),
                                      FIELD(settings.validate_timeout),
                                      FIELD(settings.resume_timeout),
                                      FIELD(settings.backoff.base),
                                      FIELD(settings.backoff.cap),
                                      FIELD(settings.backoff.jitter.kind),
                                      FIELD(settings.backoff.jitter.ratio),
                                      FIELD(settings.min_uptime),
                                      FIELD(settings.queue_timeout),
                                      FIELD(settings.queue_max),
                                      FIELD(settings.queue_bytes),
                                      FIELD(settings.max_message),
                                      FIELD(settings.drain_timeout),
                                      FIELD(settings.replay),
                                      FIELD(settings.tool_errors),
                                      FIELD(settings.protocol),
                                      FIELD(settings.offline),
                                      FIELD(settings.init_grace),
                                      FIELD(settings.init_timeout),
                                      FIELD(settings.ping_interval),
                                      FIELD(settings.pong_timeout),
                                      FIELD(settings.stall_timeout),
                                      FIELD(settings.busy_timeout),
                                      FIELD(settings.heartbeat_timeout),
                                      FIELD(settings.forward_heartbeats),
                                      FIELD(settings.request_heartbeats),
                                      FIELD(settings.has_health_file),
                                      FIELD(settings.health_max_age),
                                      FIELD(settings.request_timeout),
                                      FIELD(settings.keepalive.progress),
                                      FIELD(settings.keepalive.log),
                                      FIELD(settings.keepalive.whitespace),
                                      FIELD(settings.keepalive_interval),
                                      FIELD(link.refused),
                                      FIELD(link.black_hole),
                                      FIELD(link.not_websocket),
                                      FIELD(link.unauthorized),
                                      FIELD(link.unavailable),
                                      FIELD(link.no_pong),
                                      FIELD(link.open_then_close),
                                      FIELD(link.slow_connect),
                                      FIELD(link.late_callbacks),
                                      FIELD(link.delay_max),
                                      FIELD(link.kernel_bytes),
                                      FIELD(link.cut_gap),
                                      FIELD(link.stall_gap),
                                      FIELD(link.stall_max),
                                      FIELD(link.half_open_gap),
                                      FIELD(link.kernel_notices),
                                      FIELD(link.trickle),
                                      FIELD(link.trickle_max),
                                      FIELD(link.retry_after_max),
                                      FIELD(backend.duplicate),
                                      FIELD(backend.unknown_answer),
                                      FIELD(backend.late),
                                      FIELD(backend.swallow),
                                      FIELD(backend.error),
                                      FIELD(backend.invalid),
                                      FIELD(backend.truncated),
                                      FIELD(backend.twice),
                                      FIELD(backend.too_long),
                                      FIELD(backend.binary),
                                      FIELD(backend.batch),
                                      FIELD(backend.pretty),
                                      FIELD(backend.half_emoji),
                                      FIELD(backend.progress),
                                      FIELD(backend.odd_progress),
                                      FIELD(backend.stray_progress),
                                      FIELD(backend.ask_host),
                                      FIELD(backend.cancel_asked),
                                      FIELD(backend.notify),
                                      FIELD(backend.other_version),
                                      FIELD(backend.other_tools),
                                      FIELD(backend.says_goodbye),
                                      FIELD(backend.ends_subscriptions),
                                      FIELD(backend.service_max),
                                      FIELD(backend.kill_gap),
                                      FIELD(backend.down_max),
                                      FIELD(backend.block_gap),
                                      FIELD(backend.block_max),
                                      FIELD(backend.wedge_gap),
                                      FIELD(backend.wedge_max),
                                      FIELD(backend.mute_gap),
                                      FIELD(backend.deaf_gap),
                                      FIELD(backend_habits.heartbeats),
                                      FIELD(backend_habits.first_heartbeat),
                                      FIELD(health.watched_closely),
                                      FIELD(health.by_loop),
                                      FIELD(health.always_pid_1),
                                      FIELD(health.has_time),
                                      FIELD(health.gap),
                                      FIELD(health.first_max),
                                      FIELD(health.skew),
                                      FIELD(health.leftover_age),
                                      FIELD(health.broken),
                                      FIELD(health.gone),
                                      FIELD(health.foreign),
                                      FIELD(health.step_gap),
                                      FIELD(host.burst),
                                      FIELD(host.cancel),
                                      FIELD(host.reuse_id),
                                      FIELD(host.invalid),
                                      FIELD(host.batch),
                                      FIELD(host.blank),
                                      FIELD(host.oversize),
                                      FIELD(host.notify),
                                      FIELD(host.ping),
                                      FIELD(host.greet_again),
                                      FIELD(host.bad_answer),
                                      FIELD(host.modern),
                                      FIELD(host.answers_late),
                                      FIELD(host.answers_never),
                                      FIELD(host.answers_twice),
                                      FIELD(host.slow_reader),
                                      FIELD(host.read_pause_max),
                                      FIELD(host.padding_max),
                                      FIELD(host.piece_max),
                                      FIELD(host.ids),
                                      FIELD(disk.corrupt),
                                      FIELD(disk.prefilled),
                                      FIELD(disk.delay_max),
                                      FIELD(backend_absent),
                                      FIELD(eager_deadlines),
                                      FIELD(timer_lag_max),
                                      FIELD(odd_gap),
                                      FIELD(core_failure),
                                      FIELD(hangup),
                                      FIELD(suspend),
                                      FIELD(quiet_period),
                                      FIELD(end)};
  return all;
}

#undef FIELD

}  // namespace

std::string describe(const Plan& plan) {
  const Plan calm = calm_plan();
  std::string text;
  for (const Field& field : fields()) {
    const std::string value = field.text(plan);
    if (value == field.text(calm)) continue;
    text.append(field.name).append(" ").append(value).append(", ");
  }
  return text + "host.gap_max " + shim::format_duration(plan.host.gap_max) + ", chaos " +
         shim::describe_duration(plan.chaos);
}

std::vector<Part> parts_of(const Plan& plan) {
  const Plan calm = calm_plan();
  std::vector<Part> parts;
  for (const Field& field : fields()) {
    if (field.text(plan) != field.text(calm)) parts.push_back(field.part);
  }
  return parts;
}

void keep_fields(Plan& plan, const std::set<Part>& kept) {
  const Plan calm = calm_plan();
  for (const Field& field : fields()) {
    if (!kept.contains(field.part)) field.copy(plan, calm);
  }
}

std::string field_name(const Plan& plan, const void* where) {
  for (const Field& field : fields()) {
    if (field.where(plan) == where) return std::string(field.name);
  }
  return {};
}

std::string part_name(Part part) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%08x", part);
  return text.data();
}

}  // namespace sim
