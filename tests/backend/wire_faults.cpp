#include "wire_faults.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "upgrade.hpp"

namespace backend {
namespace {

constexpr const char* kProtocolName = "wire-faults";

Json parse_request(const std::string& request) {
  Json headers = Json::object();
  std::istringstream lines(request);
  std::string line;
  std::getline(lines, line);
  std::string method, uri;
  std::istringstream(line) >> method >> uri;
  headers["uri"] = uri;
  while (std::getline(lines, line)) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    headers[name] = value == std::string::npos ? std::string() : line.substr(value);
  }
  return headers;
}

}  // namespace

WireFaults::WireFaults(const Faults& faults, std::string subprotocol,
                       std::function<void(const Json&)> on_request)
    : faults_(faults), subprotocol_(std::move(subprotocol)), on_request_(std::move(on_request)) {}

bool WireFaults::any() const {
  return faults_.silent_tcp || faults_.silent_upgrade || faults_.garbage || faults_.no_pong;
}

void WireFaults::take(lws_vhost* vhost, int fd) {
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  // Nobody ever looks at a silent connection again; it stays open until this process ends.
  if (own < 0 || faults_.silent_tcp) return;
  lws_sock_file_fd_type descriptor;
  descriptor.sockfd = own;
  lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_SOCKET, descriptor, kProtocolName, nullptr);
}

lws_protocols WireFaults::protocol() {
  lws_protocols protocol{};
  protocol.name = kProtocolName;
  protocol.callback = &WireFaults::callback;
  protocol.rx_buffer_size = 65536;
  protocol.user = this;
  return protocol;
}

int WireFaults::callback(lws* wsi, lws_callback_reasons reason, void*, void* in, size_t len) {
  if (reason != LWS_CALLBACK_RAW_RX && reason != LWS_CALLBACK_RAW_CLOSE) return 0;
  auto* self = static_cast<WireFaults*>(lws_get_protocol(wsi)->user);
  if (reason == LWS_CALLBACK_RAW_RX) return self->on_bytes(wsi, static_cast<char*>(in), len);
  self->requests_.erase(wsi);
  return 0;
}

int WireFaults::on_bytes(lws* wsi, const char* bytes, size_t len) {
  static const std::string kAnswered = "answered";
  std::string& request = requests_[wsi];
  if (request == kAnswered) return 0;
  request.append(bytes, len);
  if (request.find("\r\n\r\n") == std::string::npos) return request.size() > 65536 ? -1 : 0;

  const Json headers = parse_request(request);
  request = kAnswered;
  on_request_(headers);
  std::string answer;
  if (faults_.garbage) answer.assign("\x00\x01 not http\r\n", 13);
  if (faults_.no_pong) answer = upgrade_answer(headers);
  if (answer.empty()) return 0;
  const ssize_t written = write(lws_get_socket_fd(wsi), answer.data(), answer.size());
  return written == static_cast<ssize_t>(answer.size()) ? 0 : -1;
}

std::string WireFaults::upgrade_answer(const Json& headers) const {
  std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept_key(string_or(member(headers, "sec-websocket-key"), "")) + "\r\n";
  for (const std::string& offer :
       split_list(string_or(member(headers, "sec-websocket-protocol"), ""))) {
    if (offer == subprotocol_) answer += "Sec-WebSocket-Protocol: " + offer + "\r\n";
  }
  return answer + "\r\n";
}

}  // namespace backend
