#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/time.hpp"
#include "shim/core/event.hpp"
#include "shim/core/phase.hpp"
#include "shim/core/settings.hpp"
#include "tests/sim/health_book.hpp"
#include "tests/sim/json_text.hpp"

/// The judge: what the contract promises, checked against everything that goes in and comes out of
/// the core. Keeps its own books and looks into none of the core's tables.
namespace sim {

using shim::Duration;
using shim::Epoch;
using shim::TimePoint;

/// What can be seen of the core from outside at the end of a turn.
struct CoreView {
  shim::Phase phase = shim::Phase::waiting;
  std::optional<TimePoint> deadline;
  bool deadlines_done = false;  ///< on_deadline() was called in this turn
  std::size_t outbox_cost_bytes = 0;
  std::size_t unsent_bytes = 0;  ///< the outbox, and WriteLink not yet confirmed with LinkWritten
  std::size_t pending = 0;
  std::size_t unread_by_host_bytes = 0;  ///< WriteHost not yet confirmed with HostWritten
};

/// A request of the host, from its line to its answer.
struct Ask {
  std::uint64_t seq = 0;  ///< the host's number for the message, unlike its id never reused
  std::string id;         ///< raw JSON
  std::string method, token, params, text;
  std::uint64_t call = 0;       ///< number of a tools/call, else 0
  bool harmless = false;        ///< the called tool is annotated as read-only
  bool modern = false;          ///< of that era
  bool subscription = false;    ///< a `subscriptions/listen` of it
  bool acknowledged = false;    ///< which the host takes for live
  bool id_used_before = false;  ///< so that a late answer may be taken for this one's
  TimePoint asked;
  std::vector<Epoch> sent;  ///< links it was written to
  /// What the backend has ended the subscription with on the present link, as the host would see
  /// it, and when.
  std::optional<std::pair<std::string, TimePoint>> last_word;
  std::optional<std::uint64_t> closed_in_turn;
  TimePoint closed_at;
  bool cancelled = false;
  std::string answer;  ///< what the host got
};

class Model {
 public:
  /// `timer_lag`: how late the core may be told of a deadline; `disk_delay`: how long the cache may
  /// take to be read.
  Model(const shim::Settings& settings, Duration timer_lag, Duration disk_delay)
      : settings_(settings),
        timer_lag_(timer_lag),
        disk_delay_(disk_delay),
        health_(settings.has_health_file, settings.health_max_age) {}

  /// A core has been made: it knows of no attempt, and of no backend since now.
  void core_starts(TimePoint now) {
    last_attempt_.reset();
    lost_at_.reset();
    not_ready_since_ = now;
    health_ = HealthBook(settings_.has_health_file, settings_.health_max_age);
  }
  /// What an earlier process has left on the disk.
  void knows_file(std::string_view text);

  void turn_begins(TimePoint now, shim::Phase phase);
  void turn_ends(const CoreView& core);

  // Facts the core is told in this turn.
  void host_line(std::string_view text, bool too_long);
  void closing() { closing_ = true; }
  void link_opened(Epoch epoch);
  void link_lost(Epoch epoch, std::optional<Duration> retry_after = {});
  void link_message(Epoch epoch, std::string_view text);
  /// A byte of any kind has come over the link.
  void link_heard(Epoch epoch);
  void link_checked(const shim::event::LinkChecked& look);
  void link_pong(Epoch epoch);
  void health_seen(const shim::HealthLook& look);
  void machine_resumed() { suspects_ = resumed_ = true; }
  void hangup() { may_hurry_ = true; }
  void core_replaced() { replaced_in_turn_ = turn_; }

  // Orders the core gives in this turn.
  void open_link(Epoch epoch);
  /// `last_byte`: when the last byte really came over it.
  void close_link(Epoch epoch, TimePoint last_byte);
  void ping_link(Epoch epoch);
  void pause_link(Epoch epoch, bool paused);
  void write_link(Epoch epoch, const std::string& text);
  void write_host(const std::string& line);
  void write_space(std::size_t unread_bytes);
  void finish();

  // What happens at the backend, at any time. A connection is known by its epoch.
  void executed(std::uint64_t call, bool idempotent);
  void rejected(Epoch connection, const std::string& method);
  /// The host's answer to a request that this connection has made under this raw id.
  void answered(Epoch connection, std::string_view id, const std::string& text,
                std::optional<std::uint64_t> open_tag);

  // For the scenarios and the end of a run.
  [[nodiscard]] const Ask* ask(std::uint64_t seq) const;
  /// The protocol version of the session, empty if there is none.
  [[nodiscard]] std::string version() const {
    return parse(legacy_.version).is_string() ? parse(legacy_.version).get<std::string>() : "";
  }
  [[nodiscard]] std::uint64_t asked_count() const { return asks_.size(); }
  /// How many requests wait for something; a live subscription does not.
  [[nodiscard]] std::size_t open_asks() const;
  [[nodiscard]] std::string open_list() const;
  [[nodiscard]] std::uint64_t executions(std::uint64_t call) const;
  [[nodiscard]] bool has_failed() const { return !failure_.empty(); }
  [[nodiscard]] const std::string& failure() const { return failure_; }
  void fail(const std::string& what);
  /// With a link that has been ready for a while: the host has been told if it holds another list
  /// of tools than this one (raw JSON).
  void judge_told(std::string_view tools);

 private:
  /// Something the core owes the host in this very turn.
  struct Due {
    std::string id;  ///< raw
    bool or_null = false;
    int code = 0;  ///< of the error; 0: the empty result of a ping
    bool optional = false;
    bool met = false;
  };
  /// What the host knows of a request of the backend.
  struct Asked {
    Epoch epoch = 0;
    std::uint64_t tag = 0;
    bool open = true;
  };
  /// What has been seen on the present link.
  struct Watch {
    enum class Stage : std::uint8_t { before, initialize, refused, restore, traffic, excused };
    Stage stage = Stage::before;
    std::string own_id;
    std::vector<std::pair<std::string, std::string>> to_restore;  ///< method and raw params
    std::uint64_t last_seq = 0;
    std::set<std::string> own_ids, own_open;
    std::map<std::string, std::string> own_lists;  ///< raw id to key of a list
    bool asked_debug = false;                      ///< of the backend, for heartbeats
  };
  /// What is known of the backend at the other end of the present link (contract 7).
  struct Pulse {
    bool watched = false;  ///< the link is ready, and read
    TimePoint ready;
    TimePoint heard;
    std::optional<TimePoint> pinged;  ///< silence was put to the test, and nothing heard since
    bool ping_out = false;            ///< and not answered
    bool suspected = false;           ///< while it was not read
    TimePoint last_ping;
    std::optional<TimePoint> heartbeat;
    std::optional<TimePoint> lone_word;  ///< the first thing heard with heartbeats overdue
    /// Whom the health file named when the link became ready, and in its first report after that.
    std::vector<HealthBook::Writer> own;
    bool has_reported = false;
    /// Who has reported since, if it is one other process, and since when.
    HealthBook::Writer successor;
    TimePoint succeeded;
  };
  /// What the host has heard of a token (contract 8).
  struct Progress {
    std::uint64_t seq = 0;
    TimePoint told;
    double last = 0;
    TimePoint reported{};  ///< when the backend last said something
    bool ours = false;     ///< the last value was the shim's, or the request is to be done again
  };
  /// What the host and a backend have agreed on.
  struct Legacy {
    std::uint64_t greeting_seq = 0;
    std::string version;  ///< raw JSON; empty until the backend has answered
    bool initialized = false;
    std::string level_params;
    std::map<std::string, std::string> subscriptions;
    bool has_logging = false;
    bool minimal = false;  ///< the host was given a result that no backend stands behind
    std::map<std::string, Json> shown;  ///< list method to the result the host saw last
    std::set<std::string> told;         ///< list_changed methods since then
  };

  // model_host.cpp
  void host_element(std::string_view text, const Json& message);
  void host_request(std::string_view text, const Json& message);
  void host_notification(std::string_view text, const Json& message);
  void skipped_line(std::string_view text);
  void host_answer(const std::string& line, const Json& message);
  void host_asked(const std::string& line, const Json& message);
  void host_told(const std::string& line, const Json& message);
  void settle(Ask& ask, const std::string& line, const Json& message);
  void judge_own_answer(const Ask& ask, const Json& message, const Json& data);
  void judge_backend_answer(const Ask& ask, const std::string& line, const Json& message);
  void learn(const Ask& ask, const Json& message);
  [[nodiscard]] bool meet_due(const std::string& id, int code);
  void close(Ask& ask);
  void close_asked(const std::string& id);

  // model_link.cpp
  void link_request(Epoch epoch, const std::string& text, const Json& message);
  void link_notification(Epoch epoch, const std::string& text, const Json& message);
  [[nodiscard]] bool is_own(const std::string& text, const Json& message);
  void judge_initialize_again(const std::string& text, const Json& message);
  void expect_restore(const Json& answer);
  [[nodiscard]] std::string as_sent(const Ask& ask) const;
  [[nodiscard]] bool take_debug_wish(const std::string& method, std::string_view params);
  [[nodiscard]] bool take_restore(const std::string& method, std::string_view params);
  /// With so little room for texts of requests, the core is free to forget what they have set.
  [[nodiscard]] bool may_forget() const {
    return settings_.queue_bytes <= (std::size_t{64} << 10U);
  }
  void in_order(std::uint64_t seq);
  void traffic_may_flow(const std::string& text);
  [[nodiscard]] bool may_be_sent_again(const Ask& ask) const;

  // model_lists.cpp: lists, and answers without a backend (contract 5.1 and 6).
  void came(std::string_view element, const Json& message);
  [[nodiscard]] bool may_be_offline(const Ask& ask) const;
  void judge_offline_answer(const Ask& ask, const Json& message);
  void shown_list(const Ask& ask, const Json& message);
  [[nodiscard]] bool judge_list_changed(const std::string& line, const std::string& method);
  [[nodiscard]] bool take_own_list(const std::string& id, const std::string& method,
                                   std::string_view params);
  [[nodiscard]] bool tools_have_changed(const Json& shown, const std::string& key) const;

  // model_subscriptions.cpp: those of the modern era (contract 5.2).
  [[nodiscard]] Ask* open_subscription(std::string_view id);
  void note_acknowledgement(std::string_view line);
  void note_last_word(std::string_view id, std::string_view line);
  [[nodiscard]] bool take_last_word(Ask& ask, const std::string& line);
  void judge_acknowledgement(const std::string& line);
  [[nodiscard]] bool take_cancelled_subscription(const std::string& line);
  void judge_last_words(const CoreView& core);
  [[nodiscard]] bool is_in_flight(const Ask& ask) const {
    return live_ != 0 && !ask.sent.empty() && ask.sent.back() == live_;
  }

  // model_liveness.cpp
  [[nodiscard]] bool is_busy() const;
  [[nodiscard]] bool may_be_given_up(TimePoint last_byte) const;
  void judge_pulse(const CoreView& core);
  void judge_heartbeats();
  void forget_heartbeats();
  [[nodiscard]] bool is_replaced() const;
  void note_writer();
  void judge_silence(const CoreView& core);
  [[nodiscard]] std::optional<std::string> overdue_loss(const CoreView& core) const;
  void judge_signs(const CoreView& core);
  void judge_request_timeouts(const CoreView& core);
  [[nodiscard]] bool is_too_early_for_timeout(TimePoint since) const;
  [[nodiscard]] bool take_timeout_notice(const std::string& method, std::string_view params);

  // model_keepalive.cpp
  void note_progress(std::string_view line);
  void note_log(std::string_view line, const Json& message);
  void judge_progress(const std::string& line, const Json& message);
  void judge_own_progress(Progress& known, const std::string& line, const Json& message);
  [[nodiscard]] bool judge_own_log(const std::string& line, const Json& message);
  void judge_keepalives(const CoreView& core);
  /// When the oldest request came that keepalives may be about.
  [[nodiscard]] std::optional<TimePoint> oldest_ask(bool for_log) const;
  [[nodiscard]] bool takes_logs() const;
  [[nodiscard]] bool is_below(std::string_view level) const;
  [[nodiscard]] Duration heartbeat_grace() const;
  /// A host with more than this to read gets no keepalives.
  [[nodiscard]] std::size_t keepalive_unread_max() const {
    return std::min(std::size_t{64} << 10U, settings_.queue_bytes / 2);
  }
  [[nodiscard]] bool knows_mcp() const {
    return reads_mcp() && (mcp_known_ || settings_.protocol == shim::Protocol::mcp);
  }
  /// The level from which on the host wants log messages.
  [[nodiscard]] std::string host_level() const;

  // model.cpp
  void judge_loss();
  void judge_waiting(const CoreView& core);
  void judge_bounds(const CoreView& core);
  void judge_wish(const CoreView& core);

  [[nodiscard]] bool reads_mcp() const { return settings_.protocol != shim::Protocol::jsonrpc; }

  const shim::Settings& settings_;
  Duration timer_lag_;
  Duration disk_delay_;
  TimePoint now_;
  std::uint64_t turn_ = 0;
  shim::Phase phase_before_ = shim::Phase::waiting;  ///< at the start of the turn
  std::string failure_;
  bool closing_ = false;
  bool finished_ = false;
  std::uint64_t replaced_in_turn_ = 0;

  std::map<std::uint64_t, Ask> asks_;                    ///< by seq
  std::unordered_map<std::string, std::uint64_t> open_;  ///< raw id to seq
  std::set<std::string> used_ids_;
  std::map<std::uint64_t, std::string> notifications_;  ///< seq to text
  std::set<std::uint64_t> notifications_sent_;
  std::vector<Due> due_;
  bool mcp_known_ = false;
  bool greeted_again_ = false;
  Legacy legacy_;
  Legacy legacy_before_;  ///< before the latest `initialize`, should that be refused

  Epoch last_epoch_ = 0;
  Epoch live_ = 0;  ///< 0: no link
  bool live_open_ = false;
  Epoch lost_in_turn_ = 0;
  std::optional<TimePoint> last_attempt_;
  TimePoint not_ready_since_;
  std::optional<TimePoint> lost_at_;
  Duration retry_after_{};
  bool may_hurry_ = false;  ///< a person wants an attempt, whatever Retry-After said
  bool asked_in_turn_ = false;
  Watch watch_;
  Watch watch_before_;  ///< like legacy_before_
  Pulse pulse_;
  std::pair<Epoch, std::optional<TimePoint>> early_heartbeat_;  ///< the last before ready
  bool link_paused_ = false;
  TimePoint paused_at_, unpaused_at_;
  TimePoint latest_part_;                  ///< of a message that was not complete
  std::optional<TimePoint> part_in_turn_;  ///< likewise, as it was seen in this turn
  std::optional<TimePoint> loss_due_;      ///< when it was first overdue to give the link up
  HealthBook health_;
  bool suspects_ = false;      ///< something in this turn is a reason to ping
  bool resumed_ = false;       ///< the machine has, in this turn
  bool health_hurry_ = false;  ///< the backend has shown a sign of life since the last attempt
  bool turned_fresh_ = false;  ///< in this turn
  std::map<std::uint64_t, TimePoint> quiet_since_;  ///< seq in flight to when it was heard of last
  std::set<std::string> told_of_timeout_;  ///< likewise, told ahead of the host in this turn
  std::string early_last_word_;  ///< passed on before it was due, which only the end of all allows
  std::set<std::string> timed_out_;  ///< raw ids that the backend may be told of

  std::map<std::string, Progress> progress_;             ///< by raw token, of what is pending
  std::map<std::string, std::string> progress_in_turn_;  ///< line without its value to the value
  std::vector<std::string> owed_logs_;                   ///< to be passed on in this turn
  TimePoint host_told_, log_told_;
  TimePoint log_unwanted_;              ///< when the session last had no use for log messages
  TimePoint host_busy_;                 ///< when it last had anything to read
  TimePoint host_full_;                 ///< when the host had last more to read than is added to
  std::set<std::string> came_in_turn_;  ///< what the backend sent, as it may be passed on
  std::map<std::string, Json>
      fresh_in_turn_;                   ///< key of a list to the result the shim has asked for
  std::optional<Json> modern_tools_;    ///< the list that the host saw last in that era
  bool modern_told_ = false;            ///< that it has changed since then
  std::set<std::string> real_results_;  ///< every result that a backend ever gave, normalised

  std::map<std::string, Asked> asked_;  ///< raw id towards the host
  std::map<std::uint64_t, std::uint64_t> executions_;
  std::map<std::uint64_t, std::uint64_t> calls_;  ///< call number to seq
  std::size_t largest_message_ = 0;
  std::size_t asked_open_ = 0;   ///< requests of the backend that the host may answer
  std::size_t open_before_ = 0;  ///< what may be settled or cancelled in this turn
  std::size_t open_peak_ = 0;    ///< likewise, since the host has last kept up
  std::size_t unread_before_ = 0;
  std::size_t unsent_before_ = 0;
};

}  // namespace sim
