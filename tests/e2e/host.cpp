#include "host.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace e2e {
namespace {

std::string shortened(std::string text) {
  if (text.size() > 300) text = text.substr(0, 300) + "… (" + std::to_string(text.size()) + ")";
  return text;
}

}  // namespace

void check_holds(std::string_view text, std::string_view part) {
  CHECK_MESSAGE(text.find(part) != std::string_view::npos,
                "'" << std::string(part) << "' is not in: " << shortened(std::string(text)));
}

// Not inline: GCC 12 sees overruns in `"literal" + std::string(n, c)` that cannot be.
std::string filler(std::size_t bytes, char c) { return std::string(bytes, c); }

std::vector<std::string> quick() {
  return {"--connect-timeout", flag(500ms), "--validate-timeout", flag(300ms),
          "--resume-timeout",  flag(500ms), "--backoff-base",     "50ms",
          "--backoff-cap",     "200ms",     "--log-level",        "debug"};
}

Host::Host(const std::vector<std::string>& arguments, HostOptions options)
    : options_(std::move(options)) {
  const auto make = options_.wiring == Wiring::pipes ? make_pipe : make_socket_pair;
  Ends in = make();
  Ends out = make();
  Ends log = make_pipe();
  std::vector<std::string> command{shim_program()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  // What later versions keep between runs must neither come from this user nor stay with him, and
  // these tests are about a host that waits for the real answer.
  std::vector<std::string> environment{"XDG_RUNTIME_DIR=" + home_.path(""),
                                       "XDG_CACHE_HOME=" + home_.path("cache"),
                                       "MCP_WS_SHIM_OFFLINE=wait", "MCP_WS_SHIM_KEEPALIVE=off"};
  environment.insert(environment.end(), options_.environment.begin(), options_.environment.end());
  shim_ = std::make_unique<Process>(
      command, environment,
      Streams{.in = in.read.get(), .out = out.write.get(), .err = log.write.get()});
  to_shim_ = std::move(in.write);
  from_shim_ = std::move(out.read);
  log_pipe_ = std::move(log.read);
  for (const File* end : {&to_shim_, &from_shim_, &log_pipe_}) set_nonblocking(*end);
}

Host::~Host() {
  for (const std::string& violation : violations_) CHECK_MESSAGE(false, violation);
}

void Host::send(std::string_view line) {
  if (!options_.plain) note_sent(line);
  outgoing_.append(line) += '\n';
  write_some();
}

void Host::send_raw(std::string_view bytes) {
  any_id_ = true;
  outgoing_ += bytes;
  write_some();
}

/// Remembers the ids that may be answered.
void Host::note_sent(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  const Json elements = json.is_array() ? json : Json::array({json});
  for (const Json& element : elements) {
    if (element.is_object() && element.contains("id") && element.contains("method")) {
      ++asked_[element["id"].dump()];
    } else if (!element.is_object()) {
      any_id_ = true;
    }
  }
}

void Host::write_some() {
  while (unsent_bytes() > 0 && to_shim_ && !input_broken_) {
    const ssize_t count = ::write(to_shim_.get(), outgoing_.data() + sent_, unsent_bytes());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      input_broken_ = errno != EAGAIN;
      return;
    }
    sent_ += static_cast<std::size_t>(count);
  }
  if (sent_ == outgoing_.size()) {
    outgoing_.clear();
    sent_ = 0;
  } else if (sent_ > (std::size_t{1} << 20U)) {
    outgoing_.erase(0, sent_);
    sent_ = 0;
  }
}

void Host::flush(Millis limit) {
  expect(
      "all that was sent is taken", [this] { return unsent_bytes() == 0; }, limit);
}

void Host::close_input() {
  flush();
  to_shim_.close();
}

int Host::request(std::string_view method, const Json& params) {
  const int id = ++last_id_;
  Json message = {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}};
  if (!params.is_null()) message["params"] = params;
  send(message.dump());
  return id;
}

int Host::call(std::string_view tool, const Json& arguments) {
  return request("tools/call", {{"name", tool}, {"arguments", arguments}});
}

void Host::notify(std::string_view method, const Json& params) {
  Json message = {{"jsonrpc", "2.0"}, {"method", method}};
  if (!params.is_null()) message["params"] = params;
  send(message.dump());
}

Json Host::initialize(Millis limit) {
  const int id = request("initialize", {{"protocolVersion", "2025-06-18"},
                                        {"capabilities", {{"roots", {{"listChanged", true}}}}},
                                        {"clientInfo", {{"name", "e2e"}, {"version", "1"}}}});
  const Json result = expect_result(id, limit);
  notify("notifications/initialized");
  return result;
}

const Line& Host::expect_answer(const Json& id, Millis limit) {
  const std::string key = id.dump();
  const std::size_t wanted = std::max<std::size_t>(asked_[key], 1);
  expect(
      "an answer to " + key, [&] { return answers_[key].size() >= wanted; }, limit);
  return lines_[answers_[key].back()];
}

Json Host::expect_result(const Json& id, Millis limit) {
  const Line& line = expect_answer(id, limit);
  REQUIRE_MESSAGE(line.json.contains("result"), shortened(line.text));
  return line.json["result"];
}

Json Host::expect_error(const Json& id, int code, Millis limit) {
  const Line& line = expect_answer(id, limit);
  REQUIRE_MESSAGE(line.json.contains("error"), shortened(line.text));
  REQUIRE_MESSAGE(line.json["error"]["code"] == code, shortened(line.text));
  return line.json["error"];
}

std::string Host::expect_text(const Json& id, Millis limit) {
  const Json result = expect_result(id, limit);
  REQUIRE_MESSAGE(!result.value("isError", false), shortened(result.dump()));
  REQUIRE_MESSAGE(result["content"].size() == 1, shortened(result.dump()));
  return result["content"][0]["text"].get<std::string>();
}

Json Host::expect_tool_failure(const Json& id, std::string_view reason, Millis limit) {
  const Json result = expect_result(id, limit);
  REQUIRE_MESSAGE(result.value("isError", false), shortened(result.dump()));
  REQUIRE_MESSAGE(result["_meta"].contains("mcp-ws-shim/error"), shortened(result.dump()));
  const Json facts = result["_meta"]["mcp-ws-shim/error"];
  CHECK_MESSAGE(facts["reason"] == reason, shortened(result.dump()));
  CHECK(facts["source"] == "mcp-ws-shim");
  return facts;
}

bool Host::is_answered(const Json& id) const { return answers_.contains(id.dump()); }

std::string Host::expect_log(std::string_view part, Millis limit) {
  std::size_t at = log_seen_;
  expect(
      "a log line with '" + std::string(part) + "'",
      [&] {
        while (at < log_.size() && log_[at].find(part) == std::string::npos) ++at;
        return at < log_.size();
      },
      limit);
  log_seen_ = at + 1;
  return log_[at];
}

std::size_t Host::count_log(std::string_view part) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      log_, [&](const std::string& line) { return line.find(part) != std::string::npos; }));
}

void check_kept(const Host& host) {
  for (const std::string& line : host.log()) CHECK_MESSAGE(line.find(" lost: ") == line.npos, line);
}

bool Host::wait_until(const std::function<bool()>& done, Millis limit) {
  const Deadline deadline(limit);
  for (;;) {
    if (done()) return true;
    if (deadline.passed()) return false;
    pump(Millis(std::min(deadline.left_ms(), 5)));
  }
}

void Host::expect(std::string_view what, const std::function<bool()>& done, Millis limit) {
  if (!wait_until(done, limit)) give_up(what);
}

void Host::linger(Millis span) {
  const auto end = Clock::now() + span;
  while (Clock::now() < end) {
    pump(std::min(std::chrono::ceil<Millis>(end - Clock::now()), Millis(5)));
  }
}

void Host::give_up(std::string_view what) const {
  std::string text = "waited in vain for " + std::string(what) + "\n";
  for (std::size_t i = log_.size() > 12 ? log_.size() - 12 : 0; i < log_.size(); ++i) {
    text += "  log: " + log_[i] + "\n";
  }
  for (std::size_t i = lines_.size() > 5 ? lines_.size() - 5 : 0; i < lines_.size(); ++i) {
    text += "  line: " + shortened(lines_[i].text) + "\n";
  }
  if (output_ended_) text += "  the shim has closed its stdout\n";
  FAIL(text);
  throw std::logic_error("not reached");
}

void Host::pump(Millis slice) {
  std::array<pollfd, 3> polled{{
      {.fd = unsent_bytes() > 0 && !input_broken_ ? to_shim_.get() : -1,
       .events = POLLOUT,
       .revents = 0},
      {.fd = read_max_ > 0 && !output_ended_ ? from_shim_.get() : -1,
       .events = POLLIN,
       .revents = 0},
      {.fd = options_.read_log ? log_pipe_.get() : -1, .events = POLLIN, .revents = 0},
  }};
  if (::poll(polled.data(), polled.size(), static_cast<int>(slice.count())) <= 0) return;
  if (polled[0].revents != 0) write_some();
  if (polled[1].revents != 0) read_lines();
  if (polled[2].revents != 0) read_log();
}

void Host::read_lines() {
  static std::array<char, 1 << 16> buffer;
  for (std::size_t left = read_max_; left > 0;) {
    const ssize_t count = ::read(from_shim_.get(), buffer.data(), std::min(buffer.size(), left));
    if (count < 0) return;
    if (count == 0) {
      output_ended_ = true;
      if (!incoming_.empty()) violations_.push_back("a torn line: " + shortened(incoming_));
      return;
    }
    left -= static_cast<std::size_t>(count);
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    for (std::size_t end = bytes.find('\n'); end != std::string_view::npos;
         end = bytes.find('\n')) {
      incoming_ += bytes.substr(0, end);
      take(std::exchange(incoming_, {}));
      bytes.remove_prefix(end + 1);
    }
    incoming_ += bytes;
  }
}

/// Keeps one line from the shim and judges it.
void Host::take(std::string text) {
  Line line{.text = std::move(text), .json = Json::value_t::discarded, .at = Clock::now()};
  if (options_.plain) {
    lines_.push_back(std::move(line));
    return;
  }
  line.json = Json::parse(line.text, nullptr, false);
  if (!line.json.is_object() || line.json.value("jsonrpc", "") != "2.0") {
    violations_.push_back("not a JSON-RPC message: " + shortened(line.text));
  } else if (!line.json.contains("method")) {
    const std::string id = line.json.value("id", Json()).dump();
    auto& answers = answers_[id];
    answers.push_back(lines_.size());
    const auto asked = asked_.find(id);
    const bool known = asked != asked_.end() && answers.size() <= asked->second;
    if (!known && !any_id_ && id != "null")
      violations_.push_back("an answer nobody waited for: " + shortened(line.text));
  }
  lines_.push_back(std::move(line));
}

void Host::read_log() {
  static std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t count = ::read(log_pipe_.get(), buffer.data(), buffer.size());
    if (count == 0) log_pipe_.close();
    if (count <= 0) return;
    log_text_.append(buffer.data(), static_cast<std::size_t>(count));
    for (std::size_t end = log_text_.find('\n'); end != std::string::npos;
         end = log_text_.find('\n')) {
      log_.push_back(log_text_.substr(0, end));
      const std::string& line = log_.back();
      if (line.find("Sanitizer") != std::string::npos ||
          line.find("runtime error: ") != std::string::npos) {
        violations_.push_back("a sanitizer's report: " + line);
      }
      log_text_.erase(0, end + 1);
    }
  }
}

int Host::expect_exit(Millis limit) {
  expect(
      "the end of the shim", [this] { return !shim_->is_running(); }, limit);
  pump(0ms);  // what it wrote last
  while (from_shim_ && read_max_ > 0 && !output_ended_) {
    const std::size_t before = lines_.size();
    pump(0ms);
    if (lines_.size() == before && !output_ended_) break;
  }
  return *shim_->wait(0ms);
}

}  // namespace e2e
