#include "tests/bench/herd/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>

#include "shim/core/supervisor.hpp"
#include "tests/bench/herd/server.hpp"

namespace herd {
namespace {

using namespace std::chrono_literals;
using shim::Cause;
using shim::Duration;
using shim::Phase;
using shim::TimePoint;

constexpr TimePoint loss_at{1h};

struct Client {
  Client(const shim::Settings& settings, std::uint64_t seed)
      : random(seed), supervisor(settings, timers, random, 0) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  shim::TimerTable timers;
  shim::Prng random;
  shim::Supervisor supervisor;
};

struct Event {
  enum class Kind : std::uint8_t { deadline, syn, ask, served, listen };
  TimePoint at;
  std::uint64_t order = 0;  ///< what was planned first comes first
  Kind kind = Kind::deadline;
  Call call{};
  Duration retry{};  ///< of a SYN: how long until the next one

  friend bool operator>(const Event& a, const Event& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }
};

class World {
 public:
  explicit World(const Scenario& scenario)
      : scenario_(scenario), server_(Duration(1s) / scenario.accepts_per_second, scenario.backlog) {
    settings_.endpoints = {"ws://backend"};
    settings_.backoff = scenario.backoff;
    settings_.connect_timeout = scenario.connect_timeout;
    for (std::size_t i = 0; i < scenario.clients; ++i) {
      clients_.emplace_back(settings_, (scenario.seed << 32U) + i);
    }
    waiting_ = scenario.clients;
  }

  Outcome run() {
    for (std::size_t i = 0; i < clients_.size(); ++i) connect_long_ago(i);
    plan({.at = loss_at + scenario_.outage, .kind = Event::Kind::listen});
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      lose(i, loss_at, Cause::reset);
      if (clients_[i].random.chance(scenario_.asking)) {
        plan_ask(i, loss_at + clients_[i].random.between(Duration::zero(), scenario_.ask_interval));
      }
    }
    while (waiting_ > 0 && !events_.empty() && events_.top().at < loss_at + patience) {
      const Event event = events_.top();
      events_.pop();
      handle(event);
    }
    return std::move(outcome_);
  }

 private:
  void plan(Event event) {
    event.order = ++planned_;
    events_.push(event);
  }

  void plan_ask(std::size_t client, TimePoint at) {
    plan({.at = at, .kind = Event::Kind::ask, .call = {.client = client}});
  }

  /// Before the loss everybody has had a link for longer than `min_uptime`.
  void connect_long_ago(std::size_t index) {
    shim::Supervisor& supervisor = clients_[index].supervisor;
    const TimePoint then = loss_at - 10min;
    supervisor.start(then);
    supervisor.on_deadline(then, orders_);
    become_ready(index, then);
    supervisor.on_deadline(then + settings_.min_uptime, orders_);
    orders_.clear();
  }

  void become_ready(std::size_t index, TimePoint now) {
    clients_[index].supervisor.opened(now, orders_);
    clients_[index].supervisor.validated(now, orders_);
    clients_[index].supervisor.resumed(now, orders_);
    orders_.clear();
  }

  void lose(std::size_t index, TimePoint now, Cause cause) {
    clients_[index].supervisor.lost(now, {.cause = cause}, orders_);
    orders_.clear();
    plan_deadline(index);
  }

  void plan_deadline(std::size_t index) {
    if (const auto at = clients_[index].timers.next_deadline()) {
      plan({.at = *at, .kind = Event::Kind::deadline, .call = {.client = index}});
    }
  }

  void handle(const Event& event) {
    switch (event.kind) {
      case Event::Kind::deadline: deadline(event.call.client, event.at); break;
      case Event::Kind::syn: syn(event); break;
      case Event::Kind::ask: ask(event.call.client, event.at); break;
      case Event::Kind::served: served(event.at); break;
      case Event::Kind::listen: server_.listen(); break;
    }
  }

  /// Also comes when the deadline it was planned for has been moved; then nothing is due.
  void deadline(std::size_t index, TimePoint now) {
    Client& client = clients_[index];
    if (client.timers.next_deadline() > now || client.supervisor.ready()) return;
    if (const auto loss = client.supervisor.overdue(now)) {
      ++outcome_.timed_out;
      lose(index, now, loss->cause);
      return;
    }
    client.supervisor.on_deadline(now, orders_);
    for (const shim::Action& order : orders_) {
      if (const auto* open = std::get_if<shim::action::OpenLink>(&order)) {
        count_attempt(now);
        plan({.at = now, .kind = Event::Kind::syn, .call = {index, open->epoch}, .retry = 1s});
      }
    }
    orders_.clear();
    plan_deadline(index);
  }

  void count_attempt(TimePoint now) {
    ++outcome_.attempts;
    const auto at = static_cast<std::size_t>((now - loss_at) / slot);
    if (outcome_.attempts_by_slot.size() <= at) outcome_.attempts_by_slot.resize(at + 1);
    ++outcome_.attempts_by_slot[at];
  }

  [[nodiscard]] bool still_wants(const Call& call) const {
    const shim::Supervisor& supervisor = clients_[call.client].supervisor;
    return supervisor.epoch() == call.epoch && supervisor.phase() == Phase::connecting;
  }

  void syn(const Event& event) {
    if (!still_wants(event.call)) return;
    const bool was_idle = !server_.done_at();
    switch (server_.call(event.call, event.at)) {
      case Server::Answer::refused:
        ++outcome_.refused;
        lose(event.call.client, event.at, Cause::refused);
        break;
      case Server::Answer::dropped: {
        Event again = event;
        again.at += event.retry;
        again.retry *= 2;
        plan(again);
        break;
      }
      case Server::Answer::queued:
        if (was_idle) plan({.at = *server_.done_at(), .kind = Event::Kind::served});
        break;
    }
  }

  void served(TimePoint now) {
    const Call call = server_.done();
    if (const auto at = server_.done_at()) plan({.at = *at, .kind = Event::Kind::served});
    if (!still_wants(call)) {
      ++outcome_.served_in_vain;
      return;
    }
    become_ready(call.client, now);
    outcome_.ready_after.push_back(now - loss_at - scenario_.outage);
    --waiting_;
  }

  void ask(std::size_t index, TimePoint now) {
    if (clients_[index].supervisor.ready()) return;
    clients_[index].supervisor.wanted(now);
    plan_deadline(index);
    plan_ask(index, now + scenario_.ask_interval);
  }

  const Scenario& scenario_;
  shim::Settings settings_;
  Server server_;
  std::deque<Client> clients_;  // they are neither copied nor moved
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t planned_ = 0;
  std::size_t waiting_ = 0;  ///< clients without a link
  shim::Actions orders_;
  Outcome outcome_;
};

}  // namespace

Outcome simulate(const Scenario& scenario) { return World(scenario).run(); }

Duration ready_by(const Outcome& outcome, std::size_t clients, double part) {
  const auto wanted = static_cast<std::size_t>(std::ceil(part * static_cast<double>(clients)));
  if (wanted == 0) return Duration::zero();
  return wanted <= outcome.ready_after.size() ? outcome.ready_after[wanted - 1] : patience;
}

std::uint32_t peak(const Outcome& outcome, Duration from) {
  const auto& slots = outcome.attempts_by_slot;
  const auto first = std::min(static_cast<std::size_t>(from / slot), slots.size());
  const auto most =
      std::max_element(slots.begin() + static_cast<std::ptrdiff_t>(first), slots.end());
  return most == slots.end() ? 0 : *most;
}

}  // namespace herd
