#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "common/id_scanner.hpp"
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
                 event::LinkOpened, event::LinkPong, event::LinkMessage, event::LinkMessageTooLong,
                 event::LinkBinary, event::LinkWritten, event::LinkLost, event::CacheLoaded>;

}  // namespace shim
