#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/time.hpp"
#include "shim/core/event.hpp"
#include "shim/core/phase.hpp"

namespace shim {

/// Severity of a log line (contract 10).
enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };

/// Orders of the core. The adapters carry them out and report back with events.
namespace action {

/// Open a link to the endpoint with this index. Answered by LinkOpened or LinkLost.
struct OpenLink {
  Epoch epoch = 0;
  std::size_t endpoint = 0;
};
/// Close it at once and forget it; no LinkLost follows. With `politely`, what was handed over and a
/// close frame are sent first as far as the socket takes them without waiting.
struct CloseLink {
  Epoch epoch = 0;
  bool politely = false;
};
struct PingLink {
  Epoch epoch = 0;
};
/// Say with LinkChecked when anything at all last came; and see to it that the kernel does not take
/// a backend that reads nothing for a dead path.
struct CheckLink {
  Epoch epoch = 0;
};
/// Send one text message.
struct WriteLink {
  Epoch epoch = 0;
  std::string text;
};
/// Stop or go on reading from the backend.
struct PauseLink {
  Epoch epoch = 0;
  bool paused = false;
};
/// Write one line; the adapter adds the newline.
struct WriteHost {
  std::string line;
};
/// Write one space between two lines: it belongs to the next line, which stays valid JSON.
struct WriteHostSpace {};
/// Stop or go on reading from the host.
struct PauseHost {
  bool paused = false;
};
/// Read what is stored for this protocol version. Answered by CacheLoaded.
struct LoadCache {
  std::string version;
};
/// Replace it.
struct StoreCache {
  std::string version;
  std::string text;
};
/// One line for people, and for programs what it is about.
struct Log {
  LogLevel level = LogLevel::info;
  std::string text;
  Epoch epoch = 0;
  Phase phase = Phase::waiting;
  std::string_view cause{};  ///< of a loss: one of Cause's names, which live for ever
};
/// Write what the host takes, and have what was sent arrive, within `patience`, and end the process
/// with status 0.
struct Finish {
  Duration patience{};
};

}  // namespace action

using Action = std::variant<action::OpenLink, action::CloseLink, action::PingLink,
                            action::CheckLink, action::WriteLink, action::PauseLink,
                            action::WriteHost, action::WriteHostSpace, action::PauseHost,
                            action::LoadCache, action::StoreCache, action::Log, action::Finish>;
using Actions = std::vector<Action>;

}  // namespace shim
