#include "shim/commands/client.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "common/mcp.hpp"
#include "common/units.hpp"
#include "shim/commands/shown_json.hpp"
#include "shim/commands/wiring.hpp"
#include "shim/io/clock.hpp"

namespace shim {

using jsonrpc::Kind;
using jsonrpc::Message;
using jsonrpc::Read;

namespace {

Link::Options with_milestones(Link::Options options, MilestoneSink on_milestone) {
  options.on_milestone = std::move(on_milestone);
  return options;
}

/// An error with the id null is about a message whose id the backend could not read (JSON-RPC 2.0
/// § 5): the one request that there is. Who knows no such method could read: what he answers is a
/// notification, which he should not.
bool is_about_the_request(const Message& message) {
  return message.id == "null" && !message.error.empty() &&
         message.error_code != std::to_string(jsonrpc::method_not_found);
}

Client::Answer invalid_answer() {
  return {.kind = Client::Answer::Kind::invalid, .text = "it is not a valid JSON-RPC message"};
}

}  // namespace

Client::Client(const Options& options, std::size_t endpoint, MilestoneSink on_milestone)
    : settings_(options.core),
      endpoint_(endpoint),
      secrets_(secrets_of(options)),
      loop_(loop_config(options, options.endpoints[endpoint].tls)),
      link_(loop_, with_milestones(link_options(options, secrets_), std::move(on_milestone)),
            [this](Event event) { inbox_.push_back(std::move(event)); }) {}

void Client::stop_when_readable(int fd) {
  loop_.watch(fd, EPOLLIN, [this, fd](std::uint32_t) {
    loop_.unwatch(fd);
    stopped_ = true;
  });
}

std::string Client::shown(std::string_view json) const {
  return shown_json(json, [this](std::string_view text) { return secrets_.removed_from(text); });
}

/// What happens next; nothing if that is not before the deadline.
std::optional<Event> Client::next(TimePoint deadline) {
  loop_.wake_at(deadline);
  while (!stopped_ && monotonic_now() < deadline) {
    if (inbox_.empty()) {
      loop_.turn();
      continue;
    }
    Event event = std::move(inbox_.front());
    inbox_.pop_front();
    if (const auto* written = std::get_if<event::LinkWritten>(&event))
      unwritten_ -= std::min(unwritten_, written->bytes);
    return event;
  }
  return std::nullopt;
}

/// Waits for this one event. What else comes meanwhile is of no interest.
template <typename Wanted>
std::optional<Loss> Client::await(TimePoint deadline, Cause on_timeout, const char* what) {
  while (auto event = next(deadline)) {
    if (std::holds_alternative<Wanted>(*event)) return std::nullopt;
    if (auto* lost = std::get_if<event::LinkLost>(&*event)) return std::move(lost->loss);
  }
  return Loss{.cause = on_timeout, .detail = what};
}

std::optional<Loss> Client::connect() {
  const TimePoint start = monotonic_now();
  inbox_.clear();
  unwritten_ = 0;
  link_.open(++epoch_, endpoint_, start);
  if (auto loss = await<event::LinkOpened>(
          start + settings_.connect_timeout, Cause::connect_timeout,
          ("not connected within " + describe_duration(settings_.connect_timeout)).c_str()))
    return loss;
  link_.ping(epoch_);
  return await<event::LinkPong>(
      monotonic_now() + settings_.validate_timeout, Cause::validate_timeout,
      ("no answer to a ping within " + describe_duration(settings_.validate_timeout)).c_str());
}

void Client::write(std::string text) {
  unwritten_ += text.size();
  link_.write(epoch_, std::move(text));
  link_.flush();
}

Client::Answer Client::ask(std::string_view method, std::string_view params, TimePoint deadline,
                           const ProgressSink& on_progress) {
  const std::string id = next_id();
  ++last_id_;
  write(jsonrpc::request(id, method, params));
  while (auto event = next(deadline)) {
    std::optional<Answer> answer;
    if (auto* lost = std::get_if<event::LinkLost>(&*event)) {
      answer = Answer{.kind = Answer::Kind::lost, .loss = std::move(lost->loss)};
    } else if (const auto* message = std::get_if<event::LinkMessage>(&*event)) {
      answer = consider(message->text, id, on_progress);
    } else if (const auto* too_long = std::get_if<event::LinkMessageTooLong>(&*event)) {
      answer = consider_broken(
          too_long->found, id,
          {.kind = Answer::Kind::too_long, .text = "it is longer than --max-message"});
    } else if (std::holds_alternative<event::LinkBinary>(*event)) {
      ++invalid_messages_;
    }
    if (answer) return std::move(*answer);
  }
  return {.kind = Answer::Kind::timeout};
}

std::string Client::about_invalid_messages() const {
  if (invalid_messages_ == 0) return {};
  return "; " + std::to_string(invalid_messages_) + " of its messages were not valid JSON-RPC";
}

void Client::tell(std::string_view method, std::string_view params) {
  write(jsonrpc::notification(method, params));
}

/// A backend reads in order: who answers a ping has read all that came before it.
Client::Answer Client::confirm(TimePoint deadline) {
  while (unwritten_ > 0) {
    auto event = next(deadline);
    if (!event) return {.kind = Answer::Kind::timeout};
    if (auto* lost = std::get_if<event::LinkLost>(&*event))
      return {.kind = Answer::Kind::lost, .loss = std::move(lost->loss)};
  }
  link_.ping(epoch_);
  auto loss = await<event::LinkPong>(deadline, Cause::no_pong, "");
  if (!loss) return {.kind = Answer::Kind::result};
  if (loss->cause == Cause::no_pong) return {.kind = Answer::Kind::timeout};
  return {.kind = Answer::Kind::lost, .loss = std::move(*loss)};
}

std::optional<Client::Answer> Client::consider(const std::string& text, const std::string& id,
                                               const ProgressSink& on_progress) {
  Message message;
  const Read read = reader_.read(text, message);
  if (read == Read::message) return consider_message(message, id, on_progress);
  if (read == Read::batch) {
    std::optional<Answer> answer;
    const std::vector<std::string_view> elements = reader_.elements();
    for (const std::string_view element : elements) {
      jsonrpc::Reader reader;
      if (!answer && reader.read(element, message) == Read::message)
        answer = consider_message(message, id, on_progress);
    }
    return answer;
  }
  IdScanner scanner;
  scanner.feed(text);
  return consider_broken(scanner, id, invalid_answer());
}

std::optional<Client::Answer> Client::consider_message(const Message& message,
                                                       const std::string& id,
                                                       const ProgressSink& on_progress) {
  switch (message.kind) {
    case Kind::request:
      if (mcp::method(message.method) == mcp::Method::ping) {
        write(jsonrpc::result_answer(message.id, "{}"));
      } else {
        write(jsonrpc::error_answer(message.id, jsonrpc::method_not_found, "Method not found"));
      }
      return std::nullopt;
    case Kind::notification:
      if (mcp::method(message.method) == mcp::Method::progress && on_progress &&
          message.progress_token == id)
        on_progress(message.params);
      return std::nullopt;
    case Kind::response: {
      if (message.id != id && !is_about_the_request(message)) return std::nullopt;
      const bool failed = !message.error.empty();
      Answer answer{.kind = failed ? Answer::Kind::error : Answer::Kind::result,
                    .text = std::string(failed ? message.error : message.result),
                    .error_code = std::string(message.error_code)};
      jsonrpc::flatten(answer.text);
      return answer;
    }
    case Kind::other: break;
  }
  if (message.id == id && message.method.empty()) return invalid_answer();
  ++invalid_messages_;
  return std::nullopt;
}

std::optional<Client::Answer> Client::consider_broken(const IdScanner& found, const std::string& id,
                                                      Answer answer) {
  const auto is_answer = [&id](const IdScanner::Found& message) {
    return message.is_answer() && std::ranges::find(message.ids, id) != message.ids.end();
  };
  if (std::ranges::any_of(found.messages(), is_answer)) return answer;
  ++invalid_messages_;
  return std::nullopt;
}

}  // namespace shim
