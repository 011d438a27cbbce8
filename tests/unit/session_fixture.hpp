#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/jsonrpc.hpp"
#include "shim/core/session.hpp"
#include "tests/unit/show.hpp"

/// What the tests of the Session share: a driver with a virtual clock that plays the bridge, and
/// short ways to write and to read messages.
namespace shim::test {

// NOLINTNEXTLINE: every session test speaks in seconds.
using namespace std::chrono_literals;
using nlohmann::json;

// Messages. Ids, params and results are raw JSON.

std::string request(std::string_view id, std::string_view method, std::string_view params = "{}");
std::string notify(std::string_view method, std::string_view params = {});
std::string answer(std::string_view id, std::string_view result = "{}");
std::string cancel(std::string_view id);
std::string progress(std::string_view token);

/// A request that asks for progress under `token`.
std::string request_with_token(std::string_view id, std::string_view token);

/// A request of the modern era.
std::string modern_request(std::string_view id, std::string_view method);

inline constexpr std::string_view version = "2025-06-18";

std::string initialize(std::string_view id, std::string_view asked = "2025-11-25");
std::string initialize_answer(std::string_view id, std::string_view got = version);

/// The raw text of a message's id; empty if it has none.
std::string id_of(std::string_view text);
std::string method_of(std::string_view text);

/// The first or last of some messages; empty if there is none.
std::string first_of(const std::vector<std::string>& texts);
std::string last_of(const std::vector<std::string>& texts);

/// An answer of the shim's own, taken apart, whichever of the two forms it has.
struct Settled {
  std::string id;      ///< raw
  int code = 0;        ///< 0 in a tool result
  std::string reason;  ///< of contract 9
  bool delivered = false;
  bool retryable = false;
  bool is_tool_result = false;
  json data;
};

Settled settled(const std::string& line);

Settings default_settings();

/// Plays the bridge: steps the session through virtual time, sorts out its orders, and checks after
/// each turn what must hold after every turn. The first attempt starts at once.
class Driver {
 public:
  struct Sent {
    Epoch epoch;
    std::string text;
  };

  Driver();  ///< with default_settings()
  explicit Driver(Settings wanted, Estate estate = {}, TimePoint start = TimePoint(1h));
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  const Settings settings;
  TimePoint now;
  Session session;

  /// Whether what is written counts as taken at once.
  bool host_reads = true;
  bool link_writes = true;
  /// Whether pings on a ready link are answered at once.
  bool pongs = true;
  /// What CheckLink is answered with: bytes come that are no message yet.
  bool trickles = false;
  TimePoint heard_at;                ///< when they last came, if they do not come now
  std::optional<TimePoint> part_at;  ///< when the last part of an incomplete message did
  bool has_unread = false;
  unsigned spaces = 0;  ///< WriteHostSpace so far

  // All orders so far, by kind.
  std::vector<std::string> host_log;
  std::vector<Sent> link_log;
  std::vector<action::OpenLink> opens;
  std::vector<TimePoint> open_times;
  std::vector<action::CloseLink> closes;
  std::vector<action::PingLink> pings;
  std::vector<action::CheckLink> checks;
  std::vector<action::PauseLink> link_pauses;
  std::vector<action::PauseHost> host_pauses;
  std::vector<action::Log> logs;

  /// What is in the cache directory, by protocol version; stays as it is between two drivers if
  /// copied from one to the other.
  std::map<std::string, std::string> cache_files;
  std::vector<std::string> cache_loads;
  unsigned cache_stores = 0;
  bool cache_answers = true;  ///< false: what is read comes with release_cache()

  unsigned finishes = 0;
  Duration patience{};  ///< of the Finish

  /// One turn of the bridge: an event, then what is due.
  void feed(Event event);
  void tick();

  void host(std::string text);
  void backend(std::string text);
  void lose(Loss loss = {.cause = Cause::reset});
  void release_cache();
  void opened();
  void pong();

  /// Lets time pass, stopping at each deadline on the way.
  void advance(Duration span);

  /// Lets time pass until an attempt is under way.
  void until_connecting();

  /// Takes the link to validated, that is, to ready or, with a session to resume, to resuming.
  void validate();

  /// Takes the link to ready. The backend accepts the resuming of a session with `accepted`.
  void go_ready(std::string_view accepted = version);

  /// A legacy session: ready, initialize answered, initialized sent. What was written is forgotten.
  void establish();

  /// What was written since the last call.
  [[nodiscard]] std::vector<std::string> take_host();
  [[nodiscard]] std::vector<std::string> take_link();
  void forget();

  /// The one line written to the host since the last call.
  [[nodiscard]] std::string one_host_line();

  /// How many answers this raw id has got.
  [[nodiscard]] std::size_t answers_to(std::string_view id) const;

  [[nodiscard]] std::uint64_t dropped(Drop why) const;

  /// Lines for people at `level` or above that hold `part`.
  [[nodiscard]] std::size_t logged(std::string_view part, LogLevel level = LogLevel::info) const;

 private:
  void obey_all();
  void check_turn();
  void obey(action::OpenLink& order);
  void obey(action::CloseLink& order);
  void obey(action::PingLink& order);
  void obey(action::CheckLink& order);
  void obey(action::WriteHostSpace&);
  void obey(action::WriteLink& order);
  void obey(action::PauseLink& order);
  void obey(action::WriteHost& order);
  void obey(action::PauseHost& order);
  void obey(action::LoadCache& order);
  void obey(action::StoreCache& order);
  void obey(action::Log& order);
  void obey(action::Finish& order);

  Actions actions_;
  std::vector<event::CacheLoaded> loaded_;
  jsonrpc::Reader reader_;
  Epoch opened_epoch_ = 0;
  bool link_exists_ = false;
  bool check_open_ = false;
  bool pong_open_ = false;
  std::vector<std::string> host_new_;
  std::vector<std::string> link_new_;
};

}  // namespace shim::test
