// Many messages on their way at once: how many a second, how many bytes, at what cost.

#include <algorithm>
#include <map>
#include <stdexcept>

#include "bench.hpp"

namespace bench {
namespace {

constexpr std::size_t window = 64;
const std::vector<Size> sizes{{"200 B", 200}, {"1 MiB", 1048576}};

/// `count` calls, `window` of them unanswered at any time.
void echo(Session& session, std::size_t count, std::size_t size) {
  std::size_t asked = 0;
  std::size_t answered = 0;
  while (answered < count) {
    for (; asked < count && asked - answered < window; ++asked) {
      session.put(echo_request(session.next_id(), size));
    }
    if (!session.wait(30)) throw std::runtime_error("no answer came");
    while (const auto message = session.received()) ++answered;
  }
}

/// `count` notifications to the backend, which then says how many have come.
void up(Session& session, std::size_t count, std::size_t size) {
  const std::string message = notification(size);
  constexpr std::size_t batch = 256 * 1024;
  for (std::size_t sent = 0; sent < count;) {
    for (std::size_t bytes = 0; sent < count && bytes < batch; bytes += size, ++sent) {
      session.put(message);
    }
    session.send_all();
  }
  const std::size_t id = session.next_id();
  session.put(tool_request(id, "count"));
  std::string_view answer = session.receive();
  while (!answers(answer, id)) answer = session.receive();
  const std::string wanted = "\"text\":\"" + std::to_string(count) + "\"";
  if (answer.find(wanted) == std::string_view::npos) throw std::runtime_error("messages were lost");
}

/// `count` notifications from the backend.
void down(Session& session, std::size_t count, std::size_t size) {
  const std::size_t id = session.next_id();
  session.put(flood_request(id, count, size));
  session.flush();
  std::size_t seen = 0;
  for (;;) {
    if (answers(session.receive(), id)) break;
    ++seen;
  }
  if (seen != count) throw std::runtime_error("messages were lost");
}

struct Flow {
  const char* name;
  void (*run)(Session&, std::size_t count, std::size_t size);
};
const std::vector<Flow> flows{{"echo, 64 in flight", echo}, {"up", up}, {"down", down}};

/// Adds one run; the session has warmed up and `count` takes it the time that is meant.
void measure(Bench& bench, const std::string& who, Session& session, const Flow& flow,
             const Size& size, std::size_t count, Stdio stdio) {
  const double cpu = session.cpu();
  const auto start = Clock::now();
  flow.run(session, count, size.bytes);
  const double seconds = seconds_since(start);
  const double spent = session.cpu() - cpu;
  const auto messages = static_cast<double>(count);
  const auto add = [&](const std::string& what, double value) {
    bench.report.add("Pipelined, " + what + size.name + ", " + name_of(stdio), who, flow.name,
                     value);
  };
  if (size.bytes < 1000) {
    add("messages/s, ", messages / seconds);
  } else {
    add("MB/s, ", messages * static_cast<double>(size.bytes) / seconds / 1e6);
  }
  if (session.pid() != 0) add("CPU per message, µs, ", spent / messages * 1e6);
}

/// How many messages take about so many seconds.
std::size_t messages_in(double seconds, Session& session, const Flow& flow, std::size_t size) {
  std::size_t count = size < 1000 ? 50 : 1;
  for (;;) {
    const auto start = Clock::now();
    flow.run(session, count, size);
    const double factor = seconds / seconds_since(start);
    if (factor < 4) {
      return std::max<std::size_t>(1,
                                   static_cast<std::size_t>(static_cast<double>(count) * factor));
    }
    count *= 4;
  }
}

void measure_over(Bench& bench, Stdio stdio) {
  const double seconds = bench.pick(0.002, 0.06, 0.3);
  std::map<std::string, std::unique_ptr<Session>> sessions;
  for (const auto& size : sizes) {
    for (const auto& flow : flows) {
      std::map<std::string, std::size_t> counts;
      const auto one = [&](const Contestant& contestant, int) {
        auto& session = sessions[contestant.name];
        if (!session) session = bench.start(contestant, stdio);
        auto& count = counts[contestant.name];
        if (count == 0) count = messages_in(seconds, *session, flow, size.bytes);
        measure(bench, contestant.name, *session, flow, size, count, stdio);
      };
      bench.interleaved(
          std::string("pipelined, ") + name_of(stdio) + ", " + flow.name + ", " + size.name,
          bench.runs, one);
    }
  }
}

}  // namespace

void measure_pipelined(Bench& bench) {
  measure_over(bench, Stdio::pipes);
  measure_over(bench, Stdio::socketpairs);
}

}  // namespace bench
