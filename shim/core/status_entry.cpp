#include "shim/core/status_entry.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/text.hpp"

namespace shim {
namespace {

using Json = nlohmann::ordered_json;

/// Counts of a fixed set of things as a map from their names.
template <typename Enum, typename Counts, typename Name>
std::map<std::string, std::uint64_t> by_name(const Counts& counts, Name name) {
  std::map<std::string, std::uint64_t> out;
  for (std::size_t i = 0; i < counts.size(); ++i)
    out.emplace(name(static_cast<Enum>(i)), counts[i]);
  return out;
}

/// Takes members out of an object one by one. One of another type spoils the whole.
class Members {
 public:
  explicit Members(const Json& object) : object_(object), good_(object.is_object()) {}

  [[nodiscard]] bool good() const { return good_; }

  void take(const char* name, std::uint64_t& target) {
    const Json* const member = find(name);
    if (member == nullptr) return;
    if (member->is_number_unsigned()) {
      target = member->get<std::uint64_t>();
    } else {
      good_ = false;
    }
  }

  void take(const char* name, std::string& target) {
    const Json* const member = find(name);
    if (member == nullptr) return;
    if (member->is_string()) {
      target = shown(member->get_ref<const std::string&>());
    } else {
      good_ = false;
    }
  }

  /// A number from 0 to `most`; null is absence.
  void take(const char* name, double most, std::optional<double>& target) {
    const Json* const member = find(name);
    if (member == nullptr || member->is_null()) return;
    const double value = member->is_number() ? member->get<double>() : -1;
    if (value >= 0 && value <= most) {
      target = value;
    } else {
      good_ = false;
    }
  }

  void take(const char* name, std::map<std::string, std::uint64_t>& target) {
    const Json* const member = find(name);
    if (member == nullptr) return;
    good_ = good_ && member->is_object();
    if (!good_) return;
    for (const auto& [key, value] : member->items()) {
      if (!value.is_number_unsigned()) {
        good_ = false;
        return;
      }
      target[shown(key)] = value.template get<std::uint64_t>();
    }
  }

 private:
  [[nodiscard]] const Json* find(const char* name) const {
    if (!good_) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }

  /// What we wrote is visible already and stays as it is.
  static std::string shown(const std::string& text) {
    static constexpr std::size_t most = 4 * shown_bytes_max;
    return text.size() <= most && is_visible_ascii(text) ? text : printable(text, most);
  }

  const Json& object_;
  bool good_;
};

std::optional<Phase> phase_named(std::string_view text) {
  for (const Phase phase : {Phase::waiting, Phase::connecting, Phase::validating, Phase::resuming,
                            Phase::ready, Phase::stopped}) {
    if (text == name(phase)) return phase;
  }
  return std::nullopt;
}

constexpr double unix_time_max = 9e9;  // the year 2255; more would not fit

/// Seconds, to the millisecond.
double unix_time(WallTime at) {
  return static_cast<double>(milliseconds(at.time_since_epoch())) / 1000;
}

/// A number of a thousand of these units each, to the unit.
template <typename Unit>
Unit thousands(double value) {
  return Unit(std::llround(value * 1000));
}

}  // namespace

void StatusEntry::take(const Report& report) {
  url = report.endpoint;
  phase = report.phase;
  epoch = report.epoch;
  attempts = report.attempts;
  last_error = report.last_error;
  ping = report.ping_round_trip;
  pending = report.pending;
  queued = report.queued;
  health = name(report.health);
  const Counters& counters = report.counters;
  from_host = {counters.host_messages, counters.host_bytes};
  from_backend = {counters.backend_messages, counters.backend_bytes};
  reconnects = counters.reconnects();
  replays = counters.replays;
  heartbeats = counters.heartbeats;
  keepalives = counters.keepalives;
  settled = by_name<Reason>(counters.settled, [](Reason reason) { return name(reason); });
  dropped = by_name<Drop>(counters.dropped, [](Drop drop) { return key(drop); });
}

std::string StatusEntry::serialise() const {
  Json out = {{"pid", pid},
              {"started", started},
              {"version", version},
              {"url", url},
              {"phase", name(phase)},
              {"epoch", epoch},
              {"since", iso_8601(since)},
              {"since_unix", unix_time(since)},
              {"down_since", nullptr},
              {"down_since_unix", nullptr},
              {"attempts", attempts},
              {"last_error", last_error},
              {"ping_ms", nullptr},
              {"pending", pending},
              {"queued", queued},
              {"health", health}};
  if (down_since) {
    out["down_since"] = iso_8601(*down_since);
    out["down_since_unix"] = unix_time(*down_since);
  }
  if (ping) {
    // To the microsecond: more is noise.
    out["ping_ms"] =
        static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(*ping).count()) /
        1000;
  }
  out["counters"] = {{"host_messages", from_host.messages},
                     {"host_bytes", from_host.bytes},
                     {"backend_messages", from_backend.messages},
                     {"backend_bytes", from_backend.bytes},
                     {"reconnects", reconnects},
                     {"replays", replays},
                     {"heartbeats", heartbeats},
                     {"keepalives", keepalives},
                     {"settled", settled},
                     {"dropped", dropped}};
  return out.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::optional<StatusEntry> StatusEntry::parse(std::string_view text) {
  if (text.size() > file_bytes_max) return std::nullopt;
  const Json json = Json::parse(text, nullptr, false);
  Members members(json);
  StatusEntry entry;
  std::uint64_t pid = 0;
  std::string phase;
  std::optional<double> since;
  std::optional<double> down_since;
  std::optional<double> ping_ms;
  members.take("pid", pid);
  members.take("started", entry.started);
  members.take("version", entry.version);
  members.take("url", entry.url);
  members.take("phase", phase);
  members.take("epoch", entry.epoch);
  members.take("since_unix", unix_time_max, since);
  members.take("down_since_unix", unix_time_max, down_since);
  members.take("attempts", entry.attempts);
  members.take("last_error", entry.last_error);
  members.take("ping_ms", 1e9, ping_ms);
  members.take("pending", entry.pending);
  members.take("queued", entry.queued);
  members.take("health", entry.health);
  const auto found_phase = phase_named(phase);
  if (!members.good() || pid == 0 || pid > 0x7fffffff || !found_phase || !since)
    return std::nullopt;

  const auto found = json.find("counters");
  const Json none = Json::object();
  Members counters(found == json.end() ? none : *found);
  counters.take("host_messages", entry.from_host.messages);
  counters.take("host_bytes", entry.from_host.bytes);
  counters.take("backend_messages", entry.from_backend.messages);
  counters.take("backend_bytes", entry.from_backend.bytes);
  counters.take("reconnects", entry.reconnects);
  counters.take("replays", entry.replays);
  counters.take("heartbeats", entry.heartbeats);
  counters.take("keepalives", entry.keepalives);
  counters.take("settled", entry.settled);
  counters.take("dropped", entry.dropped);
  if (!counters.good()) return std::nullopt;

  entry.pid = static_cast<int>(pid);
  entry.phase = *found_phase;
  entry.since = WallTime(thousands<std::chrono::milliseconds>(*since));
  if (down_since) entry.down_since = WallTime(thousands<std::chrono::milliseconds>(*down_since));
  if (ping_ms) entry.ping = thousands<std::chrono::microseconds>(*ping_ms);
  return entry;
}

std::string iso_8601(WallTime at) {
  const std::chrono::sys_time<Duration> time(at.time_since_epoch());
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - midnight));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text.data();
}

}  // namespace shim
