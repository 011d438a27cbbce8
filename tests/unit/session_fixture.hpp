#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
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

inline std::string request(std::string_view id, std::string_view method,
                           std::string_view params = "{}") {
  return jsonrpc::request(id, method, params);
}

inline std::string notify(std::string_view method, std::string_view params = {}) {
  return jsonrpc::notification(method, params);
}

inline std::string answer(std::string_view id, std::string_view result = "{}") {
  return jsonrpc::result_answer(id, result);
}

inline std::string cancel(std::string_view id) {
  return notify("notifications/cancelled", R"({"requestId":)" + std::string(id) + "}");
}

inline std::string progress(std::string_view token) {
  return notify("notifications/progress",
                R"({"progressToken":)" + std::string(token) + R"(,"progress":1})");
}

/// A request that asks for progress under `token`.
inline std::string request_with_token(std::string_view id, std::string_view token) {
  return request(id, "tools/call",
                 R"({"name":"t","_meta":{"progressToken":)" + std::string(token) + "}}");
}

/// A request of the modern era.
inline std::string modern_request(std::string_view id, std::string_view method) {
  return request(id, method,
                 R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}})");
}

inline constexpr std::string_view version = "2025-06-18";

inline std::string initialize(std::string_view id, std::string_view asked = "2025-11-25") {
  return request(id, "initialize",
                 R"({"protocolVersion":")" + std::string(asked) +
                     R"(","capabilities":{"roots":{}},"clientInfo":{"name":"h","version":"1"}})");
}

inline std::string initialize_answer(std::string_view id, std::string_view got = version) {
  return answer(id, R"({"protocolVersion":")" + std::string(got) +
                        R"(","capabilities":{},"serverInfo":{"name":"b","version":"1"}})");
}

/// The raw text of a message's id; empty if it has none.
inline std::string id_of(std::string_view text) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  static_cast<void>(reader.read(text, message));
  return std::string(message.id);
}

inline std::string method_of(std::string_view text) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  static_cast<void>(reader.read(text, message));
  return std::string(message.method);
}

/// The first or last of some messages; empty if there is none.
inline std::string first_of(const std::vector<std::string>& texts) {
  return texts.empty() ? std::string() : texts.front();
}
inline std::string last_of(const std::vector<std::string>& texts) {
  return texts.empty() ? std::string() : texts.back();
}

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

inline Settled settled(const std::string& line) {
  CAPTURE(line);
  Settled out;
  out.id = id_of(line);
  const json message = json::parse(line, nullptr, false);
  REQUIRE(message.is_object());
  if (message.contains("error")) {
    out.code = message["error"].value("code", 0);
    out.data = message["error"].value("data", json::object());
  } else {
    REQUIRE(message.contains("result"));
    out.is_tool_result = message["result"].value("isError", false);
    out.data =
        message["result"].value("_meta", json::object()).value("mcp-ws-shim/error", json::object());
  }
  out.reason = out.data.value("reason", "");
  out.delivered = out.data.value("delivered", false);
  out.retryable = out.data.value("retryable", false);
  return out;
}

inline Settings default_settings() {
  Settings settings;
  settings.endpoints = {"ws://backend:1/"};
  return settings;
}

/// Plays the bridge: steps the session through virtual time, sorts out its orders, and checks after
/// each turn what must hold after every turn. The first attempt starts at once.
class Driver {
 public:
  struct Sent {
    Epoch epoch;
    std::string text;
  };

  explicit Driver(Settings wanted = default_settings(), Estate estate = {},
                  TimePoint start = TimePoint(1h))
      : settings(std::move(wanted)), now(start), session(settings, 1, start, std::move(estate)) {
    opened_epoch_ = session.epoch();
    tick();
  }

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
  void feed(Event event) {
    session.on_event(now, event, actions_);
    session.on_deadline(now, actions_);
    obey_all();
  }

  void tick() {
    session.on_deadline(now, actions_);
    obey_all();
  }

  void host(std::string text) { feed(event::HostLine{std::move(text)}); }
  void backend(std::string text) { feed(event::LinkMessage{session.epoch(), std::move(text)}); }
  void lose(Loss loss = {.cause = Cause::reset}) { feed(event::LinkLost{session.epoch(), loss}); }
  void release_cache() {
    for (event::CacheLoaded& file : std::exchange(loaded_, {})) feed(std::move(file));
  }
  void opened() { feed(event::LinkOpened{session.epoch()}); }
  void pong() { feed(event::LinkPong{session.epoch()}); }

  /// Lets time pass, stopping at each deadline on the way.
  void advance(Duration span) {
    const TimePoint end = now + span;
    while (const auto next = session.next_deadline()) {
      if (*next > end) break;
      now = std::max(now, *next);
      tick();
      const auto after = session.next_deadline();
      const bool gets_on = !after || *after > now;
      REQUIRE(gets_on);  // else the bridge would spin
    }
    now = end;
    tick();
  }

  /// Lets time pass until an attempt is under way.
  void until_connecting() {
    for (int i = 0; i < 100 && session.phase() == Phase::waiting; ++i) {
      advance(*session.next_deadline() - now);
    }
    REQUIRE(session.phase() == Phase::connecting);
  }

  /// Takes the link to validated, that is, to ready or, with a session to resume, to resuming.
  void validate() {
    until_connecting();
    opened();
    pong();
  }

  /// Takes the link to ready. The backend accepts the resuming of a session with `accepted`.
  void go_ready(std::string_view accepted = version) {
    validate();
    if (session.phase() == Phase::resuming) {
      REQUIRE(method_of(link_log.back().text) == "initialize");
      backend(initialize_answer(id_of(link_log.back().text), accepted));
    }
    REQUIRE(session.phase() == Phase::ready);
  }

  /// A legacy session: ready, initialize answered, initialized sent. What was written is forgotten.
  void establish() {
    if (session.phase() != Phase::ready) go_ready();
    host(initialize("0"));
    backend(initialize_answer("0"));
    host(notify("notifications/initialized"));
    forget();
  }

  /// What was written since the last call.
  [[nodiscard]] std::vector<std::string> take_host() { return std::exchange(host_new_, {}); }
  [[nodiscard]] std::vector<std::string> take_link() { return std::exchange(link_new_, {}); }
  void forget() {
    host_new_.clear();
    link_new_.clear();
  }

  /// The one line written to the host since the last call.
  [[nodiscard]] std::string one_host_line() {
    const auto lines = take_host();
    REQUIRE(lines.size() == 1);
    return lines.front();
  }

  /// How many answers this raw id has got.
  [[nodiscard]] std::size_t answers_to(std::string_view id) const {
    return static_cast<std::size_t>(std::ranges::count_if(host_log, [&](const std::string& line) {
      return id_of(line) == id && method_of(line).empty();
    }));
  }

  [[nodiscard]] std::uint64_t dropped(Drop why) const { return session.counters().of(why); }

  /// Lines for people at `level` or above that hold `part`.
  [[nodiscard]] std::size_t logged(std::string_view part, LogLevel level = LogLevel::info) const {
    return static_cast<std::size_t>(std::ranges::count_if(logs, [&](const action::Log& line) {
      return line.level >= level && line.text.find(part) != std::string::npos;
    }));
  }

 private:
  void obey_all() {
    std::size_t host_bytes = 0;
    std::size_t link_bytes = 0;
    const Epoch link_epoch = session.epoch();
    for (Action& order : std::exchange(actions_, {})) {
      REQUIRE(finishes == 0);  // nothing after Finish
      std::visit([this](auto& what) { obey(what); }, order);
      if (const auto* line = std::get_if<action::WriteHost>(&order)) {
        host_bytes += line->line.size() + 1;
      } else if (std::holds_alternative<action::WriteHostSpace>(order)) {
        host_bytes += 1;
      } else if (const auto* text = std::get_if<action::WriteLink>(&order)) {
        if (text->epoch == link_epoch) link_bytes += text->text.size();
      }
    }
    check_turn();
    if (cache_answers) release_cache();
    if (std::exchange(pong_open_, false)) feed(event::LinkPong{link_epoch});
    if (std::exchange(check_open_, false)) feed(event::LinkChecked{link_epoch, trickles});
    if (host_reads && host_bytes > 0) feed(event::HostWritten{host_bytes});
    if (link_writes && link_bytes > 0) feed(event::LinkWritten{link_epoch, link_bytes});
  }

  void check_turn() {
    if (session.finished()) {
      REQUIRE(finishes == 1);
      REQUIRE_FALSE(session.next_deadline().has_value());
      return;
    }
    // has_a_way_out, seen from outside.
    if (session.phase() != Phase::ready) REQUIRE(session.next_deadline().has_value());
  }

  void obey(action::OpenLink& order) {
    REQUIRE(order.epoch == opened_epoch_ + 1);
    REQUIRE_FALSE(link_exists_);
    opened_epoch_ = order.epoch;
    link_exists_ = true;
    opens.push_back(order);
    open_times.push_back(now);
  }
  void obey(action::CloseLink& order) {
    REQUIRE(order.epoch == opened_epoch_);
    link_exists_ = false;
    closes.push_back(order);
  }
  void obey(action::PingLink& order) {
    REQUIRE(order.epoch == opened_epoch_);
    pings.push_back(order);
    pong_open_ = pongs && session.phase() == Phase::ready;
  }
  void obey(action::CheckLink& order) {
    REQUIRE(link_exists_);
    REQUIRE(order.epoch == opened_epoch_);
    checks.push_back(order);
    check_open_ = true;
  }
  void obey(action::WriteHostSpace&) { ++spaces; }
  void obey(action::WriteLink& order) {
    REQUIRE(link_exists_);
    REQUIRE(order.epoch == opened_epoch_);
    link_log.push_back({order.epoch, order.text});
    link_new_.push_back(order.text);
  }
  void obey(action::PauseLink& order) {
    REQUIRE(link_exists_);
    REQUIRE(order.epoch == opened_epoch_);
    link_pauses.push_back(order);
  }
  void obey(action::WriteHost& order) {
    CAPTURE(order.line);
    jsonrpc::Message message;
    const auto read = reader_.read(order.line, message);
    CHECK(order.line.find_first_of("\r\n") == std::string::npos);
    CHECK(read == jsonrpc::Read::message);  // each line is strict JSON and no array
    CHECK(message.kind != jsonrpc::Kind::other);
    host_log.push_back(order.line);
    host_new_.push_back(order.line);
  }
  void obey(action::PauseHost& order) { host_pauses.push_back(order); }
  void obey(action::LoadCache& order) {
    cache_loads.push_back(order.version);
    loaded_.push_back({order.version, cache_files[order.version]});
  }
  void obey(action::StoreCache& order) {
    cache_files[order.version] = order.text;
    ++cache_stores;
  }
  void obey(action::Log& order) { logs.push_back(order); }
  void obey(action::Finish& order) {
    ++finishes;
    patience = order.patience;
  }

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
