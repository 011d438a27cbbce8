// The part of Server that sees a connection into being: accept, upgrade, open.

#include <libwebsockets.h>
#include <sys/socket.h>

#include <algorithm>

#include "server.hpp"
#include "upgrade.hpp"

namespace backend {
namespace {

const Faults kNoFaults;

}  // namespace

// On Linux, connecting an established socket to nowhere sends a RST at once.
void reset_connection(lws* wsi) {
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  connect(lws_get_socket_fd(wsi), &nowhere, sizeof nowhere);
}

const Faults& Server::faults_for(ConnId conn) const {
  const bool struck = config_.fault_connections == 0 || conn <= config_.fault_connections;
  return struck ? config_.faults : kNoFaults;
}

int Server::on_accept(lws* listener, int fd) {
  const bool struck = &faults_for(last_conn_ + 1) != &kNoFaults;
  if (!struck || !wire_faults_.any()) return 0;
  ++last_conn_;
  wire_faults_.take(lws_get_vhost(listener), fd);
  return 1;
}

int Server::on_upgrade(lws* wsi) {
  const ConnId id = ++last_conn_;
  upgrade_ = Upgrade{id, &faults_for(id), upgrade_headers(wsi), {}};
  const Json& headers = upgrade_->headers;
  record(headers, id);
  const Faults& faults = *upgrade_->faults;

  if (faults.reset_upgrade) {
    reset_connection(wsi);
    return -1;
  }
  std::string refusal;
  if (faults.status) {
    refusal = std::to_string(*faults.status) + " As Asked\r\n";
    if (config_.retry_after_s >= 0) {
      refusal += "Retry-After: " + std::to_string(config_.retry_after_s) + "\r\n";
    }
  } else if (!faults.redirect.empty()) {
    refusal = "302 Found\r\nLocation: " + faults.redirect + "\r\n";
  } else if (!config_.token.empty() &&
             member(headers, "authorization") != "Bearer " + config_.token) {
    refusal = "401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n";
  }
  if (!refusal.empty()) {
    upgrade_.reset();
    std::string answer(LWS_PRE, '\0');
    answer += "HTTP/1.1 " + refusal + "Content-Length: 0\r\nConnection: close\r\n\r\n";
    lws_write(wsi, reinterpret_cast<unsigned char*>(answer.data() + LWS_PRE),
              answer.size() - LWS_PRE, LWS_WRITE_HTTP_HEADERS);
    return -1;
  }

  // lws refuses a client that offers only subprotocols it does not know. Which one to answer with
  // is decided here and written in write_subprotocol(); lws is made to know the first one offered.
  const auto offers = split_list(string_or(member(headers, "sec-websocket-protocol"), ""));
  if (!offers.empty() && offers[0].size() <= kProtocolNameBytesMax) {
    protocol_name_.replace(0, offers[0].size() + 1, offers[0].c_str(), offers[0].size() + 1);
  }
  const bool offered = std::find(offers.begin(), offers.end(), config_.subprotocol) != offers.end();
  if (offered) upgrade_->selected = config_.subprotocol;
  if (config_.select_subprotocol && &faults != &kNoFaults)
    upgrade_->selected = *config_.select_subprotocol;
  return 0;
}

void Server::write_subprotocol(lws_process_html_args& args) const {
  // `args.p` points behind the headers lws has made; its own choice, if any, comes last.
  static const std::string kName = "Sec-WebSocket-Protocol: ";
  const std::string own = kName + protocol_name_.c_str() + "\r\n";
  if (!member(upgrade_->headers, "sec-websocket-protocol").is_null()) {
    char* const own_start = args.p - own.size();
    if (std::equal(own.begin(), own.end(), own_start)) args.p = own_start;
  }
  if (upgrade_->selected.empty()) return;
  const std::string line = kName + upgrade_->selected + "\r\n";
  args.p = std::copy(line.begin(), line.end(), args.p);
}

int Server::on_open(lws* wsi, ConnId* slot) {
  if (!upgrade_) return -1;
  *slot = upgrade_->id;
  const ConnId id = upgrade_->id;
  const Faults& faults = *upgrade_->faults;
  Connection& connection = connections_[id];
  connection.id = id;
  connection.wsi = wsi;
  connection.faults = &faults;
  mcp_.on_open(id, faults, std::move(upgrade_->headers));
  upgrade_.reset();

  if (faults.close_after_open) close(id, 1001, "flapping");
  if (faults.close_after_ready_ms) {
    after(*faults.close_after_ready_ms, [this, id] { close(id, 1001, "enough"); });
  }
  if (faults.wedge_after_ms) {
    after(*faults.wedge_after_ms, [this, id] {
      if (Connection* wedged = find(id)) wedged->wedged = true;
    });
  }
  if (config_.heartbeat_ms > 0) {
    after(config_.first_heartbeat_ms.value_or(config_.heartbeat_ms), [this, id] { beat(id); });
  }
  return 0;
}

void Server::record(const Json& headers, ConnId conn) {
  Json line = {{"t", epoch_seconds()}, {"conn", conn}};
  line.update(headers);
  recorded_.write(line);
}

}  // namespace backend
