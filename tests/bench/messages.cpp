#include "messages.hpp"

namespace bench {
namespace {

constexpr std::size_t edge = 256;  // the id is this near to either end

std::string call(std::size_t id, std::string_view params) {
  std::string text =
      R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":"tools/call","params":{)";
  text += params;
  return text += "}}";
}

std::string filler(std::size_t size, std::size_t rest) {
  return std::string(size > rest ? size - rest : 1, 'x');
}

}  // namespace

std::string initialize_request(std::size_t id) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
         R"(,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},)"
         R"("clientInfo":{"name":"bench","version":"1"}}})";
}

std::string initialized_notification() {
  return R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
}

std::string echo_request(std::size_t id, std::size_t size) {
  return call(id, R"("name":"echo","arguments":{"text":")" + filler(size, 100) + R"("})");
}

std::string tool_request(std::size_t id, std::string_view tool) {
  return call(id, R"("name":")" + std::string(tool) + R"(","arguments":{})");
}

std::string flood_request(std::size_t id, std::size_t count, std::size_t size) {
  return call(id, R"("name":"flood","arguments":{"count":)" + std::to_string(count) +
                      R"(,"size":)" + std::to_string(size > 90 ? size - 90 : 1) + "}");
}

std::string notification(std::size_t size) {
  return R"({"jsonrpc":"2.0","method":"notifications/bench","params":{"data":")" +
         filler(size, 70) + R"("}})";
}

bool settles(std::string_view message, std::size_t id) {
  const std::string wanted = "\"id\":" + std::to_string(id);
  const auto holds = [&](std::string_view part) {
    const auto at = part.find(wanted);
    return at != std::string_view::npos && at + wanted.size() < part.size() &&
           (part[at + wanted.size()] == ',' || part[at + wanted.size()] == '}');
  };
  return holds(message.substr(0, edge)) ||
         holds(message.substr(message.size() > edge ? message.size() - edge : 0));
}

bool answers(std::string_view message, std::size_t id) {
  const std::string_view head = message.substr(0, edge);
  return settles(message, id) && head.find("\"error\":{") == std::string_view::npos &&
         message.find("\"isError\":true", message.size() > 4096 ? message.size() - 4096 : 0) ==
             std::string_view::npos;
}

}  // namespace bench
