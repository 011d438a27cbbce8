// The faults of a plan, and their end.

#include <array>
#include <cstdio>
#include <utility>

#include "tests/sim/plan_fields.hpp"
#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;

/// Whether this run has the incident.
bool World::admits(Part part, std::string_view name) {
  if (kept_ && !kept_->contains(part)) return false;
  incidents_.push_back(part);
  if (traces_) note("incident", part_name(part) + " " + std::string(name));
  return true;
}

bool World::chance(const double& probability) {
  const Part part = stream_.next_part();
  const bool strikes = random().chance(probability);  // drawn in any case, for what is drawn next
  if (calm_ || !strikes) return false;
  return admits(part, traces_ ? field_name(plan_, &probability) : "");
}

void World::incident(std::string_view name, const std::function<void()>& what) {
  const Part part = stream_.next_part();
  const Stream outer = std::exchange(stream_, Stream(stream_.next_child()));
  if (admits(part, name)) what();
  stream_ = outer;
}

/// Again and again, at random, until calm_down().
void World::every(const Duration& mean, const std::function<void()>& what) {
  const Stream outer = std::exchange(stream_, Stream(stream_.next_child()));
  if (mean > Duration(0)) {
    after(random().between(Duration(0), mean * 2), [this, &mean, what] {
      if (calm_) return;
      every(mean, what);
      incident(traces_ ? field_name(plan_, &mean) : "", what);
    });
  }
  stream_ = outer;
}

void World::begin_chaos() {
  calm_ = false;
  if (plan_.disk.prefilled) {
    disk_.store("2025-06-18", old_cache_file("2025-06-18"));
    model_.knows_file(disk_.files().at("2025-06-18"));
  }
  if (plan_.backend_absent) backend_.kill();
  after(random().between(Duration(0), plan_.chaos), [this] {
    if (plan_.backend_absent) backend_.start();
  });
  every(plan_.link.cut_gap, [this] {
    const auto cause = random().chance(0.5) ? shim::Cause::reset : shim::Cause::closed;
    const Duration notice = random().between(Duration(0), Duration(3s));
    link_.cut(cause, random().chance(0.5) ? Duration(0) : notice);
  });
  every(plan_.link.stall_gap,
        [this] { link_.stall(random().between(Duration(0), plan_.link.stall_max)); });
  every(plan_.link.half_open_gap, [this] { link_.half_open(chance(plan_.link.kernel_notices)); });
  every(plan_.backend.kill_gap, [this] {
    if (chance(plan_.backend.says_goodbye)) {
      backend_.end_subscriptions();
      after(random().between(Duration(0), Duration(12s)), [this] { restart_backend(); });
    } else {
      restart_backend();
    }
  });
  every(plan_.odd_gap, [this] {
    if (chance(plan_.hangup)) tell(shim::event::ReconnectRequested{});
    if (chance(plan_.suspend)) {
      if (random().chance(0.5)) link_.half_open(false);  // nobody waited for us
      tell(shim::event::MachineResumed{random().between(5s, 3600s)});
    }
    if (chance(plan_.core_failure)) replace_core();
    if (chance(plan_.backend.ends_subscriptions)) backend_.end_subscriptions();
  });
  begin_moods();
  host_.begin_life();
}

void World::restart_backend() {
  if (calm_) return;
  backend_.kill(random().chance(0.7) ? Duration(0) : random().between(Duration(0), Duration(2s)));
  backend_.set_version(chance(plan_.backend.other_version) ? "2024-11-05" : "2025-06-18");
  if (chance(plan_.backend.other_tools)) backend_.change_tools();
  after(random().between(Duration(0), plan_.backend.down_max), [this] { backend_.start(); });
}

void World::begin_moods() {
  const BackendFaults& faults = plan_.backend;
  const auto up_to = [this](Duration most) { return random().between(Duration(0), most); };
  every(faults.block_gap, [this, up_to] { backend_.block(up_to(plan_.backend.block_max)); });
  every(faults.wedge_gap, [this, up_to] { backend_.wedge(up_to(plan_.backend.wedge_max)); });
  every(faults.mute_gap, [this, up_to] { backend_.mute(up_to(plan_.backend.wedge_max)); });
  every(faults.deaf_gap, [this, up_to] { backend_.stop_reading(up_to(Duration(30s))); });
  every(plan_.health.step_gap, [this] {
    const Duration by = random().chance(0.5) ? Duration(1h) : Duration(-1h);
    if (random().chance(0.5)) {
      health_.step_own_clock(by);
    } else {
      health_.step_backend_clock(by);
    }
  });
}

void World::calm_down() {
  calm_ = true;
  note("world", "calms down");
  host_.end_life();
  backend_.mend_version();
  backend_.end_moods();
  link_.hurry();
  backend_.start();
  cut_what_nobody_notices();
}

/// What neither side can see to be broken is broken for good. A dead path the shim finds out about,
/// unless it was told not to look.
void World::cut_what_nobody_notices() {
  const shim::Settings& s = plan_.settings;
  const bool looks = s.ping_interval > Duration(0) && s.stall_timeout > Duration(0) &&
                     s.busy_timeout > Duration(0);
  if (link_.is_half_open() ? !looks : link_.is_stuck()) link_.cut(shim::Cause::reset);
  if (backend_.has_swallowed()) link_.cut(shim::Cause::reset);
}

}  // namespace sim
