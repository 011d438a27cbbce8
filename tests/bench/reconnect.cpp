// What it costs to connect again, and how soon a host is served after an outage. Who ends with its
// connection is named in the notes.

#include "reconnect.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "bench.hpp"

namespace bench {
namespace {

constexpr double patience = 30;

/// A backend of its own, which goes away and comes back at the same address.
class Outage {
 public:
  Outage(const Bench& bench, const Contestant& contestant)
      : program_(bench.backend_program),
        wire_(contestant.wire),
        backend_(std::make_unique<Backend>(program_, wire_)),
        port_(backend_->port()),
        session_(contestant, Stdio::pipes, port_) {
    session_.call(1);
  }

  [[nodiscard]] Session& session() { return session_; }
  [[nodiscard]] int port() const { return port_; }
  void begin() { backend_->kill(); }
  void end() { backend_ = std::make_unique<Backend>(program_, wire_, port_); }

 private:
  std::string program_;
  Contestant::Wire wire_;
  std::unique_ptr<Backend> backend_;
  int port_;
  Session session_;
};

bool is_success(std::string_view message) {
  return message.find("\"result\"") != std::string_view::npos &&
         message.find("\"isError\":true") == std::string_view::npos;
}

/// A call that the backend does not answer, and that has reached it.
std::size_t call_in_flight(Session& session) {
  const std::size_t id = session.next_id();
  session.put(tool_request(id, "hold"));
  session.call(1);
  return id;
}

double loss_to_settled(Outage& outage) {
  const std::size_t id = call_in_flight(outage.session());
  // From the kill: once it is reaped, the answer may have been there for a while.
  const auto start = Clock::now();
  outage.begin();
  if (!outage.session().find([id](auto message) { return settles(message, id); }, patience)) {
    throw std::runtime_error("the call was never answered");
  }
  return seconds_since(start);
}

/// The host asks ten times a second, during the outage and after it.
double return_to_answer(Outage& outage, double away) {
  constexpr double pace = 0.1;
  Session& session = outage.session();
  const auto asked_and_answered = [&] {
    session.put(echo_request(session.next_id(), 200));
    return session.find(is_success, pace);
  };
  outage.begin();
  for (const auto gone = Clock::now(); seconds_since(gone) < away;) {
    if (asked_and_answered()) throw std::runtime_error("an answer without a backend");
  }
  outage.end();
  const auto start = Clock::now();
  while (!asked_and_answered()) {
    if (seconds_since(start) > patience) throw std::runtime_error("no answer after the outage");
  }
  return seconds_since(start);
}

/// The host says nothing; another client of the backend sees the session come back.
double return_to_ready(Outage& outage, double away) {
  outage.begin();
  std::this_thread::sleep_for(Seconds(away));
  outage.end();
  const auto start = Clock::now();
  Session observer(Contestant(direct_name, {}), Stdio::pipes, outage.port());
  for (;;) {
    const std::size_t id = observer.next_id();
    observer.put(tool_request(id, "openings"));
    // The observer has opened one of them itself.
    const std::string_view answer = observer.receive();
    if (answer.find("\"text\":\"2\"") != std::string_view::npos) return seconds_since(start);
    if (seconds_since(start) > patience) throw std::runtime_error("it did not come back");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace

Contestant hasty(const Contestant& contestant) {
  Contestant result = contestant;
  if (contestant.is_shim) {
    const std::vector<std::string> options{"--backoff-base", "1ms", "--backoff-cap", "10ms"};
    result.command.insert(result.command.end(), options.begin(), options.end());
  }
  return result;
}

void reconnect(Session& session) {
  session.put(tool_request(session.next_id(), "drop"));
  const std::size_t id = session.next_id();
  // A second call shows that the link is there again. It may itself be lost with the old one.
  session.put(echo_request(id, 200));
  if (!session.find([id](auto message) { return settles(message, id); }, patience)) {
    throw std::runtime_error("it did not come back");
  }
  session.call(1);
}

void measure_reconnect(Bench& bench) {
  constexpr double ms = 1e-3;
  constexpr const char* table = "Outages, ms";
  const auto measure = [&](const std::string& column, int times, auto&& seconds) {
    bench.interleaved(column, times, [&](const Contestant& contestant, int) {
      if (!bench.reconnects(contestant)) return;
      Outage outage(bench, contestant);
      bench.report.add(table, contestant.name, column, seconds(outage) / ms);
    });
  };
  measure("link lost to call in flight settled", bench.pick(1, 3, 20), loss_to_settled);
  measure("backend listens to first answer, 2 s outage, host asks", bench.pick(1, 2, 10),
          [&](Outage& outage) { return return_to_answer(outage, bench.pick(0.3, 2.0, 2.0)); });
  measure("backend listens to ready, 5 s outage, silent host", bench.pick(1, 1, 6),
          [&](Outage& outage) { return return_to_ready(outage, bench.pick(0.1, 5.0, 5.0)); });
  if (bench.scale == Scale::full) {
    measure("backend listens to first answer, 20 s outage, host asks", 3,
            [&](Outage& outage) { return return_to_answer(outage, 20); });
  }
  const int times = bench.pick(2, 20, 200);
  bench.interleaved("CPU for a reconnect", bench.runs, [&](const Contestant& contestant, int) {
    if (!bench.reconnects(contestant)) return;
    const auto session = bench.start(hasty(contestant));
    reconnect(*session);
    const double cpu = session->cpu();
    for (int i = 0; i < times; ++i) reconnect(*session);
    bench.report.add("CPU for a reconnect, µs", contestant.name, "with two calls",
                     (session->cpu() - cpu) / times * 1e6);
  });
}

}  // namespace bench
