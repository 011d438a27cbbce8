#include "tests/sim/plan.hpp"

#include <initializer_list>

namespace sim {
namespace {

using namespace std::chrono_literals;
using shim::Prng;

/// Each fault is switched off altogether in half of the runs, so that some see a rare one in peace.
double perhaps(Prng& random, double most) { return random.chance(0.5) ? random.unit() * most : 0; }

Duration perhaps(Prng& random, Duration shortest, Duration longest) {
  return random.chance(0.5) ? random.between(shortest, longest) : Duration::zero();
}

template <typename T>
T one_of(Prng& random, std::initializer_list<T> choices) {
  return choices.begin()[random.between(std::uint64_t{0}, choices.size() - 1)];
}

void draw_settings(Prng& random, shim::Settings& settings) {
  using shim::Jitter;
  settings.connect_timeout = one_of<Duration>(random, {200ms, 2s, 10s});
  settings.validate_timeout = one_of<Duration>(random, {200ms, 1s, 5s});
  settings.resume_timeout = one_of<Duration>(random, {300ms, 2s, 10s});
  settings.backoff.base = one_of<Duration>(random, {50ms, 250ms, 500ms, 2s});
  settings.backoff.cap = one_of<Duration>(random, {2s, 5s, 15s, 30s});
  settings.backoff.jitter.kind =
      one_of(random, {Jitter::Kind::full, Jitter::Kind::equal, Jitter::Kind::ratio});
  if (settings.backoff.jitter.kind == Jitter::Kind::ratio) {
    settings.backoff.jitter.ratio = one_of(random, {0.0, 0.1, 1.0});
  }
  settings.min_uptime = one_of<Duration>(random, {100ms, 5s});
  settings.queue_timeout = one_of<Duration>(random, {0s, 500ms, 5s, 45s, 45s});
  settings.queue_max = one_of<std::size_t>(random, {1, 8, 64, 1024, 1024});
  settings.queue_bytes = one_of<std::size_t>(random, {1024, 64 << 10U, 16 << 20U, 16 << 20U});
  settings.max_message = one_of<std::size_t>(random, {4096, 1 << 20U, 64 << 20U});
  settings.drain_timeout = one_of<Duration>(random, {100ms, 2s});
  settings.replay = one_of(
      random, {shim::Replay::safe, shim::Replay::safe, shim::Replay::never, shim::Replay::always});
  settings.tool_errors = one_of(random, {shim::ToolErrors::result, shim::ToolErrors::error});
  settings.protocol = one_of(random, {shim::Protocol::automatic, shim::Protocol::automatic,
                                      shim::Protocol::mcp, shim::Protocol::jsonrpc});
  settings.offline =
      one_of(random, {shim::Offline::cache, shim::Offline::cache, shim::Offline::wait});
  settings.init_grace = one_of<Duration>(random, {100ms, 2500ms});
  settings.init_timeout = one_of<Duration>(random, {50ms, 1s, 15s});
}

void draw_liveness(Prng& random, shim::Settings& settings) {
  settings.ping_interval = one_of<Duration>(random, {0s, 500ms, 3s, 15s, 15s});
  settings.pong_timeout = one_of<Duration>(random, {300ms, 2s, 10s});
  settings.stall_timeout = one_of<Duration>(random, {0s, 1s, 20s, 120s, 120s});
  settings.busy_timeout = one_of<Duration>(random, {0s, 20s, 60s, 600s});
  settings.heartbeat_timeout = one_of<Duration>(random, {0s, 4s, 10s, 30s});
  settings.forward_heartbeats = random.chance(0.2);
  settings.request_heartbeats = random.chance(0.4);
  settings.has_health_file = random.chance(0.6);
  settings.health_max_age = one_of<Duration>(random, {2s, 10s, 120s});
  settings.request_timeout = one_of<Duration>(random, {0s, 0s, 2s, 20s});
  settings.keepalive.progress = random.chance(0.8);
  settings.keepalive.log = random.chance(0.3);
  settings.keepalive.whitespace = random.chance(0.3);
  settings.keepalive_interval = one_of<Duration>(random, {200ms, 2s, 10s});
}

void draw_disk(Prng& random, DiskFaults& disk) {
  disk.corrupt = perhaps(random, 0.5);
  disk.prefilled = random.chance(0.3);
  disk.delay_max = one_of<Duration>(random, {1ms, 50ms, 3s});
}

void draw_link(Prng& random, LinkFaults& link) {
  const double harshness = one_of(random, {0.3, 1.0});
  link.refused = perhaps(random, 0.5 * harshness);
  link.black_hole = perhaps(random, 0.3 * harshness);
  link.not_websocket = perhaps(random, 0.2 * harshness);
  link.unauthorized = perhaps(random, 0.2 * harshness);
  link.unavailable = perhaps(random, 0.2 * harshness);
  link.no_pong = perhaps(random, 0.3 * harshness);
  link.open_then_close = perhaps(random, 0.4 * harshness);
  link.slow_connect = perhaps(random, 0.3 * harshness);
  link.late_callbacks = perhaps(random, 0.8);
  link.delay_max = one_of<Duration>(random, {1ms, 20ms, 150ms});
  link.kernel_bytes = one_of<std::size_t>(random, {512, 16 << 10U, 256 << 10U});
  link.cut_gap = perhaps(random, 1s, 30s);
  link.stall_gap = perhaps(random, 5s, 60s);
  link.half_open_gap = random.chance(0.3) ? random.between(10s, 60s) : Duration(0);
  link.kernel_notices = random.unit();
  link.trickle = perhaps(random, 0.05);
  link.retry_after_max = one_of<Duration>(random, {1s, 20s});
}

void draw_backend(Prng& random, BackendFaults& backend) {
  for (double* chance : {&backend.duplicate, &backend.unknown_answer, &backend.late, &backend.error,
                         &backend.batch, &backend.pretty, &backend.half_emoji, &backend.progress,
                         &backend.stray_progress, &backend.ask_host, &backend.notify}) {
    *chance = perhaps(random, 0.3);
  }
  for (double* chance : {&backend.invalid, &backend.truncated, &backend.twice, &backend.too_long,
                         &backend.binary, &backend.swallow}) {
    *chance = perhaps(random, 0.1);
  }
  backend.cancel_asked = perhaps(random, 0.5);
  backend.other_version = random.chance(0.15) ? random.unit() * 0.5 : 0;
  backend.other_tools = perhaps(random, 0.5);
  backend.says_goodbye = perhaps(random, 1);
  backend.ends_subscriptions = perhaps(random, 0.3);
  backend.service_max = one_of<Duration>(random, {2ms, 100ms, 2s, 10s});
  backend.kill_gap = perhaps(random, 2s, 40s);
  backend.down_max = one_of<Duration>(random, {50ms, 2s, 20s, 60s});
}

void draw_moods(Prng& random, Plan& plan) {
  using Heartbeats = BackendHabits::Heartbeats;
  BackendFaults& backend = plan.backend;
  backend.odd_progress = perhaps(random, 0.3);
  for (Duration* gap :
       {&backend.block_gap, &backend.wedge_gap, &backend.mute_gap, &backend.deaf_gap}) {
    *gap = random.chance(0.3) ? random.between(5s, 60s) : Duration(0);
  }
  backend.block_max = one_of<Duration>(random, {2s, 20s, 100s});
  backend.wedge_max = one_of<Duration>(random, {10s, 60s});
  plan.backend_habits.heartbeats =
      one_of(random, {Heartbeats::none, Heartbeats::always, Heartbeats::at_level_debug});
  plan.backend_habits.first_heartbeat = one_of<Duration>(random, {2s, 2s, 40s});
}

void draw_health(Prng& random, HealthHabits& health) {
  health.watched_closely = random.chance(0.7);
  health.by_loop = random.chance(0.5);
  health.always_pid_1 = random.chance(0.3);
  health.has_time = random.chance(0.7);
  health.gap = one_of<Duration>(random, {200ms, 1s, 5s, 30s});
  health.first_max = one_of<Duration>(random, {0s, 500ms, 10s});
  health.skew = one_of<Duration>(random, {0s, 0s, 1s, 1h, -1h});
  if (random.chance(0.5)) {
    health.leftover_age = one_of<Duration>(random, {500ms, 60s, 1h, -1h});
  }
  for (double* chance : {&health.broken, &health.gone, &health.foreign}) {
    *chance = perhaps(random, 0.2);
  }
  health.step_gap = perhaps(random, 10s, 60s);
}

void draw_host(Prng& random, HostHabits& host) {
  host.gap_max = one_of<Duration>(random, {100ms, 1s, 5s});
  host.burst = perhaps(random, 0.05);
  for (double* chance : {&host.cancel, &host.batch, &host.blank, &host.notify, &host.ping,
                         &host.answers_late, &host.answers_never, &host.answers_twice}) {
    *chance = perhaps(random, 0.3);
  }
  host.modern = perhaps(random, 0.3);
  host.invalid = perhaps(random, 0.1);
  host.oversize = perhaps(random, 0.05);
  host.bad_answer = perhaps(random, 0.3);
  host.reuse_id = random.chance(0.2) ? 0.05 : 0;
  host.greet_again = random.chance(0.1) ? 0.03 : 0;
  host.slow_reader = perhaps(random, 0.05);
  host.read_pause_max = one_of<Duration>(random, {100ms, 10s});
  host.padding_max = one_of<std::size_t>(random, {0, 0, 200, 3000, 20000});
  host.piece_max = one_of<std::size_t>(random, {7, 1024, 65536});
  host.ids =
      one_of(random, {HostHabits::Ids::integers, HostHabits::Ids::strings, HostHabits::Ids::mixed});
}

/// A session as people have it: hours, a request now and then, a call that takes minutes, a fault
/// from time to time. What counts up, is armed again and again or forgotten only shows in these.
void draw_long_life(Prng& random, Plan& plan) {
  plan.long_life = true;
  plan.chaos = random.between(1h, 4h);
  plan.host.gap_max = one_of<Duration>(random, {1min, 10min, 30min});
  plan.backend.service_max = one_of<Duration>(random, {100ms, 10s, 20min});
  plan.backend.down_max = one_of<Duration>(random, {2s, 60s, 30min});
  for (Duration* gap :
       {&plan.link.cut_gap, &plan.link.stall_gap, &plan.link.half_open_gap, &plan.backend.kill_gap,
        &plan.backend.block_gap, &plan.backend.wedge_gap, &plan.backend.mute_gap,
        &plan.backend.deaf_gap, &plan.health.step_gap, &plan.odd_gap}) {
    *gap *= 60;
  }
  // What is repeated all the time would be nearly all that happens.
  plan.settings.ping_interval = one_of<Duration>(random, {0s, 15s, 15s});
  plan.settings.keepalive_interval = one_of<Duration>(random, {10s, 60s});
  plan.health.gap = one_of<Duration>(random, {5s, 30s});
}

}  // namespace

Plan calm_plan() {
  Plan plan;
  plan.settings.endpoints = {"ws://simulated/"};
  plan.settings.shim_version = "1.2.3";
  plan.host.gap_max = Duration::zero();  // does nothing by itself
  return plan;
}

Plan random_plan(Prng& random) {
  Plan plan;
  plan.settings.endpoints = {"ws://simulated/"};
  plan.settings.shim_version = "1.2.3";
  draw_settings(random, plan.settings);
  draw_liveness(random, plan.settings);
  draw_link(random, plan.link);
  draw_backend(random, plan.backend);
  draw_moods(random, plan);
  draw_health(random, plan.health);
  draw_host(random, plan.host);
  draw_disk(random, plan.disk);
  if (random.chance(0.04)) {  // more than a link takes at once
    plan.host.padding_max = 100'000;
    plan.host.burst = 0.3;
  }
  if (plan.host.piece_max < 100 && plan.host.padding_max > 500) plan.host.padding_max = 500;
  // Roughly as many things happen in every run, whatever the host's pace.
  plan.chaos = std::min<Duration>(plan.host.gap_max * 80, 150s);
  plan.chaos = random.between(plan.chaos / 4, plan.chaos) + 10s;
  plan.backend_absent = random.chance(0.4);
  plan.eager_deadlines = random.chance(0.5);
  plan.timer_lag_max = one_of<Duration>(random, {0ms, 0ms, 20ms, 3s});
  plan.core_failure = random.chance(0.1) ? 0.5 : 0;
  plan.hangup = perhaps(random, 0.5);
  plan.suspend = perhaps(random, 0.3);
  plan.quiet_period = random.chance(0.8);
  plan.end = one_of(random, {End::eof, End::eof, End::stop, End::gone});
  if (random.chance(0.08)) draw_long_life(random, plan);
  return plan;
}

}  // namespace sim
