// Invariant: whatever is said on either side, and whenever links come and go, the session keeps its
// promises: one answer per request, strict lines, bounds, a way out, ready again, an end.

#include <array>

#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/session_world.hpp"

namespace {

using namespace shim;
using namespace std::chrono_literals;
using fuzz::SessionWorld;

constexpr std::array<std::string_view, 8> ids{
    "0", "1", R"("a")", R"("\u0061")", "1.0", R"("mcp-ws-shim:1")", "-5", R"("1")"};
constexpr std::array<std::string_view, 16> methods{"initialize",
                                                   "ping",
                                                   "tools/list",
                                                   "tools/call",
                                                   "prompts/list",
                                                   "resources/list",
                                                   "resources/read",
                                                   "x/other",
                                                   "logging/setLevel",
                                                   "server/discover",
                                                   "subscriptions/listen",
                                                   "resources/subscribe",
                                                   "resources/unsubscribe",
                                                   "resources/templates/list",
                                                   "completion/complete",
                                                   "prompts/get"};
constexpr std::array<std::string_view, 8> notifications{"notifications/initialized",
                                                        "notifications/roots/list_changed",
                                                        "notifications/tools/list_changed",
                                                        "notifications/message",
                                                        "notifications/prompts/list_changed",
                                                        "notifications/resources/updated",
                                                        "notifications/subscriptions/acknowledged",
                                                        "x/note"};
constexpr std::array<Duration, 10> spans{0ns, 1ms, 100ms, 1s, 3s, 10s, 16s, 1min, 10min, 24h};

template <typename T, std::size_t N>
const T& pick(const std::array<T, N>& from, std::uint8_t byte) {
  return from[(byte + N * 64U - '0') % N];  // '0' picks the first
}

Settings settings_for(std::string_view letters) {
  Settings settings;
  settings.endpoints = {"ws://backend:1/"};
  settings.shim_version = "1";
  for (const char letter : letters) {
    switch (letter) {
      case 'n': settings.replay = Replay::never; break;
      case 'a': settings.replay = Replay::always; break;
      case 'w': settings.offline = Offline::wait; break;
      case 'j': settings.protocol = Protocol::jsonrpc; break;
      case 'm': settings.protocol = Protocol::mcp; break;
      case 'h': settings.has_health_file = true; break;
      case 'e': settings.tool_errors = ToolErrors::error; break;
      case 'k': settings.keepalive.log = settings.keepalive.whitespace = true; break;
      case 'o': settings.keepalive = {.progress = false}; break;
      case 'q': settings.queue_max = 3; break;
      case 'b': settings.queue_bytes = 1024; break;
      case 'x': settings.max_message = 1024; break;
      case 'Q': settings.queue_timeout = {}; break;
      case 'r': settings.request_timeout = 5s; break;
      case 'H': settings.request_heartbeats = true; break;
      case 'f': settings.forward_heartbeats = true; break;
      case '2': settings.endpoints.emplace_back("wss://other:2/"); break;
      case 't': settings.trace_messages = true; break;
      case 'i': settings.init_grace = settings.init_timeout = {}; break;
      case 'p': settings.ping_interval = {}; break;
      case 's': settings.stall_timeout = settings.busy_timeout = {}; break;
      case 'u': settings.min_uptime = {}; break;
      case 'z': settings.drain_timeout = {}; break;
      default: break;
    }
  }
  return settings;
}

/// Parameters with something for every method. `bits` adds what changes their meaning.
std::string params_for(std::string_view id, std::uint8_t bits) {
  std::string meta;
  if ((bits & 1U) != 0) meta += R"(,"progressToken":)" + std::string(id);
  if ((bits & 2U) != 0) {
    meta += R"(,"io.modelcontextprotocol/protocolVersion":"2026-07-28")";
    meta += R"(,"io.modelcontextprotocol/logLevel":"info")";
  }
  std::string params = R"({"protocolVersion":"2025-11-25","capabilities":{},"uri":"u",)"
                       R"("notifications":{"toolsListChanged":true},"level":"debug")";
  params += (bits & 4U) != 0 ? R"(,"name":"safe")" : R"(,"name":"t")";
  if ((bits & 8U) != 0) params += R"(,"cursor":"2")";
  if (!meta.empty()) params += R"(,"_meta":{)" + meta.substr(1) + "}";
  return params + "}";
}

/// The answer to any request: a result with something for every method, or what its `form` says.
std::string answer_to(std::string_view id, std::uint8_t form) {
  std::string result = R"({"capabilities":{"tools":{"listChanged":true},"logging":{}},)"
                       R"("prompts":[],"resources":[],"resourceTemplates":[])";
  switch (form) {
    case '1': result += R"(,"tools":[])"; break;
    case '2': return jsonrpc::error_answer(id, -32601, "Method not found");
    case '3': result += R"(,"nextCursor":"2","tools":[])"; break;
    case '4': return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"result":{)";
    case '5': return jsonrpc::error_answer(id, -32000, "no");
    case '6': result += R"(,"protocolVersion":"2024-11-05")"; break;
    case '7': return jsonrpc::result_answer(id, "\n[1e999,\"\\ud800\"]\r\n");
    default: result += R"(,"tools":[{"name":"safe","annotations":{"readOnlyHint":true}}])";
  }
  return jsonrpc::result_answer(id, result + R"(,"protocolVersion":"2025-06-18"})");
}

std::string id_of(const std::vector<std::string>& texts, std::uint8_t from_the_end) {
  const std::size_t back = from_the_end % 8U;
  if (back >= texts.size()) return "7";
  jsonrpc::Reader reader;
  jsonrpc::Message message;
  static_cast<void>(reader.read(texts[texts.size() - 1 - back], message));
  return std::string(message.id);
}

std::string progress(std::string_view token, std::string_view value) {
  return jsonrpc::notification(
      "notifications/progress",
      R"({"progressToken":)" + std::string(token) + R"(,"progress":)" + std::string(value) + "}");
}

Loss loss_for(std::uint8_t byte) {
  Loss loss{.cause = static_cast<Cause>(byte % 22U), .detail = "said so"};
  if (loss.cause == Cause::http_status) loss.status = byte % 2U == 0 ? 503 : 401;
  if (byte % 3U == 0) loss.retry_after = 60s;
  return loss;
}

HealthLook health_look(SessionWorld&, fuzz::Bytes& bytes) {
  HealthLook look;
  look.found = static_cast<HealthLook::Found>(bytes.byte() % 3U);
  look.looked_at = WallTime(1'700'000'000s);
  look.modified = look.looked_at - pick(spans, bytes.byte());
  look.text = bytes.rest();
  return look;
}

/// What one line of the input says. Returns false for a letter that means nothing.
void host_order(SessionWorld& world, char letter, fuzz::Bytes& bytes) {
  switch (letter) {
    case '>': world.host_line(std::string(bytes.rest())); break;
    case 'r': {
      const std::string_view id = pick(ids, bytes.byte());
      const std::string_view method = methods[static_cast<std::size_t>(bytes.byte()) % 16U];
      world.host_line(jsonrpc::request(id, method, params_for(id, bytes.byte())));
      break;
    }
    case 'n': world.host_line(jsonrpc::notification(pick(notifications, bytes.byte()))); break;
    case 'c':
      world.host_line(
          jsonrpc::notification("notifications/cancelled",
                                R"({"requestId":)" + std::string(pick(ids, bytes.byte())) + "}"));
      break;
    case 'A':
      world.host_line(answer_to(id_of(world.asked_of_host(), bytes.byte()), bytes.byte()));
      break;
    case 'L': world.host_line_too_long(bytes.rest()); break;
    case 'C': world.host_closes(); break;
    case 'G': world.happens(event::HostGone{"stdout is closed"}); break;
    case 'S': world.happens(event::StopRequested{"SIGTERM"}); break;
    default: break;
  }
}

void link_order(SessionWorld& world, char letter, fuzz::Bytes& bytes, int shift) {
  switch (letter) {
    case '<': world.backend_says(std::string(bytes.rest()), shift); break;
    case 'a': {
      const std::string id = id_of(world.asked_of_backend(), bytes.byte());
      world.backend_says(answer_to(id, bytes.byte()), shift);
      break;
    }
    case 'B':
      world.backend_says(
          jsonrpc::request(pick(ids, bytes.byte()), "sampling/createMessage", "{\n}"), shift);
      break;
    case 'N':
      world.backend_says(jsonrpc::notification(pick(notifications, bytes.byte()), bytes.rest()),
                         shift);
      break;
    case 'P': {
      const std::string_view token = pick(ids, bytes.byte());
      world.backend_says(progress(token, bytes.rest()), shift);
      break;
    }
    case 'T': world.backend_says_too_much(bytes.rest(), shift); break;
    case 'o': world.link_opens(shift); break;
    case 'p': world.link_pongs(shift); break;
    case 'b': world.link_binary(shift); break;
    case 'k': world.link_checked(bytes.byte() % 2U != 0, shift); break;
    case 'l': world.link_lost(loss_for(bytes.byte()), shift); break;
    default: break;
  }
}

void other_order(SessionWorld& world, char letter, fuzz::Bytes& bytes) {
  switch (letter) {
    case 't': world.advance(pick(spans, bytes.byte())); break;
    case 'd': world.advance_to_deadline(); break;
    case 'g': world.go_ready(); break;
    case 'w': world.host_reads = !world.host_reads; break;
    case 'W': world.link_writes = !world.link_writes; break;
    case 'q': world.pongs = !world.pongs; break;
    case 'v': world.cache_answers = !world.cache_answers; break;
    case 'y': world.release(); break;
    case 'F': world.cache_text = bytes.rest(); break;
    case 'R': world.happens(event::ReconnectRequested{}); break;
    case 'M': world.happens(event::MachineResumed{pick(spans, bytes.byte())}); break;
    case 'H': world.happens(event::HealthSeen{health_look(world, bytes)}); break;
    case 'X': world.start_afresh(); break;
    default: break;
  }
}

}  // namespace

/// A line of letters for the settings, then one order per line: see README.md.
FUZZ_TARGET(session) {
  constexpr int orders_max = 200;
  fuzz::Bytes bytes(input);
  const Settings settings = settings_for(bytes.line());
  SessionWorld world(settings);
  for (int orders = 0; !bytes.empty() && orders < orders_max; ++orders) {
    fuzz::Bytes line(bytes.line());
    char letter = static_cast<char>(line.byte());
    int shift = 0;
    if (letter == '-' || letter == '+') {
      shift = letter == '-' ? -1 : 1;
      letter = static_cast<char>(line.byte());
    }
    fuzz::Bytes for_link(line);
    fuzz::Bytes for_others(line);
    host_order(world, letter, line);
    link_order(world, letter, for_link, shift);
    other_order(world, letter, for_others);
  }
  world.end();
}
