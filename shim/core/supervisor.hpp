#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/backoff.hpp"
#include "common/prng.hpp"
#include "shim/core/action.hpp"
#include "shim/core/phase.hpp"
#include "shim/core/settings.hpp"
#include "shim/core/timer_table.hpp"

namespace shim {

/// Decides when to connect, to which endpoint, and how long each step of an attempt may take
/// (contract 4.1 to 4.3). Owns the phase, the epoch and the backoff; knows nothing of messages.
///
/// Several endpoints are tried in a round, one at once after the other; only a round in which all
/// have failed is a failure for the backoff. A round starts with the first endpoint, or, while that
/// is known to be away, with the one that served last.
class Supervisor {
 public:
  /// How long the first endpoint, once it has failed, is not the first to be tried again after the
  /// loss of another one.
  static constexpr Duration first_endpoint_rest = std::chrono::seconds(60);
  /// No attempt starts sooner than this after the one before, whoever asks for it.
  static constexpr Duration attempt_spacing = std::chrono::seconds(1);
  /// The same for a sign of life of the backend, which cannot come in swarms from many hosts.
  static constexpr Duration sign_of_life_spacing = std::chrono::milliseconds(100);

  Supervisor(const Settings& settings, TimerTable& timers, Prng& random, Epoch last_epoch)
      : settings_(settings),
        timers_(timers),
        random_(random),
        backoff_(settings.backoff),
        epoch_(last_epoch),
        not_before_(settings.endpoints.size()) {}

  /// Schedules the first attempt for now.
  void start(TimePoint now);

  // What happened to the link. Each is legal in the phase its name implies only.
  void opened(TimePoint now, Actions& out);                  ///< connecting → validating
  void validated(TimePoint now, Actions& out);               ///< validating → resuming
  void resumed(TimePoint now, Actions& out);                 ///< resuming → ready
  void lost(TimePoint now, const Loss& loss, Actions& out);  ///< any of them → waiting

  /// Somebody needs the link: attempt as soon as the spacing and a Retry-After allow, also after
  /// the attempt that is under way if that fails.
  void wanted(TimePoint now);

  /// Like wanted(), for a person's wish: no Retry-After stands in its way.
  void demanded(TimePoint now);

  /// The backend has shown a sign of life elsewhere: attempts at once, or as soon as the attempt
  /// that is under way has failed. Only a Retry-After is heeded.
  void backend_is_up(TimePoint now);

  /// Starts the attempt if it is due, and lets a link prove itself.
  void on_deadline(TimePoint now, Actions& out);

  /// The link is not being read, or was not until now, so its silence does not count (contract 7):
  /// gives the present step of the attempt its whole time again.
  void excuse(TimePoint now);

  /// The loss to report if the present step of the attempt has taken too long.
  [[nodiscard]] std::optional<Loss> overdue(TimePoint now);

  /// No further attempt; closes the link politely.
  void stop(TimePoint now, Actions& out);

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] TimePoint phase_since() const { return phase_since_; }
  [[nodiscard]] Epoch epoch() const { return epoch_; }
  [[nodiscard]] bool ready() const { return phase_ == Phase::ready; }
  /// Whether there is an open link, ready or on its way to it.
  [[nodiscard]] bool link_open() const {
    return phase_ == Phase::validating || phase_ == Phase::resuming || phase_ == Phase::ready;
  }
  /// Attempts that have failed since a link was last ready.
  [[nodiscard]] unsigned failed_attempts() const { return outage_attempts_; }
  /// How long there has been no ready link; zero while there is one.
  [[nodiscard]] Duration down_for(TimePoint now) const;
  /// The endpoint of the present or latest attempt, as logs call it.
  [[nodiscard]] const std::string& endpoint() const { return settings_.endpoints[endpoint_]; }
  /// Of the first ping of the latest link that was validated.
  [[nodiscard]] Duration ping_round_trip() const { return ping_round_trip_; }
  /// Cause and detail of the last loss; empty before the first.
  [[nodiscard]] const std::string& last_error() const { return last_error_; }

  /// The invariant behind "always up": each phase has an armed way out.
  [[nodiscard]] bool has_a_way_out() const;

 private:
  void move(TimePoint now, Phase to);
  void begin_round(TimePoint now);
  void choose_endpoint(TimePoint now);
  [[nodiscard]] std::size_t after(std::size_t endpoint) const {
    return (endpoint + 1) % settings_.endpoints.size();
  }
  /// Whether a Retry-After of this endpoint keeps us away from it.
  [[nodiscard]] bool is_barred(std::size_t endpoint, TimePoint now) const {
    return not_before_[endpoint] > now;
  }
  [[nodiscard]] bool round_goes_on(TimePoint now) const;
  /// When the first endpoint that may be tried is, or was, no longer barred.
  [[nodiscard]] TimePoint allowed_at() const;
  void attempt(TimePoint now, Actions& out);
  [[nodiscard]] Duration delay_of_round(TimePoint now);
  void schedule(TimePoint now, TimePoint earliest, Duration spacing = attempt_spacing);
  void log_failure(const Loss& loss, bool was_ready, const std::string& then, Actions& out);
  void log(LogLevel level, std::string text, Actions& out, std::string_view cause = {}) const {
    out.emplace_back(action::Log{level, std::move(text), epoch_, phase_, cause});
  }

  const Settings& settings_;
  TimerTable& timers_;
  Prng& random_;
  Backoff backoff_;
  Phase phase_ = Phase::waiting;
  Epoch epoch_;
  std::size_t endpoint_ = 0;                  ///< of the present or latest attempt
  std::size_t untried_ = 0;                   ///< endpoints that this round has left
  std::size_t served_by_ = 0;                 ///< the endpoint of the latest ready link
  bool all_need_a_person_ = true;             ///< every failure of this round
  std::optional<TimePoint> first_failed_at_;  ///< the first endpoint, and not ready since
  std::optional<TimePoint> attempt_started_;
  std::vector<TimePoint> not_before_;  ///< by endpoint: what its last Retry-After asked for
  std::optional<TimePoint> down_since_;
  TimePoint phase_since_;
  TimePoint ready_since_;
  Duration ping_round_trip_{};
  bool is_up_ = false;      ///< a sign of life came while an attempt was under way
  bool is_wanted_ = false;  ///< somebody asked for the link meanwhile
  unsigned outage_attempts_ = 0;
  std::uint32_t causes_shown_ = 0;  ///< of failed attempts, since a link was last ready; by bit
  std::string last_error_;
};

}  // namespace shim
