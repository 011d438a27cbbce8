#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/health.hpp"
#include "common/time.hpp"
#include "shim/core/action.hpp"
#include "shim/core/event.hpp"
#include "shim/core/settings.hpp"
#include "shim/core/timer_table.hpp"

namespace shim {

/// Whether the backend behind a ready link is alive, busy or gone (contract 7).
///
/// Silence: any byte is life. After a ping interval without one the backend is pinged; if then
/// nothing comes within the pong timeout it is silent, and verdict() weighs what else is known.
///
/// Heartbeats: a backend that has sent one is expected to go on. One that does not, although other
/// things are heard of it, is wedged. One of which nothing is heard may be busy and nothing more,
/// so time spent in silence never counts against its heartbeats; nor does time in which part of a
/// message comes, since no other message can come then.
class Liveness {
 public:
  /// A backend's first report may come this long after its link is ready; what was there until then
  /// was left over from the one before. It may have a call to be busy with by then.
  static constexpr Duration first_report_time = std::chrono::seconds(3);
  /// When the link was not read for less than this it was only that the host had not yet been given
  /// what came: that excuses nobody's silence.
  static constexpr Duration short_pause = std::chrono::milliseconds(100);

  /// `settings` and `timers` must outlive it. Owns Timer::silence and Timer::heartbeat.
  Liveness(const Settings& settings, TimerTable& timers) : settings_(settings), timers_(timers) {}

  /// A link has become ready: the backend was heard just now.
  void start(TimePoint now, const Health& health);
  /// There is no link any more.
  void stop();

  // What came over the link. Of what comes before start() only heartbeats count.
  void heard(TimePoint now);
  void pong(TimePoint now);
  void heartbeat(TimePoint now);

  /// The backend has been told to log less, perhaps too little for heartbeats: the rule holds from
  /// the next one on.
  void forget_heartbeats();

  /// While the link is not read its silence means nothing, and neither does what was before.
  void pause(TimePoint now, bool paused, Epoch epoch, Actions& out);

  /// The health file holds another report than before.
  void health_changed(TimePoint now, const Health& health);

  /// Something speaks for the backend's death: pings now instead of after the interval, or as soon
  /// as the link is read.
  void suspect(TimePoint now, Epoch epoch, Actions& out);

  /// Asks by CheckLink what there was to be heard, if that is due: every ping interval at least,
  /// also while there is no silence or the link is not read, since CheckLink does more than that.
  void on_deadline(TimePoint now, Epoch epoch, Actions& out);

  /// The answer to CheckLink. Pings if that is due.
  void checked(TimePoint now, const event::LinkChecked& look, const Health& health, Actions& out);

  /// The loss to report if the link is to be given up. `in_flight`: the backend owes an answer, so
  /// that it may be busy with it. What speaks for it may be other things than the link: see
  /// needs_look().
  [[nodiscard]] std::optional<Loss> verdict(TimePoint now, bool in_flight,
                                            const Health& health) const;

  /// Whether a verdict of silence rests on an old look: by now part of a message may have come.
  [[nodiscard]] bool needs_look(TimePoint now) const {
    return state_ == State::silent && heartbeats_ != Heartbeats::wedged && checked_at_ != now;
  }
  /// Looks at once, by CheckLink.
  void look(Epoch epoch, Actions& out);

  /// Pinged in vain.
  [[nodiscard]] bool is_silent() const { return state_ == State::silent; }
  /// How long nothing has been heard.
  [[nodiscard]] Duration silence(TimePoint now) const { return now - heard_at_; }
  /// Of the latest ping that was answered since start(), if one was.
  [[nodiscard]] std::optional<Duration> ping_round_trip() const { return ping_round_trip_; }
  /// Whether what the health file says now may be the first report of the backend behind this link.
  [[nodiscard]] bool awaits_first_report(TimePoint now) const {
    return now - started_at_ <= first_report_time;
  }

 private:
  enum class State : std::uint8_t {
    off,        ///< no ready link
    unread,     ///< the link is not read
    listening,  ///< heard of within the ping interval, as far as is known
    pinged,     ///< a ping is out
    silent,     ///< and was not answered in time
  };

  enum class Heartbeats : std::uint8_t {
    unknown,  ///< none came yet: no rule
    expected,
    doubted,  ///< they are missing: what is heard next starts the last grace
    overdue,  ///< which is over, and a look decides
    wedged,
  };

  /// Whether silence means anything, and missing heartbeats do.
  [[nodiscard]] bool is_judged() const { return state_ != State::off && state_ != State::unread; }
  void rest();
  void listen(TimePoint heard_at);
  void look_at(TimePoint at);
  void remain_silent(TimePoint now, const Health& health);
  void ping(TimePoint now, Epoch epoch, Actions& out);
  void expect_heartbeat();
  void judge_heartbeats(TimePoint now, const event::LinkChecked& look);
  /// Whether none of own_writers_ can be this one; true of everybody while there are none.
  [[nodiscard]] bool is_foreign(const HealthWriter& writer) const;
  /// How long silence may last with requests in flight; zero: for ever.
  [[nodiscard]] Duration patience(TimePoint now, const Health& health) const {
    return health.is_fresh(now) ? settings_.busy_timeout : settings_.stall_timeout;
  }
  /// How long before the heartbeat timeout the backend is pinged, and how long after it is
  /// heard again its next heartbeat may take: a backend that was busy sends both when it is done.
  [[nodiscard]] Duration heartbeat_grace() const;

  const Settings& settings_;
  TimerTable& timers_;
  State state_ = State::off;
  bool looking_ = false;    ///< CheckLink has not answered yet
  bool suspected_ = false;  ///< while the link was not read
  bool reported_ = false;   ///< the health file has changed since the link became ready
  TimePoint started_at_;
  /// Who may be the backend behind this link, by the health file: whom it named when the link
  /// became ready, and its first report, which may be that of one that is just going.
  std::vector<HealthWriter> own_writers_;
  HealthWriter successor_;  ///< who alone has written the file since then, and is none of them
  TimePoint succeeded_at_;
  TimePoint heard_at_;
  std::optional<TimePoint> pinged_at_;    ///< when silence was last put to the test
  std::optional<TimePoint> ping_out_at_;  ///< when the ping was sent that waits for its pong
  std::optional<Duration> ping_round_trip_;
  TimePoint checked_at_;                    ///< when CheckLink last said that nothing has come
  TimePoint paused_at_;                     ///< when the link was last read no more
  std::optional<TimePoint> heartbeat_due_;  ///< what Timer::heartbeat was armed for then

  std::optional<TimePoint> heartbeat_at_;
  TimePoint heartbeat_base_;  ///< they are missing since: one came, or part of a message
  Heartbeats heartbeats_ = Heartbeats::unknown;
};

}  // namespace shim
