#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "common/prng.hpp"
#include "common/time.hpp"
#include "shim/core/settings.hpp"

/// What may happen in one simulated run. All chances are 0…1 and 0 switches the thing off.
namespace sim {

using shim::Duration;
using shim::TimePoint;

/// What becomes of an attempt to connect.
enum class Fate : std::uint8_t {
  healthy,
  refused,
  black_hole,      ///< no answer of any kind
  silent_upgrade,  ///< TCP connects, the upgrade is never answered: to the core, a black hole
  not_websocket,
  unauthorized,     ///< 401
  unavailable,      ///< 503 with Retry-After
  no_pong,          ///< opens, and then nothing comes
  open_then_close,  ///< opens, and is closed within a moment
};

struct LinkFaults {
  double refused = 0, black_hole = 0, not_websocket = 0, unauthorized = 0, unavailable = 0;
  double no_pong = 0, open_then_close = 0;
  double slow_connect = 0;    ///< takes about as long as the connect timeout
  double late_callbacks = 0;  ///< an adapter that speaks of a closed link
  Duration delay_max = std::chrono::milliseconds(1);  ///< one way
  std::size_t kernel_bytes = std::size_t{64} << 10U;  ///< taken from us and not yet read there
  Duration cut_gap{};                                 ///< mean time between two cuts; zero: never
  Duration stall_gap{};                               ///< likewise, of stalls
  Duration stall_max = std::chrono::seconds(20);
  Duration half_open_gap{};   ///< likewise, of paths that die without a word
  double kernel_notices = 0;  ///< that the kernel reports such a path, once something was sent
  double trickle = 0;         ///< a message that takes long to come, byte by byte
  Duration trickle_max = std::chrono::seconds(60);
  Duration retry_after_max = std::chrono::seconds(5);
};

struct BackendFaults {
  double duplicate = 0, unknown_answer = 0, late = 0, swallow = 0, error = 0;
  double invalid = 0, truncated = 0, twice = 0, too_long = 0, binary = 0;
  double batch = 0, pretty = 0, half_emoji = 0;
  double progress = 0, odd_progress = 0, stray_progress = 0, ask_host = 0, cancel_asked = 0,
         notify = 0;
  double other_version = 0;       ///< after a restart
  double other_tools = 0;         ///< likewise
  double says_goodbye = 0;        ///< it ends its subscriptions, and only then itself
  double ends_subscriptions = 0;  ///< and goes on
  Duration service_max = std::chrono::milliseconds(5);
  Duration kill_gap{};  ///< mean time between two crashes; zero: never
  Duration down_max = std::chrono::seconds(20);

  /// Likewise mean times between two of these, and how long they last at most.
  Duration block_gap{};  ///< its event loop stands still: no pong, no heartbeat, nothing
  Duration block_max = std::chrono::seconds(60);
  Duration wedge_gap{};  ///< pongs and nothing else
  Duration wedge_max = std::chrono::seconds(60);
  Duration mute_gap{};  ///< heartbeats stay away, all else goes on
  Duration deaf_gap{};  ///< it does not read, so that not even pings arrive
};

/// What a backend does besides answering; no fault.
struct BackendHabits {
  enum class Heartbeats : std::uint8_t { none, always, at_level_debug };
  Heartbeats heartbeats = Heartbeats::none;
  Duration first_heartbeat = std::chrono::seconds(2);
};

/// The health file of backends and what may befall it.
struct HealthHabits {
  bool watched_closely = true;               ///< inotify; else looked at once a second
  bool by_loop = true;                       ///< a blocked event loop does not write it
  bool always_pid_1 = false;                 ///< as in containers: only `started_at` differs
  bool has_time = true;                      ///< `t`; else only the time of modification tells
  Duration gap = std::chrono::seconds(5);    ///< between two writings
  Duration first_max{};                      ///< from listening to the first one, at most
  Duration skew{};                           ///< of the clock in the container
  std::optional<Duration> leftover_age{};    ///< of a file from before; it may lie in the future
  double broken = 0, gone = 0, foreign = 0;  ///< chances of each writing
  Duration step_gap{};                       ///< mean time between two steps of a clock
};

struct HostHabits {
  Duration gap_max = std::chrono::seconds(1);  ///< between two things it does
  double burst = 0, cancel = 0, reuse_id = 0, invalid = 0, batch = 0, blank = 0, oversize = 0;
  double notify = 0, ping = 0, greet_again = 0, bad_answer = 0;
  double modern = 0;  ///< subscribes, or asks for tools as the modern era does
  double answers_late = 0, answers_never = 0, answers_twice = 0;
  double slow_reader = 0;  ///< chance, per line, that it stops reading for a while
  Duration read_pause_max = std::chrono::seconds(5);
  std::size_t padding_max = 0;   ///< bytes added to a call
  std::size_t piece_max = 4096;  ///< bytes that arrive at a time
  enum class Ids : std::uint8_t { integers, strings, mixed } ids = Ids::integers;
};

struct DiskFaults {
  double corrupt = 0;
  bool prefilled = false;  ///< an earlier process has been here
  Duration delay_max = std::chrono::milliseconds(1);
};

enum class End : std::uint8_t { eof, stop, gone };

struct Plan {
  shim::Settings settings;
  LinkFaults link;
  BackendFaults backend;
  BackendHabits backend_habits;
  HealthHabits health;
  HostHabits host;
  DiskFaults disk;
  Duration chaos = std::chrono::seconds(60);  ///< how long the faults last
  bool long_life = false;                     ///< hours, and little happens in them
  bool backend_absent = false;                ///< at the start
  bool eager_deadlines = false;  ///< on_deadline() is called in every turn, as the program does
  Duration timer_lag_max{};      ///< how late a deadline may be noticed
  Duration odd_gap = std::chrono::seconds(10);  ///< mean time between two of these chances
  double core_failure = 0;                      ///< that the core is replaced
  double hangup = 0;                            ///< of a SIGHUP
  double suspend = 0;                           ///< of a suspend that ends
  bool quiet_period = true;  ///< false: the end comes in the middle of the faults
  End end = End::eof;
};

/// A peaceful world with small fixed delays, for scenarios.
[[nodiscard]] Plan calm_plan();

/// A plan for the swarm.
[[nodiscard]] Plan random_plan(shim::Prng& random);

}  // namespace sim
