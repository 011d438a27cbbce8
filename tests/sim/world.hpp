#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/prng.hpp"
#include "shim/core/session.hpp"
#include "tests/sim/backend.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/health.hpp"
#include "tests/sim/host.hpp"
#include "tests/sim/link.hpp"
#include "tests/sim/model.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/stream.hpp"

namespace sim {

/// Whether an order of the core gets lost: the way to break a core on purpose.
using Sabotage = std::function<bool(const shim::Action&)>;

/// One run: a virtual clock, a queue of what is going to happen, the core in the middle and the
/// models of host, link and backend around it, watched by the Model. The seed decides everything.
class World {
 public:
  /// Starts a core at once. `trace`: note every event and action.
  World(Plan plan, std::uint64_t seed, bool trace = false);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] TimePoint now() const { return now_; }
  /// The random numbers of what is happening now.
  [[nodiscard]] shim::Prng& random() { return stream_.random(); }
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] shim::Session& session() { return *session_; }
  [[nodiscard]] shim::Phase phase() const { return session_->phase(); }
  [[nodiscard]] Model& model() { return model_; }
  [[nodiscard]] Link& link() { return link_; }
  [[nodiscard]] Backend& backend() { return backend_; }
  [[nodiscard]] Host& host() { return host_; }
  [[nodiscard]] Disk& disk() { return disk_; }
  [[nodiscard]] HealthFile& health() { return health_; }

  /// Does `what` after `delay`; things due at the same time are done in the order they were asked
  /// for.
  void after(Duration delay, std::function<void()> what);

  /// Tells the core a fact: one turn. Never from within an action.
  void tell(shim::Event event);
  /// Likewise; a line that was `written` to the pipe by the host, as a whole.
  void tell_line(shim::Event event, std::string_view written, bool too_long);

  /// Lets time pass.
  void run_for(Duration span) { run_until(now_ + span); }
  void run_until(TimePoint end);
  /// Lets time pass until `done`, at most `most`; whether it was done.
  bool run_until_done(const std::function<bool()>& done, Duration most);
  bool run_until_ready(Duration most) {
    return run_until_done([this] { return phase() == shim::Phase::ready; }, most);
  }

  /// Starts the faults of the plan and the host's own life.
  void begin_chaos();
  /// Ends all faults: from now on the backend is up and the network fast.
  void calm_down();
  [[nodiscard]] bool is_calm() const { return calm_; }
  void cut_what_nobody_notices();
  /// A fault's chance; never while it is calm. If it strikes that is an incident, and `probability`
  /// names it if it is a field of the plan.
  [[nodiscard]] bool chance(const double& probability);
  /// Does something that the run could do without, with random numbers of its own.
  void incident(std::string_view name, const std::function<void()>& what);
  /// All other incidents stay away from now on.
  void keep_only(std::set<Part> parts) { kept_ = std::move(parts); }
  /// What there has been, in its order.
  [[nodiscard]] const std::vector<Part>& incidents() const { return incidents_; }
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

  void sabotage(Sabotage lost) { sabotage_ = std::move(lost); }

  /// As the bridge does after a failed check: the core settles everything, another takes over.
  void replace_core();

  [[nodiscard]] bool is_over() const { return finished_ || model_.has_failed(); }
  [[nodiscard]] bool is_finished() const { return finished_; }

  /// Notes a line in the trace. `text` is cut and made printable.
  void note(std::string_view kind, std::string_view text);
  [[nodiscard]] bool traces() const { return traces_; }
  [[nodiscard]] const std::string& trace() const { return trace_; }

 private:
  struct Happening {
    TimePoint at;
    std::uint64_t order;
    std::uint64_t stream;
    std::function<void()> what;
  };
  struct Later {
    bool operator()(const std::shared_ptr<Happening>& a,
                    const std::shared_ptr<Happening>& b) const {
      return a->at != b->at ? a->at > b->at : a->order > b->order;
    }
  };

  void turn(shim::Event* event, std::string_view written, bool too_long);
  [[nodiscard]] CoreView view(bool deadlines_done) const;
  void inform_model(const shim::Event& event, std::string_view written, bool too_long);
  void carry_out(shim::Action& action);
  [[nodiscard]] bool step(TimePoint end);
  // chaos.cpp
  void begin_moods();
  void restart_backend();
  void every(const Duration& mean, const std::function<void()>& what);
  [[nodiscard]] bool admits(Part part, std::string_view name);

  Plan plan_;
  std::uint64_t seed_;
  Stream stream_;
  std::optional<std::set<Part>> kept_;
  std::vector<Part> incidents_;
  Sabotage sabotage_;
  bool traces_;
  bool calm_ = true;
  bool finished_ = false;
  bool in_turn_ = false;
  std::uint64_t turns_ = 0;
  TimePoint now_;
  std::optional<TimePoint> replaced_at_;
  Duration lag_{};  ///< how late the next deadline is noticed
  std::uint64_t last_order_ = 0;
  std::priority_queue<std::shared_ptr<Happening>, std::vector<std::shared_ptr<Happening>>, Later>
      queue_;
  std::string trace_;
  Model model_;
  std::unique_ptr<shim::Session> session_;
  Link link_;
  Backend backend_;
  Host host_;
  Disk disk_;
  HealthFile health_;
};

}  // namespace sim
