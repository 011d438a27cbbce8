#include "tests/sim/host.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/sim/json_text.hpp"
#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;

namespace {

constexpr const char* modern_meta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},)";

}  // namespace

Host::Host(World& world) : world_(world), framer_(world.plan().settings.max_message) {}

std::string Host::new_id() {
  const std::string number = std::to_string(++last_number_);
  switch (world_.plan().host.ids) {
    case HostHabits::Ids::integers: return number;
    case HostHabits::Ids::strings: return "\"h-" + number + "\"";
    case HostHabits::Ids::mixed: break;
  }
  switch (last_number_ % 6) {
    case 0: return number;
    case 1: return "\"" + number + "\"";
    case 2: return number + ".0";
    case 3: return "-" + number;
    case 4: return "123456789012345678901234567890" + number;
    default: return "\"\\u00e9 \\\"" + number + "\"";
  }
}

std::string Host::build(const std::string& id, const std::string& method,
                        const std::string& members) {
  return R"({"jsonrpc":"2.0",)" + (id.empty() ? "" : R"("id":)" + id + ",") + R"("method":")" +
         method + R"(","params":{)" + members + R"("seq":)" + std::to_string(++last_seq_) + "}}";
}

std::uint64_t Host::request(const std::string& method, const std::string& members) {
  const std::string id = new_id();
  say(build(id, method, members));
  open_.push_back({id, last_seq_, method});
  return last_seq_;
}

std::uint64_t Host::greet() {
  const std::string token = world_.chance(0.3) ? R"("_meta":{"progressToken":"greeting"},)" : "";
  const std::uint64_t seq =
      request("initialize", token + R"("protocolVersion":"2025-06-18","capabilities":{"roots":{}},)"
                                    R"("clientInfo":{"name":"host","version":"1"},)");
  greeting_id_ = open_.back().id;
  state_ = State::greeting;
  return seq;
}

std::string Host::call_members(const std::string& tool) {
  return R"("name":")" + tool + R"(","arguments":{"call":)" + std::to_string(++last_call_) +
         R"(,"padding":")" + padding() + R"("},)";
}

std::uint64_t Host::call(const std::string& tool) {
  return request("tools/call", call_members(tool));
}

std::uint64_t Host::call_with_token(const std::string& token) {
  return request("tools/call", call_members("add") + R"("_meta":{"progressToken":)" + token + "},");
}

std::uint64_t Host::subscribe() {
  // An id that no backend uses for a request of its own.
  const std::string id = "\"s" + std::to_string(++last_number_) + "\"";
  say(build(id, "subscriptions/listen",
            std::string(modern_meta) + R"("notifications":{"toolsListChanged":true},)"));
  open_.push_back({id, last_seq_, "subscriptions/listen"});
  return last_seq_;
}

std::uint64_t Host::request_modern_tools() { return request("tools/list", modern_meta); }

std::uint64_t Host::notify(const std::string& method, const std::string& members) {
  say(build({}, method, members));
  return last_seq_;
}

void Host::cancel(std::uint64_t seq) {
  const auto found = std::ranges::find(open_, seq, &Open::seq);
  if (found == open_.end()) return;
  const std::string id = found->id;
  open_.erase(found);
  notify("notifications/cancelled", R"("requestId":)" + id + R"(,"reason":"changed my mind",)");
}

void Host::say(const std::string& line, const char* ending) {
  if (closing_) return;
  pipe_ += line;
  pipe_ += ending;
  if (line.find_first_not_of(" \t\r") != std::string::npos) said_.push_back(line);
  schedule_write();
}

void Host::close() {
  closing_ = true;
  schedule_write();
}

void Host::listen_again() {
  if (!paused_) schedule_write();
}

void Host::schedule_write() {
  if (write_scheduled_ || closed_) return;
  write_scheduled_ = true;
  world_.after(world_.random().between(Duration(0), Duration(200us)), [this] {
    write_scheduled_ = false;
    pump();
  });
}

/// Hands over every line that is complete; stops when the shim does not want to read.
bool Host::pull_lines(bool ended) {
  std::string line;
  while (!paused_ && !world_.is_over()) {
    const auto pull = ended ? framer_.pull_last(line) : framer_.pull(line);
    if (pull == shim::LineFramer::Pull::need_more) return true;
    if (said_.empty()) {
      world_.model().fail("the framer found a line that nobody wrote: " + line);
      return false;
    }
    const std::string written = std::move(said_.front());
    said_.pop_front();
    if (pull == shim::LineFramer::Pull::oversize) {
      world_.tell_line(shim::event::HostLineTooLong{framer_.oversize()}, written, true);
    } else {
      world_.tell_line(shim::event::HostLine{std::move(line)}, written, false);
    }
    line.clear();
  }
  return false;
}

/// The shim's stdin: bytes arrive in pieces of any size.
void Host::pump() {
  if (paused_ || closed_ || !pull_lines(false)) return;
  if (!pipe_.empty()) {
    const std::size_t all = pipe_.size() - pipe_read_;
    const std::size_t most = std::min(all, world_.plan().host.piece_max);
    const std::size_t piece =
        world_.is_calm() ? all : world_.random().between(std::uint64_t{1}, most);
    std::memcpy(framer_.space(piece).data(), pipe_.data() + pipe_read_, piece);
    framer_.commit(piece);
    pipe_read_ += piece;
    if (pipe_read_ == pipe_.size()) {
      pipe_.clear();
      pipe_read_ = 0;
    }
    if (pull_lines(false)) schedule_write();
  } else if (closing_ && pull_lines(true)) {
    closed_ = true;
    world_.tell(shim::event::HostClosed{});
  }
}

void Host::heard(std::string line) {
  unread_bytes_ += line.size() + 1;
  unread_.push_back(std::move(line));
  schedule_read();
}

void Host::heard_space() {
  unread_bytes_ += 1;
  unread_.emplace_back(" ");
  schedule_read();
}

void Host::schedule_read() {
  if (read_scheduled_ || unread_.empty()) return;
  read_scheduled_ = true;
  const HostHabits& habits = world_.plan().host;
  Duration wait =
      std::max<Duration>(read_gap_, world_.random().between(Duration(0), Duration(100us)));
  if (world_.chance(habits.slow_reader)) {
    wait += world_.random().between(Duration(0), habits.read_pause_max);
  }
  world_.after(wait, [this] {
    read_scheduled_ = false;
    read();
  });
}

void Host::read() {
  const std::string line = std::move(unread_.front());
  unread_.pop_front();
  const std::size_t bytes = line == " " ? 1 : line.size() + 1;
  schedule_read();
  if (line != " ") {
    ++lines_heard_;
    react(line);
  }
  const std::size_t first = world_.random().between(std::uint64_t{1}, bytes);
  for (const std::size_t part : {first, bytes - first}) {
    if (part == 0) continue;
    unread_bytes_ -= part;
    world_.tell(shim::event::HostWritten{part});
  }
}

void Host::react(const std::string& line) {
  const Json message = parse(line);
  if (!message.is_object()) return;  // the model has seen it
  if (message.contains("method")) {
    if (message.contains("id")) {
      answer(line);
    } else {
      ++notifications_heard_[line];
      if (string_at(message, "method") == "notifications/cancelled")
        forget(raw_member(line, "params", "requestId"));
    }
    return;
  }
  const std::string id(raw_member(line, "id"));
  forget(id);
  if (state_ != State::greeting || id != greeting_id_) return;
  if (message.contains("error")) {
    state_ = State::silent;
    return;
  }
  state_ = State::active;
  notify("notifications/initialized");
}

/// A request of its own has come to its end.
void Host::forget(std::string_view id) {
  const auto open = std::ranges::find(open_, id, &Open::id);
  if (open != open_.end()) open_.erase(open);
}

/// Answers a request of the backend, as the host's habits are.
void Host::answer(const std::string& line) {
  ++requests_heard_;
  if (!answers_) return;
  const HostHabits& habits = world_.plan().host;
  if (world_.chance(habits.answers_never)) return;
  const std::string id(raw_member(line, "id"));
  const std::string tag = std::to_string(number_at(parse(line), "params", "tag"));
  std::string text = R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"tag":)" + tag + "}}";
  if (world_.chance(0.2)) {
    text = R"({"jsonrpc":"2.0","id":)" + id + R"(,"error":{"code":-1,"message":"no"}})";
  }
  if (world_.chance(habits.bad_answer)) {
    switch (world_.random().between(std::uint64_t{0}, 3)) {
      case 0: text = R"({"id":)" + id + R"(,"result":{}})"; break;
      case 1: text = R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{},"result":{}})"; break;
      case 2: text = R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":nothing})"; break;
      default: text = R"({"jsonrpc":"2.0","id":"mcp-ws-shim:999","result":{}})";
    }
  }
  const Duration most = world_.chance(habits.answers_late) ? Duration(20s) : Duration(20ms);
  world_.after(world_.random().between(Duration(0), most), [this, text] { say(text); });
  if (world_.chance(habits.answers_twice)) {
    world_.after(world_.random().between(Duration(0), Duration(1s)), [this, text] { say(text); });
  }
}

}  // namespace sim
