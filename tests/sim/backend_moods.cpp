// What a backend does by itself: heartbeats, reports of progress, and the moods in which it does
// not.

#include <array>
#include <utility>

#include "tests/sim/backend.hpp"
#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;

TimePoint Backend::world_now() const { return world_.now(); }

void Backend::later(Duration delay, std::function<void()> what) {
  world_.after(delay, [this, what = std::move(what)] { do_or_wait(what); });
}

void Backend::do_or_wait(std::function<void()> what) {
  if (world_.now() >= std::max(blocked_until_, wedged_until_)) {
    what();
  } else {
    waiting_.push_back(std::move(what));
  }
}

/// A mood may have ended: does what has waited, in its order.
void Backend::wake_up() {
  if (world_.now() < std::max(blocked_until_, wedged_until_)) return;
  for (const auto& what : std::exchange(waiting_, {})) what();
  world_.link().reader_is_back();
}

void Backend::block(Duration span) {
  if (!up_) return;
  world_.note("backend", "is blocked");
  blocked_until_ = std::max(blocked_until_, world_.now() + span);
  world_.after(blocked_until_ - world_.now(), [this] { wake_up(); });
}

void Backend::wedge(Duration span) {
  if (!up_) return;
  world_.note("backend", "is wedged");
  wedged_until_ = std::max(wedged_until_, world_.now() + span);
  world_.after(wedged_until_ - world_.now(), [this] { wake_up(); });
}

void Backend::stop_reading(Duration span) {
  if (!up_) return;
  world_.note("backend", "stops reading");
  deaf_until_ = std::max(deaf_until_, world_.now() + span);
  world_.after(deaf_until_ - world_.now(), [this] { world_.link().reader_is_back(); });
}

void Backend::end_moods() {
  blocked_until_ = wedged_until_ = mute_until_ = deaf_until_ = world_.now();
  wake_up();
}

void Backend::beat(Epoch connection) {
  const Connection* const to = find(connection);
  if (to == nullptr) return;
  using Heartbeats = BackendHabits::Heartbeats;
  const bool wanted =
      world_.plan().backend_habits.heartbeats == Heartbeats::always || to->level == "debug";
  if (wanted && world_.now() >= mute_until_) {
    send(connection, R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":)"
                     R"("debug","logger":"heartbeat","data":)" +
                         std::to_string(++heartbeats_) + "}}");
  }
  later(2s, [this, connection] { beat(connection); });
}

/// A few reports until the answer comes, in one of the ways backends count.
void Backend::plan_progress(Epoch connection, std::string_view token, Duration time) {
  const auto style = world_.random().between(std::uint64_t{0}, 3);
  const auto steps = static_cast<int>(world_.random().between(std::uint64_t{1}, 6));
  static constexpr std::array<const char*, 9> odd{"0",
                                                  "0.0",
                                                  "-1",
                                                  "5",
                                                  "1.7976931348623157e308",
                                                  R"("5")",
                                                  "null",
                                                  "1e-300",
                                                  "9007199254740993"};
  for (int i = 0; i < steps; ++i) {
    std::string value;
    switch (style) {
      case 0: value = std::to_string(i); break;                      // 0 1 2 ...
      case 1: value = std::to_string(100 * (i + 1) / steps); break;  // per cent
      case 2: value = std::to_string(i + 1) + "e-1"; break;
      default: value = std::to_string((i + 1.0) / steps); break;
    }
    if (world_.chance(world_.plan().backend.odd_progress))
      value = odd.at(world_.random().between(std::uint64_t{0}, odd.size() - 1));
    later(time * (i + 1) / (steps + 1), [this, connection, token = std::string(token), value] {
      report_progress(connection, token, value);
    });
  }
}

void Backend::report_progress(Epoch connection, std::string_view token, std::string_view value) {
  send(connection,
       R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":)" +
           std::string(token) + R"(,"progress":)" + std::string(value) + "}}");
}

}  // namespace sim
