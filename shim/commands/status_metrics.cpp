#include "shim/commands/status_metrics.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <string_view>

namespace shim {
namespace {

using Shims = std::vector<StatusEntry>;

/// A label's value, between its quotes.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6f", value);
  return text.data();
}

/// Writes one metric after the other; all samples of one stand together.
class Exposition {
 public:
  explicit Exposition(const Shims& shims) : shims_(shims) {}

  void head(const char* name, const char* type, const char* help) {
    name_ = std::string("mcp_ws_shim_") + name;
    out_.append("# HELP ").append(name_).append(" ").append(help).append("\n");
    out_.append("# TYPE ").append(name_).append(" ").append(type).append("\n");
  }

  void sample(const StatusEntry& shim, const std::string& value, const char* label = "",
              std::string_view label_value = {}) {
    out_ += name_ + R"({pid=")" + std::to_string(shim.pid) + R"(",url=")" + escaped(shim.url) + '"';
    if (*label != '\0') out_.append(",").append(label).append("=\"") += escaped(label_value) + '"';
    out_ += "} " + value + "\n";
  }

  void plain(const std::string& value) { out_ += name_ + " " + value + "\n"; }

  /// One sample per shim.
  void each(const char* name, const char* type, const char* help,
            const std::function<std::uint64_t(const StatusEntry&)>& value) {
    head(name, type, help);
    for (const StatusEntry& shim : shims_) sample(shim, std::to_string(value(shim)));
  }

  /// One sample per shim and entry of the map.
  void each(const char* name, const char* help, const char* label,
            std::map<std::string, std::uint64_t> StatusEntry::*counts) {
    head(name, "counter", help);
    for (const StatusEntry& shim : shims_) {
      for (const auto& [key, count] : shim.*counts) sample(shim, std::to_string(count), label, key);
    }
  }

  /// What came from the host and from the backend.
  void each_way(const char* name, const char* help, std::uint64_t StatusEntry::Traffic::*value) {
    head(name, "counter", help);
    for (const StatusEntry& shim : shims_) {
      sample(shim, std::to_string(shim.from_host.*value), "from", "host");
      sample(shim, std::to_string(shim.from_backend.*value), "from", "backend");
    }
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  const Shims& shims_;
  std::string name_;
  std::string out_;
};

void write_state(const Shims& shims, Exposition& to) {
  to.head("running", "gauge", "Shims of this user that are running.");
  to.plain(std::to_string(shims.size()));
  to.head("info", "gauge", "Always 1; the version of the shim.");
  for (const StatusEntry& shim : shims) to.sample(shim, "1", "version", shim.version);
  to.each("ready", "gauge", "1 if host traffic flows to the backend, else 0.",
          [](const StatusEntry& shim) { return shim.ready() ? 1 : 0; });
  to.head("phase", "gauge", "Always 1; the phase of the link.");
  for (const StatusEntry& shim : shims) to.sample(shim, "1", "phase", name(shim.phase));
  to.head("phase_start_time_seconds", "gauge", "When the phase began, in seconds since 1970.");
  for (const StatusEntry& shim : shims)
    to.sample(shim, number(seconds(shim.since.time_since_epoch())));
  to.each("failed_attempts", "gauge", "Attempts that have failed since a link was last ready.",
          [](const StatusEntry& shim) { return shim.attempts; });
  to.head("ping_round_trip_seconds", "gauge", "Of the latest answered ping, while ready.");
  for (const StatusEntry& shim : shims) {
    if (shim.ping) to.sample(shim, number(seconds(*shim.ping)));
  }
  to.each("pending_requests", "gauge", "Requests of the host that are not answered yet.",
          [](const StatusEntry& shim) { return shim.pending; });
  to.each("queued_messages", "gauge", "Messages that wait for the backend.",
          [](const StatusEntry& shim) { return shim.queued; });
  to.head("health_file", "gauge", "Always 1; the state of the backend's health file.");
  for (const StatusEntry& shim : shims) to.sample(shim, "1", "state", shim.health);
}

void write_counters(Exposition& to) {
  to.each("links_total", "counter", "Attempts to connect that were begun.",
          [](const StatusEntry& shim) { return shim.epoch; });
  to.each("reconnects_total", "counter", "Links that became ready after the first.",
          [](const StatusEntry& shim) { return shim.reconnects; });
  to.each_way("messages_total", "Messages received.", &StatusEntry::Traffic::messages);
  to.each_way("bytes_total", "Bytes of messages received.", &StatusEntry::Traffic::bytes);
  to.each("settled_total", "Requests that the shim answered with an error of its own.", "reason",
          &StatusEntry::settled);
  to.each("dropped_total", "Messages that were not passed on.", "cause", &StatusEntry::dropped);
  to.each("replays_total", "counter", "Requests sent again after a lost link.",
          [](const StatusEntry& shim) { return shim.replays; });
  to.each("heartbeats_total", "counter", "Heartbeats of the backend.",
          [](const StatusEntry& shim) { return shim.heartbeats; });
  to.each("keepalives_total", "counter", "Signs of life given to the host.",
          [](const StatusEntry& shim) { return shim.keepalives; });
}

}  // namespace

std::string status_metrics(const Shims& shims) {
  Exposition exposition(shims);
  write_state(shims, exposition);
  write_counters(exposition);
  return exposition.take();
}

}  // namespace shim
