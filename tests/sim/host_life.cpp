// What the host does by itself, as the plan says.

#include <algorithm>
#include <array>

#include "tests/sim/host.hpp"
#include "tests/sim/json_text.hpp"
#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;

void Host::begin_life() {
  alive_ = true;
  live();
}

void Host::live() {
  const Duration most = world_.plan().host.gap_max;
  world_.after(world_.random().between(most / 20, most), [this] {
    if (!alive_) return;
    live();
    act();
  });
}

void Host::act() {
  const bool burst = world_.chance(world_.plan().host.burst);
  const std::uint64_t times = burst ? world_.random().between(std::uint64_t{20}, 60) : 1;
  for (std::uint64_t i = 0; i < times; ++i)
    world_.incident("the host acts", [this] { act_once(); });
}

void Host::act_once() {
  const HostHabits& habits = world_.plan().host;
  if (world_.chance(habits.invalid)) return say_rubbish();
  if (world_.chance(habits.blank)) say(world_.random().chance(0.5) ? "" : " \t ", "\r\n");
  if (world_.chance(habits.ping)) {
    request("ping");
  }
  if (state_ == State::silent) {
    greet();
    return;
  }
  if (state_ == State::greeting) return;
  if (world_.chance(habits.oversize)) return say_too_much();
  if (world_.chance(habits.greet_again)) {
    greet();
    return;
  }
  if (world_.chance(habits.cancel)) cancel_something();
  if (world_.chance(habits.reuse_id)) return reuse_an_id();
  if (world_.chance(habits.batch)) return say_batch();
  if (world_.chance(habits.notify)) notify("notifications/roots/list_changed");
  if (world_.random().chance(0.1)) return change_setting();
  if (world_.chance(habits.modern)) return be_modern();
  ask_something();
}

/// A progress token of either type for every second request; never one twice.
std::string Host::with_token() {
  if (world_.random().chance(0.5)) return {};
  const std::string token = std::to_string(last_seq_ + 1);
  return R"("_meta":{"progressToken":)" +
         (world_.random().chance(0.5) ? token : "\"t" + token + "\"") + "},";
}

void Host::ask_something() {
  static constexpr std::array<const char*, 8> methods{
      "tools/list",     "prompts/list",        "resources/list", "resources/templates/list",
      "resources/read", "completion/complete", "prompts/get",    "custom/method"};
  if (world_.random().chance(0.6)) {
    const std::string members = call_members(world_.random().chance(0.7) ? "add" : "look");
    request("tools/call", members + with_token());
  } else {
    request(methods.at(world_.random().between(std::uint64_t{0}, methods.size() - 1)),
            with_token());
  }
}

bool Host::is_open(std::string_view method) const {
  return std::ranges::any_of(
      open_, [method](const Open& open) { return open.method.starts_with(method); });
}

/// One change at a time: with two under way nobody could say which was the last.
void Host::change_setting() {
  static constexpr std::array<const char*, 4> levels{"debug", "info", "warning", "error"};
  const std::uint64_t which = world_.random().between(std::uint64_t{0}, 3);
  const std::string uri = R"("uri":"file:///)" + std::to_string(which) + R"(",)";
  switch (world_.random().between(std::uint64_t{0}, 2)) {
    case 0:
      if (is_open("logging/")) return;
      request("logging/setLevel", R"("level":")" + std::string(levels.at(which)) + R"(",)");
      return;
    case 1:
      if (!is_open("resources/")) request("resources/subscribe", uri);
      return;
    default:
      if (!is_open("resources/")) request("resources/unsubscribe", uri);
  }
}

/// Both eras may mix in one session.
void Host::be_modern() {
  if (world_.plan().settings.protocol == shim::Protocol::jsonrpc) return;
  if (world_.random().chance(0.5)) {
    request_modern_tools();
  } else if (std::ranges::count(open_, "subscriptions/listen", &Open::method) < 3) {
    subscribe();
  }
}

void Host::cancel_something() {
  if (open_.empty() || world_.random().chance(0.1)) {
    notify("notifications/cancelled", R"("requestId":424242,)");
    return;
  }
  const Open& open = open_[world_.random().between(std::uint64_t{0}, open_.size() - 1)];
  if (!open.method.starts_with("logging/") && !open.method.starts_with("resources/")) {
    cancel(open.seq);
  }
}

void Host::reuse_an_id() {
  const bool pending = !open_.empty() && world_.random().chance(0.5);
  const std::string id = pending ? open_.front().id : (last_number_ > 3 ? "3" : new_id());
  say(build(id, "tools/call", call_members("add")));
  if (!pending) open_.push_back({id, last_seq_, "tools/call"});
}

void Host::say_batch() {
  std::string line = "[";
  for (int i = 0; i < 2; ++i) {
    const std::string id = new_id();
    line += build(id, "tools/call", call_members("add")) + ", ";
    open_.push_back({id, last_seq_, "tools/call"});
  }
  line += build({}, "notifications/roots/list_changed", {});
  if (world_.random().chance(0.3)) line += ", 1";
  say(line + "]");
}

/// Beyond --max-message: a request, a notification, an answer, or a request whose id is taken.
void Host::say_too_much() {
  const std::size_t limit = world_.plan().settings.max_message;
  if (limit > 100'000) return;
  const std::string filler(limit, 'x');
  const std::string rest =
      R"("method":"tools/call","params":{"name":"add","filler":")" + filler + R"("}})";
  switch (world_.random().between(std::uint64_t{0}, 3)) {
    case 0: return say(R"({"jsonrpc":"2.0","id":)" + new_id() + "," + rest);
    case 1: return say(R"({"jsonrpc":"2.0",)" + rest);
    case 2:
      return say(R"({"jsonrpc":"2.0","id":"mcp-ws-shim:1","result":{"filler":")" + filler +
                 R"("}})");
    default:
      return say(R"({"jsonrpc":"2.0","id":)" + (open_.empty() ? "7" : open_.front().id) + "," +
                 rest);
  }
}

void Host::say_rubbish() {
  const std::string id = new_id();
  const std::string deep = std::string(200, '[') + std::string(200, ']');
  const std::array<std::string, 14> lines{
      "rubbish",
      "{",
      R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call")",
      R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":{,}})",
      R"({"jsonrpc":"2.0","id":01,"method":"tools/list"})",
      R"({"jsonrpc":"2.0","id":1-2,"method":"tools/list"})",
      "{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"tools/list\"}",
      R"({"jsonrpc":"2.0","id":"\q","method":"tools/list"})",
      "\"just a string\"",
      "[]",
      R"({"id":)" + id + R"(,"method":"no version"})",
      R"({"jsonrpc":"2.0","id":[],"method":"odd id"})",
      R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"twice","method":"twice"})",
      R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"deep","params":)" + deep + "}"};
  say(lines.at(world_.random().between(std::uint64_t{0}, lines.size() - 1)));
}

std::string Host::padding() {
  const std::size_t most = world_.plan().host.padding_max;
  if (most == 0) return {};
  // Mostly small, sometimes large.
  const double share = world_.random().unit();
  return std::string(
      static_cast<std::size_t>(static_cast<double>(most) * share * share * share * share), 'p');
}

}  // namespace sim
