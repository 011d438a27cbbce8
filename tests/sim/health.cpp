#include "tests/sim/health.hpp"

#include <array>
#include <utility>

#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;
using Found = shim::HealthLook::Found;

Duration HealthFile::elapsed() const { return world_.now() - TimePoint(); }

WallTime HealthFile::wall() const { return wall_ + wall_offset_ + elapsed(); }

void HealthFile::begin() {
  const HealthHabits& habits = world_.plan().health;
  backend_offset_ = habits.skew;
  if (habits.leftover_age) leave_over(*habits.leftover_age);
  look();
  backend_started();
  tick();
}

/// Every five seconds where changes are reported, else every second.
void HealthFile::tick() {
  world_.after(world_.plan().health.watched_closely ? 5s : 1s, [this] {
    look();
    tick();
  });
}

void HealthFile::look() {
  if (!world_.plan().settings.has_health_file) return;
  shim::HealthLook look = file_;
  look.looked_at = wall();
  world_.tell(shim::event::HealthSeen{std::move(look)});
}

void HealthFile::write(std::string text) {
  if (!world_.plan().settings.has_health_file) return;
  world_.note("health", text);
  file_.found = Found::file;
  file_.text = std::move(text);
  file_.modified = backend_wall();
  if (world_.plan().health.watched_closely) world_.after(Duration(0), [this] { look(); });
}

void HealthFile::remove() {
  file_ = shim::HealthLook();
  if (world_.plan().health.watched_closely) world_.after(Duration(0), [this] { look(); });
}

void HealthFile::leave_over(Duration age) {
  const WallTime then = backend_wall() - age;
  file_.found = Found::file;
  file_.modified = then;
  file_.text = R"({"t":)" + std::to_string(shim::seconds(then.time_since_epoch())) +
               R"(,"pid":1,"started_at":1})";
}

void HealthFile::backend_started() {
  if (!world_.plan().settings.has_health_file || !world_.backend().is_up()) return;
  world_.after(world_.random().between(Duration(0), world_.plan().health.first_max),
               [this, life = world_.backend().life()] { write_now_and_then(life); });
}

void HealthFile::write_now_and_then(std::uint64_t life) {
  if (life != world_.backend().life() || !world_.backend().is_up()) return;
  const HealthHabits& habits = world_.plan().health;
  const bool able = !silent_ && !(habits.by_loop && world_.backend().is_blocked());
  if (able) write_something();
  world_.after(habits.gap, [this, life] { write_now_and_then(life); });
}

std::string HealthFile::report() const {
  const HealthHabits& habits = world_.plan().health;
  const std::string life = std::to_string(world_.backend().life() + 1);
  std::string text = R"({"pid":)" + (habits.always_pid_1 ? "1" : life) + R"(,"started_at":)" + life;
  if (habits.has_time) {
    text += R"(,"t":)" + std::to_string(shim::seconds(backend_wall().time_since_epoch()));
  }
  return text + R"(,"busy":)" + (world_.backend().is_blocked() ? "true}" : "false}");
}

void HealthFile::write_something() {
  const HealthHabits& habits = world_.plan().health;
  if (world_.chance(habits.broken)) {
    write(broken());
  } else if (world_.chance(habits.gone)) {
    remove();
  } else if (world_.chance(habits.foreign)) {
    // Some other container's: the file alone must not cost a link that answers.
    write(R"({"pid":77,"started_at":"x","t":)" +
          std::to_string(shim::seconds(backend_wall().time_since_epoch())) + "}");
  } else {
    write(report());
  }
}

std::string HealthFile::broken() const {
  const std::array<std::string, 8> texts{"",
                                         "{",
                                         "[1]",
                                         R"({"t":"now"})",
                                         R"({"t":1800000000,"pid":[]})",
                                         R"({"busy":1})",
                                         "\xff\xfe",
                                         R"({"x":")" + std::string(5000, 'x') + R"("})"};
  return texts.at(world_.random().between(std::uint64_t{0}, texts.size() - 1));
}

}  // namespace sim
