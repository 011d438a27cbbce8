#include "answers.hpp"

#include <charconv>
#include <stdexcept>

namespace bench {
namespace {

constexpr std::size_t edge = 512;  // members other than the text lie this near to either end
constexpr std::size_t flood_window = 256 * 1024;

/// What stands behind `name`, a quoted member name with its colon, up to `end`.
std::string_view member(std::string_view message, std::string_view name, std::string_view end) {
  auto at = message.substr(0, edge).find(name);
  if (at == std::string_view::npos) {
    const std::size_t tail = message.size() > edge ? message.size() - edge : 0;
    at = message.find(name, tail);
    if (at == std::string_view::npos) return "";
  }
  at += name.size();
  const auto stop = message.find_first_of(end, at);
  return message.substr(at, stop - at);
}

std::string_view text_member(std::string_view message) {
  constexpr std::string_view name = R"("text":")";
  const auto at = message.substr(0, edge).find(name);
  if (at == std::string_view::npos) return "";
  const auto start = at + name.size();
  return message.substr(start, message.find('"', start) - start);  // one character: memchr
}

std::size_t number_member(std::string_view message, std::string_view name) {
  const std::string_view digits = member(message, name, ",}");
  std::size_t value = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc()) {
    throw std::runtime_error("not a request of this benchmark");
  }
  return value;
}

}  // namespace

bool Answers::handle(std::string_view message, Stream& stream) {
  const std::string_view method = member(message, R"("method":")", "\"");
  if (method.empty()) return true;  // an answer
  if (method == "notifications/bench") {
    ++notifications_;
    return true;
  }
  if (method == "notifications/initialized") ++openings_;
  if (method.starts_with("notifications/")) return true;
  const std::string_view id = member(message, R"("id":)", ",}");
  if (method == "tools/call") return call(message, id, stream);
  scratch_ = R"({"jsonrpc":"2.0","id":)";
  scratch_ += id;
  scratch_ += method == "initialize"
                  ? R"(,"result":{"protocolVersion":"2025-06-18","capabilities":{},)"
                    R"("serverInfo":{"name":"echo-backend","version":"1"}}})"
                  : R"(,"result":{}})";
  stream.put(scratch_);
  return true;
}

bool Answers::call(std::string_view message, std::string_view id, Stream& stream) {
  const std::string_view tool = member(message, R"("name":")", "\"");
  if (tool == "echo") {
    answer(stream, id, text_member(message));
  } else if (tool == "count") {
    answer(stream, id, std::to_string(notifications_));
    notifications_ = 0;
  } else if (tool == "flood") {
    start_flood(message, id);
    continue_flood(stream);
  } else if (tool == "hold") {
    held_.emplace_back(id);
  } else if (tool == "release") {
    for (const auto& held : held_) answer(stream, held, "released");
    held_.clear();
    answer(stream, id, "released");
  } else if (tool == "openings") {
    answer(stream, id, std::to_string(openings_));
  } else {
    return tool != "drop";
  }
  return true;
}

void Answers::answer(Stream& stream, std::string_view id, std::string_view text) {
  scratch_ = R"({"jsonrpc":"2.0","id":)";
  scratch_ += id;
  scratch_ += R"(,"result":{"content":[{"type":"text","text":")";
  scratch_ += text;
  scratch_ += R"("}]}})";
  stream.put(scratch_);
}

void Answers::start_flood(std::string_view message, std::string_view id) {
  flood_left_ = number_member(message, R"("count":)");
  flood_id_ = id;
  flood_message_ =
      R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":")" +
      std::string(number_member(message, R"("size":)"), 'x') + R"("}})";
}

void Answers::continue_flood(Stream& stream) {
  while (flood_left_ > 0 && stream.outgoing().size() < flood_window) {
    stream.put(flood_message_);
    if (--flood_left_ == 0) answer(stream, flood_id_, "done");
  }
}

}  // namespace bench
