#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>

#include "common/health.hpp"
#include "common/id_scanner.hpp"
#include "common/time.hpp"
#include "shim/core/loss.hpp"

namespace shim {

/// The number of a link: +1 per attempt, never reused, 0 is no link.
using Epoch = std::uint64_t;

/// Facts for the core. Every link event carries the epoch its link was born with, so that a late
/// one cannot be taken for news of the present link.
namespace event {

/// One line from the host, without its newline.
struct HostLine {
  std::string text;
};
/// A line longer than the limit was skipped.
struct HostLineTooLong {
  IdScanner found;
};
/// The host closed our stdin: what is pending may still be answered.
struct HostClosed {};
/// The host can no longer be talked to: stdout is closed, or the parent process has died.
struct HostGone {
  std::string why;
};
/// So many bytes of WriteHost lines (newlines included) have left.
struct HostWritten {
  std::size_t bytes = 0;
};
/// SIGTERM or SIGINT.
struct StopRequested {
  std::string why;
};
/// Somebody wants an attempt now (SIGHUP).
struct ReconnectRequested {};

/// The machine slept for a while: the boot-time clock has jumped against the monotonic one.
struct MachineResumed {
  Duration slept{};
};
/// Somebody has looked at the health file: at the start, and whenever it may have changed.
struct HealthSeen {
  HealthLook look;
};

/// The opening handshake is complete.
struct LinkOpened {
  Epoch epoch = 0;
};
struct LinkPong {
  Epoch epoch = 0;
};
/// One text message.
struct LinkMessage {
  Epoch epoch = 0;
  std::string text;
};
/// A message longer than the limit was skipped.
struct LinkMessageTooLong {
  Epoch epoch = 0;
  IdScanner found;
};
/// A binary message was dropped.
struct LinkBinary {
  Epoch epoch = 0;
};
/// So many bytes of WriteLink texts were handed to the kernel.
struct LinkWritten {
  Epoch epoch = 0;
  std::size_t bytes = 0;
};
/// The answer to CheckLink: when a byte last came of which no other event has told, part of a
/// message that is not complete yet or a control frame. Long ago if none has.
struct LinkChecked {
  Epoch epoch = 0;
  TimePoint heard_at;
  /// When the latest part came of a message that is not complete yet; absent between messages.
  /// While there is one, no other message can come (RFC 6455 § 5.4).
  std::optional<TimePoint> part_at{};
  bool has_unread = false;  ///< the kernel holds bytes that have not been read
};
struct LinkLost {
  Epoch epoch = 0;
  Loss loss;
};

/// The answer to LoadCache: the file's text, empty if there is none to be had.
struct CacheLoaded {
  std::string version;
  std::string text;
};

}  // namespace event

using Event =
    std::variant<event::HostLine, event::HostLineTooLong, event::HostClosed, event::HostGone,
                 event::HostWritten, event::StopRequested, event::ReconnectRequested,
                 event::MachineResumed, event::HealthSeen, event::LinkOpened, event::LinkPong,
                 event::LinkMessage, event::LinkMessageTooLong, event::LinkBinary,
                 event::LinkWritten, event::LinkChecked, event::LinkLost, event::CacheLoaded>;

/// Where an adapter reports what has happened.
using EventSink = std::function<void(Event)>;

}  // namespace shim
