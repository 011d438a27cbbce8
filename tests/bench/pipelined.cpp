// Many messages on their way at once: how many a second, how many bytes, at what cost.

#include "bench.hpp"

namespace bench {
namespace {

constexpr std::size_t window = 64;
const std::vector<Size> sizes{{"200 B", 200}, {"1 MiB", 1048576}};

std::size_t messages_of(const Bench& bench, std::size_t size) {
  return size < 1000 ? bench.pick<std::size_t>(200, 20000, 100000)
                     : bench.pick<std::size_t>(4, 64, 256);
}

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

using Flow = void (*)(Session&, std::size_t, std::size_t);

void measure(Bench& bench, const Contestant& contestant, Stdio stdio, Flow flow,
             const std::string& name) {
  // A run has a session of its own: whoever is left with grown buffers is not to pay for it later.
  Session session(contestant, stdio, bench.backend(contestant.wire).port());
  for (const auto& size : sizes) {
    const std::size_t count = messages_of(bench, size.bytes);
    flow(session, count / 4, size.bytes);  // warms up
    const double cpu = session.cpu();
    const auto start = Clock::now();
    flow(session, count, size.bytes);
    const double seconds = seconds_since(start);
    const double spent = session.cpu() - cpu;
    const auto messages = static_cast<double>(count);
    const std::string column = name + ", " + size.name;
    const bool small = size.bytes < 1000;
    const std::string rate = small ? "Pipelined, messages/s, " : "Pipelined, MB/s each way, ";
    bench.report.add(
        rate + name_of(stdio), contestant.name, column,
        small ? messages / seconds : messages * static_cast<double>(size.bytes) / seconds / 1e6);
    if (!contestant.is_direct()) {
      bench.report.add(std::string("Pipelined, CPU per message, µs, ") + name_of(stdio),
                       contestant.name, column, spent / messages * 1e6);
    }
  }
}

}  // namespace

void measure_pipelined(Bench& bench) {
  for (const auto stdio : {Stdio::pipes, Stdio::socketpairs}) {
    const auto over = std::string("pipelined, ") + name_of(stdio) + ", ";
    const auto add = [&](const std::string& name, Flow flow) {
      bench.interleaved(over + name, bench.runs, [&](const Contestant& contestant, int) {
        measure(bench, contestant, stdio, flow, name);
      });
    };
    add("echo, 64 in flight", echo);
    add("up", up);
    add("down", down);
  }
}

}  // namespace bench
