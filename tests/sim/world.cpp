#include "tests/sim/world.hpp"

#include <array>
#include <cstdio>
#include <type_traits>
#include <utility>
#include <variant>

#include "common/check.hpp"
#include "common/text.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
using shim::Phase;
namespace event = shim::event;
namespace action = shim::action;

/// No run gets anywhere near this unless something goes round in circles.
constexpr std::uint64_t turns_max = 3'000'000;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

std::string with_epoch(shim::Epoch epoch, std::string_view text = {}) {
  return "link " + std::to_string(epoch) + (text.empty() ? "" : " ") + std::string(text);
}

std::string show(const shim::Event& event) {
  return std::visit(
      Overloaded{
          [](const event::HostLine& e) { return "HostLine " + e.text; },
          [](const event::HostLineTooLong&) { return std::string("HostLineTooLong"); },
          [](const event::HostClosed&) { return std::string("HostClosed"); },
          [](const event::HostGone& e) { return "HostGone " + e.why; },
          [](const event::HostWritten& e) { return "HostWritten " + std::to_string(e.bytes); },
          [](const event::StopRequested& e) { return "StopRequested " + e.why; },
          [](const event::ReconnectRequested&) { return std::string("ReconnectRequested"); },
          [](const event::MachineResumed&) { return std::string("MachineResumed"); },
          [](const event::HealthSeen& e) { return "HealthSeen " + e.look.text; },
          [](const event::LinkOpened& e) { return "LinkOpened " + with_epoch(e.epoch); },
          [](const event::LinkPong& e) { return "LinkPong " + with_epoch(e.epoch); },
          [](const event::LinkMessage& e) { return "LinkMessage " + with_epoch(e.epoch, e.text); },
          [](const event::LinkMessageTooLong& e) {
            return "LinkMessageTooLong " + with_epoch(e.epoch);
          },
          [](const event::LinkBinary& e) { return "LinkBinary " + with_epoch(e.epoch); },
          [](const event::LinkWritten& e) {
            return "LinkWritten " + with_epoch(e.epoch, std::to_string(e.bytes));
          },
          [](const event::LinkChecked& e) {
            return "LinkChecked " + with_epoch(e.epoch, e.heard ? "heard" : "silent");
          },
          [](const event::LinkLost& e) {
            return "LinkLost " + with_epoch(e.epoch, shim::name(e.loss.cause));
          },
          [](const event::CacheLoaded& e) { return "CacheLoaded " + e.version + " " + e.text; }},
      event);
}

std::string show(const shim::Action& action) {
  return std::visit(
      Overloaded{
          [](const action::OpenLink& a) { return "OpenLink " + with_epoch(a.epoch); },
          [](const action::CloseLink& a) {
            return "CloseLink " + with_epoch(a.epoch, a.politely ? "politely" : "");
          },
          [](const action::PingLink& a) { return "PingLink " + with_epoch(a.epoch); },
          [](const action::CheckLink& a) { return "CheckLink " + with_epoch(a.epoch); },
          [](const action::WriteLink& a) { return "WriteLink " + with_epoch(a.epoch, a.text); },
          [](const action::PauseLink& a) {
            return "PauseLink " + with_epoch(a.epoch, a.paused ? "on" : "off");
          },
          [](const action::WriteHost& a) { return "WriteHost " + a.line; },
          [](const action::WriteHostSpace&) { return std::string("WriteHostSpace"); },
          [](const action::PauseHost& a) {
            return std::string("PauseHost ") + (a.paused ? "on" : "off");
          },
          [](const action::LoadCache& a) { return "LoadCache " + a.version; },
          [](const action::StoreCache& a) { return "StoreCache " + a.version + " " + a.text; },
          [](const action::Log& a) { return "Log " + a.text; },
          [](const action::Finish&) { return std::string("Finish"); }},
      action);
}

}  // namespace

World::World(Plan plan, std::uint64_t seed, bool trace)
    : plan_(std::move(plan)),
      random_(seed),
      traces_(trace),
      now_(TimePoint() + 1000s),
      model_(plan_.settings, plan_.timer_lag_max, plan_.disk.delay_max),
      session_(std::make_unique<shim::Session>(plan_.settings, random_.next(), now_)),
      link_(*this),
      backend_(*this),
      host_(*this),
      disk_(*this) {
  model_.core_starts(now_);
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
  queue_.push(std::make_shared<Happening>(
      Happening{now_ + std::max(delay, Duration(0)), ++last_order_, std::move(what)}));
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
    carry_out(action);
  }
  model_.turn_ends(view(deadlines));
  in_turn_ = false;
  lag_ = is_calm() ? Duration(0) : random_.between(Duration(0), plan_.timer_lag_max);
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
          [](const auto&) {}},
      event);
}

void World::carry_out(shim::Action& action) {
  std::visit(
      Overloaded{[this](action::OpenLink& a) {
                   model_.open_link(a.epoch);
                   link_.open(a.epoch);
                 },
                 [this](action::CloseLink& a) {
                   model_.close_link(a.epoch);
                   link_.close(a.epoch, a.politely);
                 },
                 [this](action::PingLink& a) { link_.ping(a.epoch); },
                 [this](action::CheckLink& a) {
                   after(Duration(0), [this, epoch = a.epoch] {
                     tell(event::LinkChecked{epoch, false});  // what comes here comes whole
                   });
                 },
                 [this](action::WriteLink& a) {
                   model_.write_link(a.epoch, a.text);
                   link_.write(a.epoch, std::move(a.text));
                 },
                 [this](action::PauseLink& a) { link_.pause(a.epoch, a.paused); },
                 [this](action::WriteHost& a) {
                   model_.write_host(a.line);
                   host_.heard(std::move(a.line));
                 },
                 [this](action::WriteHostSpace&) {
                   after(Duration(0), [this] { tell(event::HostWritten{1}); });
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
    turn(nullptr, {}, false);
    return true;
  }
  const std::shared_ptr<Happening> next = queue_.top();
  queue_.pop();
  now_ = next->at;
  next->what();
  return true;
}

void World::run_until(TimePoint end) {
  while (step(end)) continue;
  if (!is_over()) now_ = end;
}

bool World::run_until_done(const std::function<bool()>& done, Duration most) {
  const TimePoint end = now_ + most;
  while (!done() && step(end)) continue;
  return done();
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
      std::make_unique<shim::Session>(plan_.settings, random_.next(), now_, std::move(estate));
  model_.core_starts(now_);
  model_.turn_ends(view(false));
}

/// Again and again, at random, until calm_down().
void World::every(Duration mean, const std::function<void()>& what) {
  if (mean == Duration::zero()) return;
  after(random_.between(Duration(0), mean * 2), [this, mean, what] {
    if (calm_) return;
    what();
    every(mean, what);
  });
}

void World::begin_chaos() {
  calm_ = false;
  if (plan_.disk.prefilled) {
    disk_.store("2025-06-18", old_cache_file("2025-06-18"));
    model_.knows_file(disk_.files().at("2025-06-18"));
  }
  if (plan_.backend_absent) backend_.kill();
  if (plan_.backend_absent)
    after(random_.between(Duration(0), plan_.chaos), [this] { backend_.start(); });
  every(plan_.link.cut_gap, [this] {
    link_.cut(random_.chance(0.5) ? shim::Cause::reset : shim::Cause::closed,
              random_.chance(0.5) ? Duration(0) : random_.between(Duration(0), Duration(3s)));
  });
  every(plan_.link.stall_gap,
        [this] { link_.stall(random_.between(Duration(0), plan_.link.stall_max)); });
  every(plan_.backend.kill_gap, [this] {
    backend_.kill(random_.chance(0.7) ? Duration(0) : random_.between(Duration(0), Duration(2s)));
    backend_.set_version(chance(plan_.backend.other_version) ? "2024-11-05" : "2025-06-18");
    if (chance(plan_.backend.other_tools)) backend_.change_tools();
    after(random_.between(Duration(0), plan_.backend.down_max), [this] { backend_.start(); });
  });
  every(10s, [this] {
    if (chance(plan_.hangup)) tell(event::ReconnectRequested{});
    if (chance(plan_.core_failure)) replace_core();
  });
  host_.begin_life();
}

void World::calm_down() {
  calm_ = true;
  note("world", "calms down");
  host_.end_life();
  backend_.mend_version();
  // What the faults have broken without either side being able to see it is broken for good.
  const bool deaf = link_.is_stuck() || backend_.has_swallowed();
  backend_.start();
  if (deaf) link_.cut(shim::Cause::reset);
}

}  // namespace sim
