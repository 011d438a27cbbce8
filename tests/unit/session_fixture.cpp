#include "tests/unit/session_fixture.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace shim::test {

std::string request(std::string_view id, std::string_view method, std::string_view params) {
  return jsonrpc::request(id, method, params);
}

std::string notify(std::string_view method, std::string_view params) {
  return jsonrpc::notification(method, params);
}

std::string answer(std::string_view id, std::string_view result) {
  return jsonrpc::result_answer(id, result);
}

std::string cancel(std::string_view id) {
  return notify("notifications/cancelled", R"({"requestId":)" + std::string(id) + "}");
}

std::string progress(std::string_view token) {
  return notify("notifications/progress",
                R"({"progressToken":)" + std::string(token) + R"(,"progress":1})");
}

std::string request_with_token(std::string_view id, std::string_view token) {
  return request(id, "tools/call",
                 R"({"name":"t","_meta":{"progressToken":)" + std::string(token) + "}}");
}

std::string modern_request(std::string_view id, std::string_view method) {
  return request(id, method,
                 R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}})");
}

std::string initialize(std::string_view id, std::string_view asked) {
  return request(id, "initialize",
                 R"({"protocolVersion":")" + std::string(asked) +
                     R"(","capabilities":{"roots":{}},"clientInfo":{"name":"h","version":"1"}})");
}

std::string initialize_answer(std::string_view id, std::string_view got) {
  return answer(id, R"({"protocolVersion":")" + std::string(got) +
                        R"(","capabilities":{},"serverInfo":{"name":"b","version":"1"}})");
}

std::string id_of(std::string_view text) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  static_cast<void>(reader.read(text, message));
  return std::string(message.id);
}

std::string method_of(std::string_view text) {
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  static_cast<void>(reader.read(text, message));
  return std::string(message.method);
}

std::string first_of(const std::vector<std::string>& texts) {
  return texts.empty() ? std::string() : texts.front();
}

std::string last_of(const std::vector<std::string>& texts) {
  return texts.empty() ? std::string() : texts.back();
}

Settled settled(const std::string& line) {
  CAPTURE(line);
  Settled out;
  out.id = id_of(line);
  const json message = json::parse(line, nullptr, false);
  REQUIRE(message.is_object());
  if (message.contains("error")) {
    out.code = message["error"].value("code", 0);
    out.data = message["error"].value("data", json::object());
  } else {
    REQUIRE(message.contains("result"));
    out.is_tool_result = message["result"].value("isError", false);
    out.data =
        message["result"].value("_meta", json::object()).value("mcp-ws-shim/error", json::object());
  }
  out.reason = out.data.value("reason", "");
  out.delivered = out.data.value("delivered", false);
  out.retryable = out.data.value("retryable", false);
  return out;
}

Settings default_settings() {
  Settings settings;
  settings.endpoints = {"ws://backend:1/"};
  return settings;
}

Driver::Driver() : Driver(default_settings()) {}

Driver::Driver(Settings wanted, Estate estate, TimePoint start)
    : settings(std::move(wanted)), now(start), session(settings, 1, start, std::move(estate)) {
  opened_epoch_ = session.epoch();
  tick();
}

Driver::~Driver() = default;

void Driver::feed(Event event) {
  session.on_event(now, event, actions_);
  session.on_deadline(now, actions_);
  obey_all();
}

void Driver::tick() {
  session.on_deadline(now, actions_);
  obey_all();
}

void Driver::host(std::string text) { feed(event::HostLine{std::move(text)}); }

void Driver::backend(std::string text) {
  feed(event::LinkMessage{session.epoch(), std::move(text)});
}

void Driver::lose(Loss loss) { feed(event::LinkLost{session.epoch(), loss}); }

void Driver::release_cache() {
  for (event::CacheLoaded& file : std::exchange(loaded_, {})) feed(std::move(file));
}

void Driver::opened() { feed(event::LinkOpened{session.epoch()}); }

void Driver::pong() { feed(event::LinkPong{session.epoch()}); }

void Driver::advance(Duration span) {
  const TimePoint end = now + span;
  while (const auto next = session.next_deadline()) {
    if (*next > end) break;
    now = std::max(now, *next);
    tick();
    const auto after = session.next_deadline();
    const bool gets_on = !after || *after > now;
    REQUIRE(gets_on);  // else the bridge would spin
  }
  now = end;
  tick();
}

void Driver::until_connecting() {
  for (int i = 0; i < 100 && session.phase() == Phase::waiting; ++i) {
    advance(*session.next_deadline() - now);
  }
  REQUIRE(session.phase() == Phase::connecting);
}

void Driver::validate() {
  until_connecting();
  opened();
  pong();
}

void Driver::go_ready(std::string_view accepted) {
  validate();
  if (session.phase() == Phase::resuming) {
    REQUIRE(method_of(link_log.back().text) == "initialize");
    backend(initialize_answer(id_of(link_log.back().text), accepted));
  }
  REQUIRE(session.phase() == Phase::ready);
}

void Driver::establish() {
  if (session.phase() != Phase::ready) go_ready();
  host(initialize("0"));
  backend(initialize_answer("0"));
  host(notify("notifications/initialized"));
  forget();
}

std::vector<std::string> Driver::take_host() { return std::exchange(host_new_, {}); }

std::vector<std::string> Driver::take_link() { return std::exchange(link_new_, {}); }

void Driver::forget() {
  host_new_.clear();
  link_new_.clear();
}

std::string Driver::one_host_line() {
  const auto lines = take_host();
  REQUIRE(lines.size() == 1);
  return lines.front();
}

std::size_t Driver::answers_to(std::string_view id) const {
  return static_cast<std::size_t>(std::ranges::count_if(host_log, [&](const std::string& line) {
    return id_of(line) == id && method_of(line).empty();
  }));
}

std::uint64_t Driver::dropped(Drop why) const { return session.counters().of(why); }

std::size_t Driver::logged(std::string_view part, LogLevel level) const {
  return static_cast<std::size_t>(std::ranges::count_if(logs, [&](const action::Log& line) {
    return line.level >= level && line.text.find(part) != std::string::npos;
  }));
}

void Driver::obey_all() {
  std::size_t host_bytes = 0;
  std::size_t link_bytes = 0;
  const Epoch link_epoch = session.epoch();
  for (Action& order : std::exchange(actions_, {})) {
    REQUIRE(finishes == 0);  // nothing after Finish
    std::visit([this](auto& what) { obey(what); }, order);
    if (const auto* line = std::get_if<action::WriteHost>(&order)) {
      host_bytes += line->line.size() + 1;
    } else if (std::holds_alternative<action::WriteHostSpace>(order)) {
      host_bytes += 1;
    } else if (const auto* text = std::get_if<action::WriteLink>(&order)) {
      if (text->epoch == link_epoch) link_bytes += text->text.size();
    }
  }
  check_turn();
  if (cache_answers) release_cache();
  if (std::exchange(pong_open_, false)) feed(event::LinkPong{link_epoch});
  if (std::exchange(check_open_, false))
    feed(event::LinkChecked{link_epoch, trickles ? now : heard_at, part_at, has_unread});
  if (host_reads && host_bytes > 0) feed(event::HostWritten{host_bytes});
  if (link_writes && link_bytes > 0) feed(event::LinkWritten{link_epoch, link_bytes});
}

void Driver::check_turn() {
  if (session.finished()) {
    REQUIRE(finishes == 1);
    REQUIRE_FALSE(session.next_deadline().has_value());
    return;
  }
  // has_a_way_out, seen from outside.
  if (session.phase() != Phase::ready) REQUIRE(session.next_deadline().has_value());
}

void Driver::obey(action::OpenLink& order) {
  REQUIRE(order.epoch == opened_epoch_ + 1);
  REQUIRE_FALSE(link_exists_);
  opened_epoch_ = order.epoch;
  link_exists_ = true;
  opens.push_back(order);
  open_times.push_back(now);
}

void Driver::obey(action::CloseLink& order) {
  REQUIRE(order.epoch == opened_epoch_);
  link_exists_ = false;
  closes.push_back(order);
}

void Driver::obey(action::PingLink& order) {
  REQUIRE(order.epoch == opened_epoch_);
  pings.push_back(order);
  pong_open_ = pongs && session.phase() == Phase::ready;
}

void Driver::obey(action::CheckLink& order) {
  REQUIRE(link_exists_);
  REQUIRE(order.epoch == opened_epoch_);
  checks.push_back(order);
  check_open_ = true;
}

void Driver::obey(action::WriteHostSpace&) { ++spaces; }

void Driver::obey(action::WriteLink& order) {
  REQUIRE(link_exists_);
  REQUIRE(order.epoch == opened_epoch_);
  link_log.push_back({order.epoch, order.text});
  link_new_.push_back(order.text);
}

void Driver::obey(action::PauseLink& order) {
  REQUIRE(link_exists_);
  REQUIRE(order.epoch == opened_epoch_);
  link_pauses.push_back(order);
}

void Driver::obey(action::WriteHost& order) {
  CAPTURE(order.line);
  jsonrpc::Message message;
  const auto read = reader_.read(order.line, message);
  CHECK(order.line.find_first_of("\r\n") == std::string::npos);
  CHECK(read == jsonrpc::Read::message);  // each line is strict JSON and no array
  CHECK(message.kind != jsonrpc::Kind::other);
  host_log.push_back(order.line);
  host_new_.push_back(order.line);
}

void Driver::obey(action::PauseHost& order) { host_pauses.push_back(order); }

void Driver::obey(action::LoadCache& order) {
  cache_loads.push_back(order.version);
  loaded_.push_back({order.version, cache_files[order.version]});
}

void Driver::obey(action::StoreCache& order) {
  cache_files[order.version] = order.text;
  ++cache_stores;
}

void Driver::obey(action::Log& order) { logs.push_back(order); }

void Driver::obey(action::Finish& order) {
  ++finishes;
  patience = order.patience;
}

}  // namespace shim::test
