#include "tests/sim/backend.hpp"

#include <array>
#include <utility>

#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;

namespace {

std::string result_of(std::string_view id, const std::string& members, std::uint64_t to) {
  return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"result":{)" + members + R"("to":)" +
         std::to_string(to) + "}}";
}

std::string error_of(std::string_view id, int code, std::uint64_t to) {
  return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"error":{"code":)" +
         std::to_string(code) + R"(,"message":"no","data":{"to":)" + std::to_string(to) + "}}}";
}

}  // namespace

Backend::Connection* Backend::find(Epoch connection) {
  const auto found = connections_.find(connection);
  return up_ && found != connections_.end() ? &found->second : nullptr;
}

void Backend::start() {
  if (up_) return;
  up_ = true;
  ++life_;
  world_.note("backend", "starts with version " + version_);
  world_.health().backend_started();
}

void Backend::kill(Duration notice) {
  if (!up_) return;
  up_ = false;
  connections_.clear();
  held_.clear();
  leftovers_.clear();
  waiting_.clear();
  end_moods();
  world_.note("backend", "crashes");
  world_.link().cut(shim::Cause::reset, notice);
}

bool Backend::has_swallowed() const {
  for (const auto& [epoch, connection] : connections_) {
    if (connection.swallowed) return true;
  }
  return false;
}

/// A backend that mixes up its connections may begin with what it owes the one before.
void Backend::connected(Epoch connection) {
  connections_[connection] = Connection();
  if (world_.plan().backend_habits.heartbeats != BackendHabits::Heartbeats::none) {
    later(world_.plan().backend_habits.first_heartbeat, [this, connection] { beat(connection); });
  }
  for (std::string& answer : std::exchange(leftovers_, {})) {
    if (world_.chance(world_.plan().backend.unknown_answer)) send(connection, std::move(answer));
  }
}

void Backend::disconnected(Epoch connection) { connections_.erase(connection); }

std::uint64_t Backend::received(std::string_view method) const {
  const auto found = received_.find(method);
  return found == received_.end() ? 0 : found->second;
}

std::string Backend::level() const {
  return connections_.empty() ? std::string() : connections_.rbegin()->second.level;
}

void Backend::receive(Epoch connection, std::string_view text) {
  do_or_wait([this, connection, text = std::string(text)] { process(connection, text); });
}

void Backend::process(Epoch connection, std::string_view text) {
  Connection* const from = find(connection);
  if (from == nullptr) return;
  world_.note("backend got", text);
  const Json message = parse(text);
  const std::string method = string_at(message, "method");
  ++received_[method];
  if (!message.contains("method")) {
    const std::string id(raw_member(text, "id"));
    const auto asked = from->asked.find(id);
    std::optional<std::uint64_t> tag;
    if (asked != from->asked.end()) {
      tag = asked->second;
      from->asked.erase(asked);
    }
    ++answers_from_host_;
    world_.model().answered(connection, id, std::string(text), tag);
  } else if (message.contains("id")) {
    request(connection, text, message);
  } else {
    notification(connection, text, message);
  }
}

void Backend::notification(Epoch connection, std::string_view text, const Json& message) {
  const std::string method = string_at(message, "method");
  Connection* const from = find(connection);
  if (method == "notifications/cancelled")
    from->subscriptions.erase(std::string(raw_member(text, "params", "requestId")));
  if (method != "notifications/initialized") return;
  if (!from->greeted) world_.model().rejected(connection, std::string(text));
  from->initialized = true;
}

void Backend::request(Epoch connection, std::string_view text, const Json& message) {
  Connection* const from = find(connection);
  const BackendFaults& faults = world_.plan().backend;
  const std::string method = string_at(message, "method");
  const bool strict = world_.plan().settings.protocol != shim::Protocol::jsonrpc;
  const bool modern = raw_member(raw_member(text, "params", "_meta"),
                                 "io.modelcontextprotocol/protocolVersion") != "";
  const bool welcome = method == "initialize" || method == "ping" || modern || from->initialized;
  const std::string_view id = raw_member(text, "id");
  const std::uint64_t seq = number_at(message, "params", "seq");
  if (strict && !welcome) {
    world_.model().rejected(connection, method);
    deliver(connection, error_of(id, -32002, seq));
    return;
  }
  const Duration most = world_.is_calm() ? Duration(5ms) : faults.service_max;
  Duration time = world_.random().between(most / 5, most);
  if (method == "tools/call" && call_time_) time = *call_time_;
  std::string answer = answer_to(*from, text, message);
  if (const auto raw = raw_.find(method); raw != raw_.end()) {
    answer = raw->second;
    answer.replace(answer.find("ID"), 2, id);
  }
  if (method != "initialize" && world_.chance(faults.error)) answer = error_of(id, -32050, seq);
  if (world_.chance(faults.late)) time += world_.random().between(Duration(0), Duration(30s));
  const std::string_view token = raw_member(raw_member(text, "params", "_meta"), "progressToken");
  if (!token.empty() && world_.chance(faults.progress)) {
    plan_progress(connection, token, time);
  }
  if (modern && method == "subscriptions/listen" && answer.find("error") == std::string::npos) {
    subscribe(connection, id, seq, time);
  } else {
    serve(connection, method, std::move(answer), time);
  }
  if (world_.chance(faults.ask_host)) ask_host(connection);
}

std::string Backend::tools() const {
  std::string list = R"([{"name":"add","inputSchema":{"type":"object"}},)"
                     R"({"name":"look","inputSchema":{"type":"object"},)"
                     R"("annotations":{"readOnlyHint":true}})";
  for (unsigned i = 0; i < catalog_; ++i) {
    list += R"(,{"name":"more)" + std::to_string(i) + R"(","inputSchema":{"type":"object"}})";
  }
  return list + "]";
}

std::string Backend::answer_to(Connection& connection, std::string_view text, const Json& message) {
  const std::string method = string_at(message, "method");
  const std::string_view id = raw_member(text, "id");
  const std::uint64_t seq = number_at(message, "params", "seq");
  if (method == "initialize") {
    if (mended_ && !world_.model().version().empty()) version_ = world_.model().version();
    connection.greeted = true;
    connection.initialized = false;
    if (world_.chance(world_.plan().backend.error / 3)) return error_of(id, -32050, seq);
    return result_of(id,
                     R"("protocolVersion":")" + version_ +
                         R"(","capabilities":{"tools":{"listChanged":true},"logging":{}},)"
                         R"("serverInfo":{"name":"simulated","version":"1"},)",
                     seq);
  }
  if (method == "tools/call") {
    const std::uint64_t call = number_at(message["params"], "arguments", "call");
    world_.model().executed(call, string_at(message["params"], "name") == "look");
    return result_of(id, R"("content":[{"type":"text","text":"done"}],)", seq);
  }
  if (method == "logging/setLevel") connection.level = string_at(message["params"], "level");
  if (method == "tools/list") return result_of(id, R"("tools":)" + tools() + ",", seq);
  return result_of(id, "", seq);
}

void Backend::subscribe(Epoch connection, std::string_view id, std::uint64_t seq, Duration time) {
  find(connection)->subscriptions[std::string(id)] = seq;
  later(time, [this, connection, id = std::string(id)] {
    const Connection* const to = find(connection);
    if (to == nullptr || !to->subscriptions.contains(id)) return;
    send_dressed(
        connection,
        R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{)"
        R"("notifications":{"toolsListChanged":true},"_meta":{)"
        R"("io.modelcontextprotocol/subscriptionId":)" +
            id + "}}}");
  });
}

void Backend::end_subscriptions() {
  do_or_wait([this, with_result = world_.random().chance(0.6)] {
    Connection* const to = find(connection());
    if (to == nullptr) return;
    for (const auto& [id, seq] : std::exchange(to->subscriptions, {})) {
      if (with_result) {
        deliver(connection(), result_of(id, "", seq));
      } else {
        send(connection(),
             R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" + id +
                 "}}");
      }
    }
  });
}

void Backend::serve(Epoch connection, const std::string& method, std::string answer,
                    Duration time) {
  if (method == held_method_ && !method.empty()) {
    held_.push_back({connection, std::move(answer)});
    return;
  }
  const unsigned copies = method == "tools/call" ? copies_ : 1;
  later(time, [this, connection, copies, answer = std::move(answer)] {
    for (unsigned i = 0; i < copies; ++i) deliver(connection, answer);
  });
}

void Backend::release() {
  held_method_.clear();
  for (const Held& held : std::exchange(held_, {})) deliver(held.connection, held.text);
}

/// Sends an answer, as far as the plan lets it through in one piece.
void Backend::deliver(Epoch connection, const std::string& answer) {
  Connection* const to = find(connection);
  if (to == nullptr) {
    if (leftovers_.size() < 8) leftovers_.push_back(answer);
    return;
  }
  const BackendFaults& faults = world_.plan().backend;
  if (world_.chance(faults.swallow)) {
    to->swallowed = true;
    return;
  }
  send_faulty(connection, answer);
  if (world_.chance(faults.unknown_answer)) {
    send(connection, error_of(world_.random().chance(0.5) ? "987654" : "null", -32050, 0));
  }
  if (world_.chance(faults.duplicate)) {
    const Duration wait = world_.random().between(Duration(0), Duration(2s));
    later(wait, [this, connection, answer] { send_dressed(connection, answer); });
  }
  if (world_.chance(faults.binary)) send(connection, {}, Link::Frame::binary);
  if (world_.chance(faults.stray_progress))
    report_progress(connection, "\"nobody's token\"", "0.5");
  if (world_.chance(faults.notify)) {
    const bool all = find(connection)->level == "debug";
    static constexpr std::array<const char*, 4> levels{"info", "debug", "error", "odd"};
    send(connection, R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":")" +
                         std::string(levels.at(all ? world_.random().next() % 4 : 0)) +
                         R"(","data":"x"}})");
  }
}

/// Perhaps what arrives is no valid answer. If it cannot be told whose it was, nobody can be told.
void Backend::send_faulty(Epoch connection, const std::string& answer) {
  Connection& to = *find(connection);
  const BackendFaults& faults = world_.plan().backend;
  const std::string id(raw_member(answer, "id"));
  if (world_.chance(faults.too_long)) {
    send(connection, answer, Link::Frame::too_long);
  } else if (world_.chance(faults.truncated)) {
    const std::size_t length = world_.random().between(std::uint64_t{1}, answer.size() - 1);
    if (length < answer.find("\"result\"")) to.swallowed = true;
    send(connection, answer.substr(0, length));
  } else if (world_.chance(faults.twice)) {
    send(connection, R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{},"result":{"a":1}})");
  } else if (world_.chance(faults.invalid)) {
    switch (world_.random().between(std::uint64_t{0}, 4)) {
      case 0: send(connection, R"({"id":)" + id + R"(,"result":{}})"); break;
      case 1:
        send(connection, R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{},"error":{}})");
        break;
      case 2: send(connection, R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":[nothing]})"); break;
      case 3: send(connection, R"({"jsonrpc":"2.0","id":)" + id + ",\"result\":\"\xff\"}"); break;
      default: to.swallowed = true; send(connection, "Listening on port 8080");
    }
  } else {
    send_dressed(connection, answer);
  }
}

/// A valid answer, perhaps spelled in an unusual way.
void Backend::send_dressed(Epoch connection, std::string answer) {
  const BackendFaults& faults = world_.plan().backend;
  if (world_.chance(faults.half_emoji) && answer.ends_with("}}")) {
    answer.insert(answer.size() - 2, R"(,"cut":"\ud83d")");
  }
  if (world_.chance(faults.pretty)) {
    answer.insert(1, "\r\n  ");
    answer.insert(answer.size() - 1, 1, '\n');
    answer.push_back('\n');
  }
  if (world_.chance(faults.batch)) {
    answer.insert(0, R"([{"jsonrpc":"2.0","method":"notifications/roots"},)").append(", 17]");
  }
  send(connection, std::move(answer));
}

void Backend::ask_host() { ask_host(connection()); }

void Backend::ask_host(Epoch connection) {
  Connection* const to = find(connection);
  if (to == nullptr) return;
  const bool strings = world_.chance(0.2);
  const std::string number = std::to_string(to->next_id++);
  const std::string id = strings ? "\"r" + number + "\"" : number;
  to->asked[id] = ++last_tag_;
  send(connection, R"({"jsonrpc":"2.0","id":)" + id +
                       R"(,"method":"sampling/createMessage","params":)" + R"({"tag":)" +
                       std::to_string(last_tag_) + "}}");
  if (!world_.chance(world_.plan().backend.cancel_asked)) return;
  later(world_.random().between(Duration(0), Duration(3s)), [this, connection, id] {
    send(connection,
         R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" + id +
             "}}");
  });
}

void Backend::send(Epoch connection, std::string text, Link::Frame kind) {
  if (find(connection) == nullptr) return;
  world_.note("backend sends", text);
  world_.link().send(connection, std::move(text), kind);
}

}  // namespace sim
