#include "tests/golden/transcript.hpp"

#include <fstream>

namespace shim::test {
namespace {

Recorded recorded(const json& line) {
  Recorded out;
  out.from_host = line.at("from") == "host";
  out.text = line.at("message").dump();
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  REQUIRE(reader.read(out.text, message) == jsonrpc::Read::message);
  out.kind = message.kind;
  out.id = message.id;
  out.method = message.method;
  return out;
}

/// Names of the tools in a list result that say of themselves that a call may be repeated.
std::set<std::string> repeatable_tools(const json& result) {
  std::set<std::string> names;
  for (const json& tool : result.at("tools")) {
    const json hints = tool.value("annotations", json::object());
    if (hints.value("readOnlyHint", false) || hints.value("idempotentHint", false))
      names.insert(tool.at("name"));
  }
  return names;
}

}  // namespace

std::vector<std::vector<Recorded>> load_transcript(const std::string& file_name) {
  std::ifstream file(std::string(MCP_WS_SHIM_GOLDEN_DIR) + "/" + file_name);
  REQUIRE(file.is_open());
  std::vector<std::vector<Recorded>> sessions;
  json connection;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    const json entry = json::parse(line);
    if (sessions.empty() || entry.at("conn") != connection) sessions.emplace_back();
    connection = entry.at("conn");
    sessions.back().push_back(recorded(entry));
  }
  REQUIRE_FALSE(sessions.empty());
  return sessions;
}

Playback::Playback(const std::vector<Recorded>& session) {
  std::map<std::string, std::string> methods;
  for (const Recorded& message : session) {
    if (message.kind == jsonrpc::Kind::request && message.from_host) {
      methods[message.id] = message.method;
    } else if (message.kind == jsonrpc::Kind::response && !message.from_host) {
      const json body = json::parse(message.text);
      if (body.contains("result")) results_[methods[message.id]] = body["result"].dump();
    }
  }
  driver_.validate();
  settle_up();
}

void Playback::play(const Recorded& message) {
  if (message.from_host) {
    play_host(message);
  } else {
    play_backend(message);
  }
  settle_up();
}

void Playback::play_host(const Recorded& message) {
  if (message.kind == jsonrpc::Kind::response) {
    const auto open = open_.find(message.id);
    if (open == open_.end()) return;  // the request never came, or was cancelled
    json text = json::parse(message.text);
    text["id"] = json::parse(open->second);
    open_.erase(open);
    driver_.host(text.dump());
    return;
  }
  if (message.kind == jsonrpc::Kind::request) asked_[message.id] = message;
  if (message.method == "notifications/cancelled")
    cancelled_.insert(json::parse(message.text)["params"]["requestId"].dump());
  driver_.host(message.text);
}

void Playback::play_backend(const Recorded& message) {
  // A backend that was not asked on this link says it all the same: it must be dropped.
  driver_.backend(message.text);
  if (message.kind != jsonrpc::Kind::request) return;
  const std::string line = last_of(driver_.host_log);
  const std::string host_name = id_of(line);
  REQUIRE(method_of(line) == message.method);
  REQUIRE(host_name.starts_with("\"mcp-ws-shim"));
  REQUIRE(ever_open_.insert(host_name).second);
  open_[message.id] = host_name;
}

void Playback::cut() {
  const auto open_before = std::exchange(open_, {});
  delivered_.clear();
  driver_.lose();
  const auto lines = driver_.take_host();
  for (const auto& [backend_id, host_name] : open_before) {
    CAPTURE(host_name);
    const auto cancels = [&](const std::string& line) {
      const json text = json::parse(line);
      return text.value("method", "") == "notifications/cancelled" &&
             text["params"]["requestId"] == json::parse(host_name);
    };
    CHECK(std::ranges::count_if(lines, cancels) == 1);
  }
  for (const std::string& line : lines) note_host_line(line);
  driver_.validate();
  settle_up();
  REQUIRE(driver_.session.phase() == Phase::ready);
}

/// Reads what was written until nobody has anything to say.
void Playback::settle_up() {
  for (;;) {
    const auto to_host = driver_.take_host();
    const auto to_link = driver_.take_link();
    for (; logged_ < driver_.logs.size(); ++logged_) {
      protocol_ += "log   " + driver_.logs[logged_].text + "\n";
    }
    for (const std::string& line : to_host) note_host_line(line);
    for (const std::string& text : to_link) serve_link(text);
    if (to_host.empty() && to_link.empty()) return;
  }
}

void Playback::note_host_line(const std::string& line) {
  protocol_ += "host  " + line.substr(0, 160) + "\n";
  const json text = json::parse(line);
  if (text.contains("method")) return;
  const std::string id = id_of(line);
  CAPTURE(line);
  REQUIRE(asked_.contains(id));
  ++answers_[id];
  if (asked_[id].method == "tools/list" && text.contains("result"))
    repeatable_ = repeatable_tools(text["result"]);
  if (line.find("outcome-unknown") == std::string::npos) return;
  // Only a call that might do harm may end like this.
  REQUIRE(asked_[id].method == "tools/call");
  CHECK_FALSE(repeatable_.contains(json::parse(asked_[id].text)["params"]["name"]));
}

/// The backend's part: what the shim asks on its own is answered at once, as recorded.
void Playback::serve_link(const std::string& text) {
  protocol_ += "link  " + text.substr(0, 160) + "\n";
  const std::string id = id_of(text);
  const std::string method = method_of(text);
  if (id.empty() || method.empty()) return;
  if (asked_.contains(id)) {
    CHECK(delivered_.insert(id).second);
    return;
  }
  CHECK(json::parse(id).is_number_integer());
  const auto known = results_.find(method);
  driver_.backend(answer(id, known == results_.end() ? "{}" : known->second));
}

void Playback::check_books() {
  for (const auto& [id, request] : asked_) {
    CAPTURE(request.text.substr(0, 200));
    if (cancelled_.contains(id)) {
      CHECK(answers_[id] <= 1);
    } else {
      CHECK(answers_[id] == (request.method == "subscriptions/listen" ? 0 : 1));
    }
  }
}

}  // namespace shim::test
