#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/health.hpp"
#include "common/id_scanner.hpp"
#include "common/jsonrpc.hpp"
#include "common/prng.hpp"
#include "common/time.hpp"
#include "shim/core/action.hpp"
#include "shim/core/answers.hpp"
#include "shim/core/backend_requests.hpp"
#include "shim/core/cache_entry.hpp"
#include "shim/core/counters.hpp"
#include "shim/core/event.hpp"
#include "shim/core/legacy_session.hpp"
#include "shim/core/lists.hpp"
#include "shim/core/liveness.hpp"
#include "shim/core/outbox.hpp"
#include "shim/core/pending.hpp"
#include "shim/core/report.hpp"
#include "shim/core/settings.hpp"
#include "shim/core/supervisor.hpp"
#include "shim/core/timer_table.hpp"

namespace shim {

/// What outlives a core that failed a check: enough to go on with the same host and backend.
struct Estate {
  LegacySession legacy{};
  BackendRequests backend_requests{};
  Lists legacy_lists{};
  Lists modern_lists{};
  Epoch last_epoch = 0;
  bool legacy_era = false;
  bool modern_era = false;
  bool draining = false;
  std::size_t host_unwritten = 0;  ///< bytes of WriteHost not yet written
  Counters counters{};
};

/// The door of the core: every decision of the shim, and no socket, clock, thread or random device.
/// Facts go in, orders come out, time is an argument. The bridge drives it against pipes and
/// libwebsockets, the simulator against a virtual clock.
///
/// Its promise (contract 5.0): each request of the host is answered with exactly one WriteHost,
/// unless the host cancels it, and whatever happens to links there is always a next attempt.
class Session {
 public:
  /// Bytes handed to the link and not yet to the kernel, at most, plus one message. What is beyond
  /// waits here, where it can still be given back, cancelled or sent on another link.
  static constexpr std::size_t link_window_bytes = std::size_t{256} << 10U;
  /// How long the end may take for what is still to be written and to arrive, once the host has
  /// asked us to stop or is gone.
  static constexpr Duration stop_patience = std::chrono::milliseconds(200);
  /// CheckLink is answered at once; after this it was not, and is asked again.
  static constexpr Duration look_time = std::chrono::milliseconds(1);
  /// Time to read what the kernel holds before a request is given up.
  static constexpr Duration unread_grace = std::chrono::seconds(1);
  /// What all pending requests may cost while ready, see PendingTable::cost_bytes(); beyond it the
  /// host is not read further.
  static constexpr std::size_t pending_bytes_max = std::size_t{16} << 20U;

  /// `settings` must outlive the session. `seed` decides all its randomness.
  Session(const Settings& settings, std::uint64_t seed, TimePoint now, Estate estate = {});

  // The supervisor holds references into this object.
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Takes one fact and appends what is to be done about it. After Finish nothing is done any more.
  void on_event(TimePoint now, Event& event, Actions& out);

  /// Does what is due. Calling it early or often is harmless.
  void on_deadline(TimePoint now, Actions& out);

  /// When on_deadline() must be called at the latest; nullopt: not before the next event.
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;

  /// Settles everything with errors after this core failed a check, and hands over the rest. The
  /// session is good for nothing afterwards.
  [[nodiscard]] Estate abandon(Actions& out);

  [[nodiscard]] Phase phase() const { return supervisor_.phase(); }
  [[nodiscard]] Epoch epoch() const { return supervisor_.epoch(); }
  /// Whether what the health file says matters at once: there is no link, or it may be the first
  /// report of the backend behind a new one.
  [[nodiscard]] bool wants_health_news(TimePoint now) const {
    return !supervisor_.ready() || liveness_.awaits_first_report(now);
  }
  [[nodiscard]] bool finished() const { return phase() == Phase::stopped; }
  [[nodiscard]] const PendingTable& pending() const { return pending_; }
  [[nodiscard]] const Outbox& outbox() const { return outbox_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] Report report(TimePoint now) const;

 private:
  using Message = jsonrpc::Message;

  // session.cpp: the life of the link and of the process.
  void handle(event::HostLine& event);
  void handle(event::HostLineTooLong& event);
  void handle(event::HostClosed& event);
  void handle(event::HostGone& event);
  void handle(event::HostWritten& event);
  void handle(event::StopRequested& event);
  void handle(event::ReconnectRequested& event);
  void handle(event::MachineResumed& event);
  void handle(event::HealthSeen& event);
  void handle(event::LinkOpened& event);
  void handle(event::LinkPong& event);
  void handle(event::LinkMessage& event);
  void handle(event::LinkMessageTooLong& event);
  void handle(event::LinkBinary& event);
  void handle(event::LinkWritten& event);
  void handle(event::LinkChecked& event);
  void handle(event::LinkLost& event);
  void handle(event::CacheLoaded& event);
  void show_health();
  [[nodiscard]] bool is_current(const Event& event) const;
  void lose_link(const Loss& loss);
  void settle_lost(Request& request);
  void after_turn();
  [[nodiscard]] bool backend_owes_something() const;
  void expire_queued();
  void look_for_late_answers();
  void expire_in_flight(const event::LinkChecked& look);
  void finish(Duration patience);
  void finish_if_drained();
  void balance_pressure();

  /// A request of our own to the backend, whose answer stays here.
  struct OwnRequest {
    enum class Purpose : std::uint8_t { initialize, restore, list };
    Purpose purpose = Purpose::restore;
    ListKind kind = ListKind::tools;  ///< for Purpose::list
    bool modern = false;              ///< likewise
    bool asks_for_heartbeats = false;
    std::string_view method{};  ///< a literal
    TimePoint sent_at{};
  };

  // session_host.cpp: messages from the host, and answers to it.
  void host_message(std::string text);
  void host_request(std::string text, const Message& message);
  [[nodiscard]] Request request_of(const Message& message, mcp::Method method);
  void begin_session(const Message& initialize);
  void host_notification(std::string text, const Message& message);
  void host_response(std::string text, const Message& message);
  void host_cancelled(std::string text, const Message& message);
  void refuse(std::string_view id, int code, std::string_view said, bool delivered = false);
  void refuse_line(std::string_view text, const Message& message, int code, std::string_view said);
  void refuse_unread(const std::vector<IdScanner::Found>& found, std::string_view said,
                     const std::function<void(std::string_view id, std::string_view method)>& tell);
  void enqueue(std::string text, std::string_view request_id, std::uint64_t order, Epoch only_for);
  [[nodiscard]] bool has_room(std::size_t bytes, bool is_subscription) const;
  [[nodiscard]] bool waits_for_ever(std::uint64_t order, std::string_view request_id) const;
  [[nodiscard]] bool may_replay(const Request& request, const Message& message) const;
  void flush();
  void send(Outbox::Item item);
  [[nodiscard]] std::string with_heartbeats(std::string set_level);
  void write_host(std::string line);
  void settle(const Request& request, Reason reason, std::string_view said);

  // session_backend.cpp: messages from the backend.
  void backend_message(std::string text);
  void backend_invalid(std::string_view text, const Message& message, std::string_view why);
  void settle_bad_answers(const std::vector<IdScanner::Found>& found, std::string_view flaw);
  [[nodiscard]] bool settle_bad_answer(std::string_view id, std::string_view flaw);
  void backend_response(std::string text, const Message& message);
  [[nodiscard]] bool hold_end(Request& request, std::string& text);
  void pass_on_ends();
  void backend_cancelled(std::string text, const Message& message);
  void backend_request(std::string text, const Message& message);
  void backend_notification(std::string text, const Message& message);
  void learn(Request& request, const Message& answer);
  void learn_discovered(std::string_view result);
  void learn_setting(const Request& request);
  [[nodiscard]] bool is_for_the_shim(const Message& log_message);
  [[nodiscard]] bool is_repeated_acknowledgement(const Message& message);
  void note_announcement(const Message& message);
  void backend_progress(std::string text, const Message& message);

  // session_resume.cpp: what a new link is told, and what is learnt from it.
  void start_resume();
  void own_answered(const Message& answer);
  void resume_answered(const Message& answer);
  void complete_resume();
  void request_heartbeats();
  void restore_level();
  void compare_lists(const InitializeFacts& offered);
  void compare_subscribed_lists(const Request& subscription);
  void compare_list(ListKind kind, bool modern, std::string_view result);
  void announce_list(ListKind kind, bool modern);
  [[nodiscard]] std::string own_id();
  void send_own(std::string_view method, std::string_view params, OwnRequest own);
  void write_link(std::string text);

  // session_keepalive.cpp: what the host is told of requests that take long (contract 8).
  void keep_host_alive();
  [[nodiscard]] bool host_has_enough_to_read() const;
  void send_due_progress();
  TimePoint send_log_keepalive();
  void send_whitespace();
  void expect_keepalive();
  [[nodiscard]] TimePoint later_than_now(TimePoint then) const;
  [[nodiscard]] std::string describe(const Request& request) const;

  /// What is cached for one requested protocol version.
  struct Cached {
    bool usable = true;  ///< false: no file stands behind it
    bool loaded = false;
    bool unsaved = false;  ///< learnt something before it was loaded
    std::string text{};    ///< as loaded, until it is needed
    CacheEntry entry{};
  };

  // session_offline.cpp: answers while the backend is away (contract 6).
  void offer_offline(const Request& request);
  void answer_offline_due();
  [[nodiscard]] std::optional<std::string> offline_result(const Request& request);
  void answer_offline(std::string_view id, const std::string& result);
  void acknowledge_offline(Request& request);
  /// The requested protocol version whose cache an answer to this request belongs to.
  [[nodiscard]] const std::string& cache_version(const Request& request) const {
    return request.modern() ? request.version : legacy_.requested_version();
  }
  [[nodiscard]] Cached& cached(const std::string& version);
  void save(const std::string& version, Cached& known);
  void remember(const std::string& version, std::string_view method, std::string_view result);
  void show_list(const Request& request, ListKind kind, std::string_view result, Epoch from);
  [[nodiscard]] bool uses_cache() const {
    return reads_mcp() && settings_.offline == Offline::cache;
  }

  // session.cpp again: what a log says.
  void trace(std::string_view from, const Message& message, std::size_t bytes);
  void drop(Drop why, std::string_view detail = {});
  void warn(RateLimit& limit, std::string text);
  void log(LogLevel level, std::string text) {
    out_->emplace_back(action::Log{level, std::move(text), epoch(), phase()});
  }
  [[nodiscard]] Lists& lists(bool modern) { return modern ? modern_lists_ : legacy_lists_; }
  [[nodiscard]] const Lists& lists(bool modern) const {
    return modern ? modern_lists_ : legacy_lists_;
  }
  [[nodiscard]] bool reads_mcp() const { return settings_.protocol != Protocol::jsonrpc; }
  /// Whether the traffic is known to be MCP, so that what MCP does not allow can be dropped.
  [[nodiscard]] bool is_mcp() const {
    return settings_.protocol == Protocol::mcp || (reads_mcp() && (legacy_era_ || modern_era_));
  }

  const Settings& settings_;
  Prng random_;
  TimerTable timers_;
  Supervisor supervisor_;
  Liveness liveness_;
  Health health_;
  jsonrpc::Reader reader_;
  PendingTable pending_;
  Outbox outbox_;
  LegacySession legacy_;
  /// The session, and what the host was shown in it, that an `initialize` in flight is to replace.
  std::optional<std::pair<LegacySession, Lists>> former_;
  BackendRequests backend_requests_;

  std::map<std::string, OwnRequest, std::less<>> own_requests_;  ///< raw id, on the present link
  /// List changes announced, and lists asked for by us, since the link was resumed.
  std::set<std::pair<std::string_view, bool>> announced_;
  std::set<ListKind> modern_compared_;

  Lists legacy_lists_;
  Lists modern_lists_;
  /// By requested protocol version; loaded when a version is first seen.
  std::map<std::string, Cached> cache_;
  Cached no_cache_{.usable = false, .loaded = true};  ///< for versions that get none
  /// Order numbers of queued requests that can be answered while the backend is away, by when they
  /// may be.
  std::set<std::pair<TimePoint, std::uint64_t>> offline_;
  bool minimal_given_ = false;  ///< the host got the minimal `initialize` result
  bool owes_changes_ = false;   ///< and has not been told yet that the lists have changed
  std::optional<std::uint64_t> queued_roots_change_;

  HealthState shown_health_ = HealthState::none;     ///< the state that was last logged
  std::array<RateLimit, health_states> health_log_;  ///< by state
  bool awaits_sign_of_life_ = true;  ///< the health file has not changed since the link was lost
  Epoch heartbeats_asked_in_ = 0;    ///< the link on which log level debug was asked for
  TimePoint host_told_at_;           ///< when the last line was written to the host
  TimePoint log_told_at_;            ///< when the last log keepalive was

  bool legacy_era_ = false;
  bool modern_era_ = false;
  bool modern_has_logging_ = true;  ///< as far as the host knows
  bool draining_ = false;
  bool host_paused_ = false;
  bool link_paused_ = false;
  TimePoint link_paused_at_;
  /// When the CheckLink was sent whose answer decides on timeouts; absent once it has come.
  std::optional<TimePoint> answers_looked_for_at_;
  std::string initialize_id_;  ///< of the latest `initialize` that was accepted
  std::uint64_t last_order_ = 0;
  std::uint64_t initialized_order_ = 0;  ///< of an initialized ahead of initialize's answer
  std::size_t host_unwritten_ = 0;       ///< bytes of WriteHost not yet written
  std::size_t link_unwritten_ = 0;       ///< bytes of WriteLink not yet handed to the kernel
  Counters counters_;
  std::array<RateLimit, static_cast<std::size_t>(Drop::count)> drop_log_;
  RateLimit long_line_log_;
  RateLimit restore_log_;
  RateLimit invalid_own_log_;
  RateLimit no_version_log_;
  RateLimit subscriptions_log_;
  RateLimit cache_size_log_;

  // The present turn: set at the door, so that no function in between passes them along.
  TimePoint now_;
  Actions* out_ = nullptr;
};

}  // namespace shim
