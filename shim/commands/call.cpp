#include "shim/commands/call.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/json_value.hpp"
#include "common/mcp.hpp"
#include "common/text.hpp"
#include "common/units.hpp"
#include "shim/commands/client.hpp"
#include "shim/commands/interruption.hpp"
#include "shim/commands/opening.hpp"
#include "shim/commands/output.hpp"
#include "shim/commands/params.hpp"
#include "shim/io/clock.hpp"
#include "shim/io/hardening.hpp"

namespace shim {
namespace {

constexpr int done = 0;
constexpr int failed = 1;
constexpr int usage = 2;
constexpr int unreachable = 3;
constexpr int refused = 4;

void say(const std::string& text) { std::fprintf(stderr, "mcp-ws-shim: %s\n", text.c_str()); }

/// What there is to say about a progress notification; empty if nothing.
std::string describe_progress(std::string_view params) {
  const auto value = json_value(params);
  if (!value.is_object() || !value.contains("progress")) return {};
  std::string line = "progress " + value["progress"].dump(-1, ' ', true);
  if (value.contains("total")) line += " of " + value["total"].dump(-1, ' ', true);
  if (value.contains("message") && value["message"].is_string())
    line += ": " + value["message"].get<std::string>();
  return line;
}

bool is_tool_error(const std::string& result) {
  // Most results are spared the parsing.
  if (result.find("isError") == std::string::npos) return false;
  const auto value = json_value(result);
  return value.is_object() && value.contains("isError") && value["isError"] == true;
}

class Call {
 public:
  explicit Call(const Options& options) : options_(options), call_(options.call) {}

  int run();

 private:
  [[nodiscard]] bool read_params();
  [[nodiscard]] bool connect();
  [[nodiscard]] int open();
  void prepare(Era era);
  [[nodiscard]] int ask();
  [[nodiscard]] Client::Answer await_answer();
  [[nodiscard]] int notify();
  [[nodiscard]] int print(const std::string& result) const;
  [[nodiscard]] int report(const Client::Answer& answer, const std::string& about) const;
  void cancel(const std::string& id, const std::string& reason);

  [[nodiscard]] mcp::Method method() const { return mcp::method(call_.method); }

  const Options& options_;
  const CallOptions& call_;
  std::string params_;  ///< raw JSON, or empty for none
  std::unique_ptr<Client> client_;
  std::string url_;    ///< of the client, without secrets
  bool sent_ = false;  ///< what the caller wants sent, not what has to come before it
  TimePoint deadline_;
};

int Call::run() {
  if (!read_params()) return usage;
  if (!connect()) return unreachable;
  deadline_ = monotonic_now() + call_.timeout;
  if (options_.core.protocol != Protocol::jsonrpc) {
    if (const int status = open(); status != done) return status;
  }
  return call_.notify ? notify() : ask();
}

/// From the command line or stdin. False if they cannot be sent, which has been said then.
bool Call::read_params() {
  params_ = call_.params;
  if (params_ == "-") {
    params_.clear();
    std::array<char, 1 << 16> buffer{};
    for (;;) {
      const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (count < 0 && may_try_again(STDIN_FILENO, POLLIN)) continue;
      if (count < 0) {
        say(std::string("cannot read stdin: ") + std::strerror(errno));
        return false;
      }
      if (count == 0) break;
      params_.append(buffer.data(), static_cast<std::size_t>(count));
      if (params_.size() > options_.core.max_message) break;
    }
  }
  if (params_.size() > options_.core.max_message) {
    say("the params are longer than --max-message");
    return false;
  }
  if (call_.params.empty() || are_params(params_)) return true;
  say("the params must be one JSON object or array: " + printable(params_, 80));
  return false;
}

/// To the first endpoint that takes it.
bool Call::connect() {
  for (std::size_t i = 0; i < options_.endpoints.size(); ++i) {
    url_ = options_.core.endpoints[i];
    client_ = std::make_unique<Client>(options_, i);
    const auto loss = client_->connect();
    if (!loss) return true;
    say(url_ + ": " + std::string(name(loss->cause)) + ": " + loss->detail);
  }
  client_.reset();
  return false;
}

/// Does what the protocol wants before this message can be sent.
int Call::open() {
  const std::string& version = options_.core.shim_version;
  switch (method()) {
    case mcp::Method::initialize:
      if (params_.empty()) params_ = initialize_params(version);
      return done;
    case mcp::Method::discover:
      if (params_.empty()) prepare(Era::modern);
      return done;
    default: break;
  }
  if (names_a_modern_version(params_)) {
    prepare(Era::modern);
    return done;
  }
  const Opening opening = open_session(*client_, version, deadline_);
  if (opening.era == Era::unknown) return report(opening.answer, "initialize");
  prepare(opening.era);
  return done;
}

/// Adds what belongs into `_meta`.
void Call::prepare(Era era) {
  MetaMembers members;
  if (era == Era::modern) members = modern_meta(options_.core.shim_version);
  if (method() == mcp::Method::tools_call && !call_.notify)
    members.emplace_back("progressToken", client_->next_id());
  if (!members.empty()) params_ = with_meta(params_, members);
}

int Call::ask() {
  const std::string id = client_->next_id();
  const Client::Answer answer = await_answer();
  if (const int number = Interruption::signal(); number != 0) {
    cancel(id, "the caller was interrupted");
    client_.reset();
    ::raise(number);  // to end as anybody does who is interrupted
  }
  if (answer.kind == Client::Answer::Kind::result) return print(answer.text);
  if (answer.kind == Client::Answer::Kind::timeout) cancel(id, "the caller's time limit");
  return report(answer, call_.method);
}

/// Kind::timeout also if a signal has come.
Client::Answer Call::await_answer() {
  const Interruption interruption;
  client_->stop_when_readable(interruption.fd());
  sent_ = true;
  return client_->ask(call_.method, params_, deadline_, [this](std::string_view progress) {
    if (const std::string line = describe_progress(progress); !line.empty())
      say(printable(client_->secrets().removed_from(line)));
  });
}

/// The backend need not go on with a request whose answer nobody waits for.
void Call::cancel(const std::string& id, const std::string& reason) {
  if (options_.core.protocol == Protocol::jsonrpc || method() == mcp::Method::initialize) return;
  client_->tell("notifications/cancelled",
                R"({"requestId":)" + id + R"(,"reason":)" + jsonrpc::quote(reason) + "}");
}

int Call::notify() {
  sent_ = true;
  client_->tell(call_.method, params_);
  const Client::Answer answer = client_->confirm(deadline_);
  return answer.kind == Client::Answer::Kind::result ? done : report(answer, call_.method);
}

int Call::print(const std::string& result) const {
  if (!print_out(result + "\n")) return failed;
  return method() == mcp::Method::tools_call && options_.core.protocol != Protocol::jsonrpc &&
                 is_tool_error(result)
             ? refused
             : done;
}

/// Says why there is no result, and returns the exit status for that.
int Call::report(const Client::Answer& answer, const std::string& about) const {
  const std::string what = url_ + ": " + printable(about, 80) + ": ";
  switch (answer.kind) {
    case Client::Answer::Kind::error:
      say(what + "the backend answered with an error: " + client_->shown(answer.text));
      return refused;
    case Client::Answer::Kind::invalid:
    case Client::Answer::Kind::too_long:
      say(what + "the answer cannot be used: " + answer.text);
      return refused;
    case Client::Answer::Kind::lost:
      say(what + "the connection was lost; " +
          (sent_ ? "whether it took effect is unknown" : "nothing else was sent") + ": " +
          std::string(name(answer.loss.cause)) + ": " + answer.loss.detail);
      return unreachable;
    case Client::Answer::Kind::timeout:
      say(what + "no answer within " + describe_duration(call_.timeout) +
          client_->about_invalid_messages());
      return unreachable;
    case Client::Answer::Kind::result: break;
  }
  return failed;
}

}  // namespace

int run_call(const Options& options) {
  harden(options.has_secret());
  return Call(options).run();
}

}  // namespace shim
