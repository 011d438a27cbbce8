#include "server.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "frames.hpp"
#include "mangle.hpp"
#include "upgrade.hpp"

namespace backend {
namespace {

constexpr std::size_t kMessageBytesMax = 128UL << 20;
constexpr std::size_t kWriteBytes = 64UL << 10;      // small frames are gathered up to this
constexpr std::size_t kJournalBytesMax = 1UL << 20;  // longer messages are journaled in short
constexpr int kDepthMax = 1000;  // nlohmann writes recursively; deeper texts are not even parsed

bool deeper_than(const std::string& text, int max) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Server::Server(ServerConfig config, McpConfig mcp)
    : config_(std::move(config)),
      mcp_(std::move(mcp)),
      wire_faults_(config_.faults, config_.subprotocol,
                   [this](const Json& headers) { record(headers, last_conn_); }),
      health_(config_.health_file) {
  if (!config_.journal.empty()) journal_.open(config_.journal);
  if (!config_.record_headers.empty()) recorded_.open(config_.record_headers);
}

int Server::run() {
  if (!listen()) return 1;
  std::printf("listening %d\n",
              lws_get_vhost_listen_port(lws_get_vhost_by_name(context_, "default")));
  std::fflush(stdout);
  if (health_.enabled()) write_health();
  while (lws_service(context_, 0) >= 0) {
  }
  return 1;
}

bool Server::listen() {
  lws_set_log_level(LLL_ERR, nullptr);  // to stderr
  protocol_name_.assign(kProtocolNameBytesMax + 1, '\0');
  protocol_name_.replace(0, 3, "mcp");
  protocols_[0].name = protocol_name_.c_str();
  protocols_[0].callback = &Server::callback;
  protocols_[0].per_session_data_size = sizeof(ConnId);
  protocols_[0].rx_buffer_size = 65536;
  protocols_[0].tx_packet_size = 1 << 20;
  protocols_[1] = wire_faults_.protocol();

  // Without an explicit policy lws would ping and hang up by itself.
  static const lws_retry_bo_t kNoRetry{};
  const std::string host = config_.host == "localhost" ? "127.0.0.1" : config_.host;
  const bool any_address = host == "0.0.0.0" || host == "::";
  lws_context_creation_info info{};
  info.port = config_.port;
  info.iface = any_address ? nullptr : host.c_str();
  info.protocols = protocols_;
  info.user = this;
  info.retry_and_idle_policy = &kNoRetry;
  info.fd_limit_per_thread = 1200;
  info.pt_serv_buf_size = 65536 + 1024;
  info.max_http_header_data = kHeaderBytesMax;
  info.options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
  if (host.find(':') == std::string::npos) info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
  if (!config_.unix_path.empty()) {
    info.options |= LWS_SERVER_OPTION_UNIX_SOCK;
    info.iface = config_.unix_path.c_str();
    info.port = 0;
    unlink(info.iface);  // what a killed predecessor left
  }
  if (!config_.cert.empty()) {
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.ssl_cert_filepath = config_.cert.c_str();
    info.ssl_private_key_filepath = config_.key.c_str();
    if (!config_.client_ca.empty()) {
      info.options |= LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT;
      info.ssl_ca_filepath = config_.client_ca.c_str();
    }
  }
  context_ = lws_create_context(&info);
  timer_.server = this;
  return context_ != nullptr;
}

int Server::callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, size_t len) {
  auto* self = static_cast<Server*>(lws_context_user(lws_get_context(wsi)));
  try {
    return self->dispatch(wsi, reason, static_cast<ConnId*>(user), in, len);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fake_backend: %s\n", error.what());
    return -1;
  }
}

int Server::dispatch(lws* wsi, lws_callback_reasons reason, ConnId* slot, void* in, size_t len) {
  switch (reason) {
    case LWS_CALLBACK_OPENSSL_PERFORM_CLIENT_CERT_VERIFICATION:
      return len == 0 ? 1 : 0;  // OpenSSL's verdict, which libwebsockets leaves to us
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
      return on_accept(wsi, static_cast<int>(reinterpret_cast<lws_intptr_t>(in)));
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return on_upgrade(wsi);
    case LWS_CALLBACK_ADD_HEADERS:
      if (upgrade_) write_subprotocol(*static_cast<lws_process_html_args*>(in));
      return 0;
    case LWS_CALLBACK_ESTABLISHED: return on_open(wsi, slot);
    case LWS_CALLBACK_RECEIVE:
      if (Connection* connection = find(*slot)) {
        return on_bytes(*connection, static_cast<const char*>(in), len);
      }
      return -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
      if (Connection* connection = find(*slot)) return on_writable(*connection);
      return -1;
    case LWS_CALLBACK_CLOSED:
      mcp_.on_close(*slot);
      connections_.erase(*slot);
      return 0;
    default: return lws_callback_http_dummy(wsi, reason, slot, in, len);
  }
}

int Server::on_bytes(Connection& connection, const char* bytes, size_t len) {
  if (connection.deaf) return 0;
  connection.incoming.append(bytes, len);
  if (connection.incoming.size() > kMessageBytesMax) {
    lws_close_reason(connection.wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, nullptr, 0);
    return -1;
  }
  if (!lws_is_final_fragment(connection.wsi) || lws_remaining_packet_payload(connection.wsi) > 0) {
    return 0;
  }
  if (lws_frame_is_binary(connection.wsi)) {
    lws_close_reason(connection.wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, nullptr, 0);
    return -1;
  }
  const std::string text = std::move(connection.incoming);
  connection.incoming.clear();
  return on_message(connection, text);
}

int Server::on_message(Connection& connection, const std::string& text) {
  const ConnId id = connection.id;
  const Faults& faults = *connection.faults;
  ++connection.received;
  Json message = Json::value_t::discarded;
  if (!deeper_than(text, kDepthMax)) message = Json::parse(text, nullptr, false);

  if (journal_.is_open()) {
    Json line = {{"t", epoch_seconds()}, {"conn", id}, {"dir", "in"}};
    if (text.size() > kJournalBytesMax) {
      line["bytes"] = text.size();
      line["message"] = message.is_object() ? Json{{"id", member(message, "id")},
                                                   {"method", member(message, "method")}}
                                            : Json(text.substr(0, 256));
    } else {
      line["message"] = message.is_discarded() ? Json(text) : message;
    }
    journal_.write(line);
  }
  if (connection.wedged) return 0;
  if (faults.drop_after && connection.received >= *faults.drop_after) {
    reset_connection(connection.wsi);
    return -1;
  }

  Effects effects;
  try {
    if (message.is_discarded()) {
      deliver({id, "", error_message(nullptr, -32700, "Parse error")});
    } else {
      mcp_.on_message(id, message, effects);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fake_backend: %s\n", error.what());
    deliver({id, "", error_message(member(message, "id"), -32603, error.what())});
  }
  perform(effects);
  if (faults.close_after && connection.received >= faults.close_after->first) {
    close(id, faults.close_after->second, "as asked");
  }
  if (faults.stop_reading && connection.received >= *faults.stop_reading) {
    connection.deaf = true;
    lws_rx_flow_control(connection.wsi, 0);
  }
  return 0;
}

int Server::on_writable(Connection& connection) {
  lws* const wsi = connection.wsi;
  while (!connection.queue.empty() && !lws_partial_buffered(wsi) && !lws_send_pipe_choked(wsi)) {
    std::string frames = std::move(connection.queue.front());
    connection.queue.pop_front();
    // What the socket does not take lws keeps; whole frames only, so its pongs fall between them.
    if (lws_write(wsi, reinterpret_cast<unsigned char*>(frames.data()), frames.size(),
                  LWS_WRITE_RAW) < 0) {
      return -1;
    }
  }
  if (!connection.queue.empty() || lws_partial_buffered(wsi)) {
    lws_callback_on_writable(wsi);
    return 0;
  }
  if (!connection.close) return 0;
  std::string& reason = connection.close->second;
  reason.resize(std::min<std::size_t>(reason.size(), 120));
  lws_close_reason(wsi, static_cast<lws_close_status>(connection.close->first),
                   reinterpret_cast<unsigned char*>(reason.data()), reason.size());
  return -1;
}

void Server::perform(Effects& effects) {
  for (Effect& item : effects) {
    if (auto* answer = std::get_if<effect::Answer>(&item)) {
      deliver(*answer);
    } else if (auto* send = std::get_if<effect::Send>(&item)) {
      enqueue(send->conn, to_text(send->message), false, false);
    } else if (auto* closing = std::get_if<effect::Close>(&item)) {
      close(closing->conn, closing->code, closing->reason);
    } else if (auto* executed = std::get_if<effect::Executed>(&item)) {
      journal_.write({{"t", epoch_seconds()},
                      {"executed", executed->tool},
                      {"id", executed->id},
                      {"conn", executed->conn}});
    } else if (auto* timer = std::get_if<effect::StartTimer>(&item)) {
      after(timer->ms, [this, id = timer->id] {
        Effects later;
        mcp_.on_timer(id, later);
        perform(later);
      });
    } else if (auto* blocking = std::get_if<effect::Block>(&item)) {
      block(*blocking);
    } else if (std::holds_alternative<effect::Crash>(item)) {
      _exit(1);
    }
  }
}

void Server::deliver(const effect::Answer& answer) {
  Connection* connection = find(answer.conn);
  if (connection == nullptr) return;
  const Faults& faults = *connection->faults;
  const auto send = [this, answer, &faults] {
    for (const WireMessage& message : spell_answer(answer.message, answer.method, faults)) {
      enqueue(answer.conn, message.text, message.binary, true);
    }
  };
  if (faults.late_answer_ms && faults.damages(answer.method)) {
    after(*faults.late_answer_ms, send);
  } else {
    send();
  }
}

void Server::enqueue(ConnId conn, const std::string& text, bool binary, bool answer) {
  Connection* connection = find(conn);
  if (connection == nullptr || connection->close || connection->wedged) return;
  auto& queue = connection->queue;
  if (queue.empty() || queue.back().size() + text.size() > kWriteBytes) queue.emplace_back();
  const Opcode opcode = binary ? Opcode::binary : Opcode::text;
  if (answer && connection->faults->fragment) {
    queue.back() +=
        fragmented(opcode, text, static_cast<std::size_t>(*connection->faults->fragment));
  } else {
    append_frame(queue.back(), opcode, true, text);
  }
  lws_callback_on_writable(connection->wsi);
}

void Server::close(ConnId conn, int code, std::string reason) {
  Connection* connection = find(conn);
  if (connection == nullptr || connection->close) return;
  connection->close.emplace(code, std::move(reason));
  lws_callback_on_writable(connection->wsi);
}

void Server::block(const effect::Block& block) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(block.ms);
  auto next_health = Clock::now();
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    if (block.health && health_.enabled() && now >= next_health) {
      health_.write(true);
      next_health = now + std::chrono::milliseconds(config_.health_interval_ms);
    }
    std::this_thread::sleep_until(std::min(end, now + std::chrono::milliseconds(10)));
  }
  if (block.health) health_.write(false);
}

void Server::after(long ms, std::function<void()> action) {
  timers_.emplace(lws_now_usecs() + ms * LWS_US_PER_MS, std::move(action));
  arm_timer();
}

void Server::arm_timer() {
  if (timers_.empty()) return;
  const lws_usec_t wait = timers_.begin()->first - lws_now_usecs();
  lws_sul_schedule(context_, 0, &timer_.sul, &Server::on_timer, std::max<lws_usec_t>(wait, 1));
}

void Server::on_timer(lws_sorted_usec_list_t* sul) {
  Server* self = reinterpret_cast<Timer*>(sul)->server;
  const lws_usec_t now = lws_now_usecs();
  while (!self->timers_.empty() && self->timers_.begin()->first <= now) {
    const std::function<void()> action = std::move(self->timers_.begin()->second);
    self->timers_.erase(self->timers_.begin());
    try {
      action();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "fake_backend: %s\n", error.what());
    }
  }
  self->arm_timer();
}

void Server::beat(ConnId conn) {
  if (find(conn) == nullptr) return;
  Effects effects;
  mcp_.log(conn, "debug", "heartbeat", {{"t", epoch_seconds()}}, effects);
  perform(effects);
  after(config_.heartbeat_ms, [this, conn] { beat(conn); });
}

void Server::write_health() {
  health_.write(false);
  after(config_.health_interval_ms, [this] { write_health(); });
}

Server::Connection* Server::find(ConnId conn) {
  const auto found = connections_.find(conn);
  return found == connections_.end() ? nullptr : &found->second;
}

}  // namespace backend
