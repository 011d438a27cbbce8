#include "tests/sim/world.hpp"

#include <array>
#include <cstdio>
#include <type_traits>
#include <utility>
#include <variant>

#include "common/check.hpp"
#include "common/text.hpp"
#include "tests/sim/overloaded.hpp"
#include "tests/sim/show.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
using shim::Phase;
namespace event = shim::event;
namespace action = shim::action;

/// No run gets anywhere near this unless something goes round in circles.
constexpr std::uint64_t turns_max = 3'000'000;

}  // namespace

World::World(Plan plan, std::uint64_t seed, bool trace)
    : plan_(std::move(plan)),
      seed_(seed),
      stream_(seed),
      traces_(trace),
      now_(TimePoint() + 1000s),
      model_(plan_.settings, plan_.timer_lag_max, plan_.disk.delay_max),
      session_(std::make_unique<shim::Session>(plan_.settings, random().next(), now_)),
      link_(*this),
      backend_(*this),
      host_(*this),
      disk_(*this),
      health_(*this) {
  model_.core_starts(now_);
  if (plan_.settings.has_health_file) after(Duration(0), [this] { health_.begin(); });
}

void World::note(std::string_view kind, std::string_view text) {
  if (!traces_) return;
  std::array<char, 40> time{};
  std::snprintf(time.data(), time.size(), "%11.6f  ", shim::seconds(now_ - TimePoint() - 1000s));
  trace_.append(time.data())
      .append(kind)
      .append("  ")
      .append(shim::printable(text, 300))
      .append("\n");
}

void World::after(Duration delay, std::function<void()> what) {
  queue_.push(std::make_shared<Happening>(Happening{
      now_ + std::max(delay, Duration(0)), ++last_order_, stream_.next_child(), std::move(what)}));
}

void World::tell(shim::Event event) { turn(&event, {}, false); }

void World::tell_line(shim::Event event, std::string_view written, bool too_long) {
  const auto* const line = std::get_if<event::HostLine>(&event);
  if (line != nullptr && line->text != written)
    model_.fail("the framer changed a line: " + line->text);
  turn(&event, written, too_long);
}

/// One turn of the core: a fact, or a deadline that has come.
void World::turn(shim::Event* event, std::string_view written, bool too_long) {
  if (is_over()) return;
  SHIM_CHECK(!in_turn_);
  in_turn_ = true;
  if (++turns_ > turns_max) model_.fail("goes round in circles");
  shim::Actions actions;
  model_.turn_begins(now_, phase());
  const bool deadlines = event == nullptr || plan_.eager_deadlines;
  try {
    if (event != nullptr) {
      if (traces_) note("event", show(*event));
      inform_model(*event, written, too_long);
      session_->on_event(now_, *event, actions);
    } else if (traces_) {
      note("deadline", {});
    }
    if (deadlines) session_->on_deadline(now_, actions);
  } catch (const shim::CheckFailed& failed) {
    model_.fail(std::string("a check failed: ") + failed.what());
  }
  for (shim::Action& action : actions) {
    if (traces_) note("  action", show(action));
    if (!sabotage_ || !sabotage_(action)) carry_out(action);
  }
  model_.turn_ends(view(deadlines));
  in_turn_ = false;
  lag_ = is_calm() ? Duration(0) : random().between(Duration(0), plan_.timer_lag_max);
}

CoreView World::view(bool deadlines_done) const {
  return {.phase = phase(),
          .deadline = session_->next_deadline(),
          .deadlines_done = deadlines_done,
          .outbox_cost_bytes = session_->outbox().cost_bytes(),
          .unsent_bytes = session_->outbox().cost_bytes() + link_.unwritten_bytes(),
          .pending = session_->pending().size(),
          .unread_by_host_bytes = host_.unread_bytes()};
}

void World::inform_model(const shim::Event& event, std::string_view written, bool too_long) {
  std::visit(
      Overloaded{
          [&](const event::HostLine&) { model_.host_line(written, too_long); },
          [&](const event::HostLineTooLong&) { model_.host_line(written, too_long); },
          [this](const event::HostClosed&) { model_.closing(); },
          [this](const event::ReconnectRequested&) { model_.hangup(); },
          [this](const event::HostGone&) { model_.closing(); },
          [this](const event::StopRequested&) { model_.closing(); },
          [this](const event::LinkOpened& e) { model_.link_opened(e.epoch); },
          [this](const event::LinkLost& e) { model_.link_lost(e.epoch, e.loss.retry_after); },
          [this](const event::LinkMessage& e) { model_.link_message(e.epoch, e.text); },
          [this](const event::LinkMessageTooLong& e) { model_.link_heard(e.epoch); },
          [this](const event::LinkBinary& e) { model_.link_heard(e.epoch); },
          [this](const event::LinkPong& e) { model_.link_pong(e.epoch); },
          [this](const event::LinkChecked& e) { model_.link_checked(e); },
          [this](const event::HealthSeen& e) { model_.health_seen(e.look); },
          [this](const event::MachineResumed&) { model_.machine_resumed(); }, [](const auto&) {}},
      event);
}

void World::carry_out(shim::Action& action) {
  std::visit(
      Overloaded{[this](action::OpenLink& a) {
                   model_.open_link(a.epoch);
                   link_.open(a.epoch);
                 },
                 [this](action::CloseLink& a) {
                   model_.close_link(a.epoch, link_.last_byte());
                   link_.close(a.epoch, a.politely);
                 },
                 [this](action::PingLink& a) {
                   model_.ping_link(a.epoch);
                   link_.ping(a.epoch);
                 },
                 [this](action::CheckLink& a) {
                   after(Duration(0), [this, epoch = a.epoch] {
                     tell(event::LinkChecked{epoch, link_.last_byte(), link_.part_at()});
                   });
                 },
                 [this](action::WriteLink& a) {
                   model_.write_link(a.epoch, a.text);
                   link_.write(a.epoch, std::move(a.text));
                 },
                 [this](action::PauseLink& a) {
                   model_.pause_link(a.epoch, a.paused);
                   link_.pause(a.epoch, a.paused);
                 },
                 [this](action::WriteHost& a) {
                   model_.write_host(a.line);
                   host_.heard(std::move(a.line));
                 },
                 [this](action::WriteHostSpace&) {
                   model_.write_space(host_.unread_bytes());
                   host_.heard_space();
                 },
                 [this](action::PauseHost& a) { host_.pause(a.paused); },
                 [this](action::LoadCache& a) { disk_.load(a.version); },
                 [this](action::StoreCache& a) { disk_.store(a.version, std::move(a.text)); },
                 [](action::Log&) {},
                 [this](action::Finish&) {
                   model_.finish();
                   finished_ = true;
                 }},
      action);
}

/// Does the next thing due until `end`; false if there is none.
bool World::step(TimePoint end) {
  if (is_over()) return false;
  const auto deadline = session_->next_deadline();
  const auto noticed = deadline ? std::optional(std::max(now_, *deadline + lag_)) : std::nullopt;
  const bool deadline_first = noticed && (queue_.empty() || *noticed <= queue_.top()->at);
  if (deadline_first ? *noticed > end : (queue_.empty() || queue_.top()->at > end)) return false;
  if (deadline_first) {
    now_ = *noticed;
    // Named by its time, which stays the same as long as nothing that led to it is taken away.
    const auto time = static_cast<std::uint64_t>((now_ - TimePoint()).count());
    const Stream outer = std::exchange(stream_, Stream(seed_ ^ time));
    turn(nullptr, {}, false);
    stream_ = outer;
    return true;
  }
  const std::shared_ptr<Happening> next = queue_.top();
  queue_.pop();
  now_ = next->at;
  const Stream outer = std::exchange(stream_, Stream(next->stream));
  next->what();
  stream_ = outer;
  return true;
}

void World::run_until(TimePoint end) {
  while (step(end)) continue;
  if (!is_over()) now_ = end;
}

bool World::run_until_done(const std::function<bool()>& done, Duration most) {
  const TimePoint end = now_ + most;
  while (!done() && step(end)) continue;
  if (done()) return true;
  if (!is_over()) now_ = end;
  return false;
}

void World::replace_core() {
  // A second failure within a minute ends the program.
  if (is_over() || (replaced_at_ && now_ - *replaced_at_ < 60s)) return;
  replaced_at_ = now_;
  note("bridge", "replaces the core");
  model_.turn_begins(now_, phase());
  model_.core_replaced();
  shim::Actions actions;
  shim::Estate estate = session_->abandon(actions);
  for (shim::Action& action : actions) {
    if (traces_) note("  action", show(action));
    carry_out(action);
  }
  session_ =
      std::make_unique<shim::Session>(plan_.settings, random().next(), now_, std::move(estate));
  model_.core_starts(now_);
  model_.turn_ends(view(false));
}

}  // namespace sim
