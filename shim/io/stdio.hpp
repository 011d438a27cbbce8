#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>

#include "common/line_framer.hpp"
#include "shim/core/event.hpp"
#include "shim/io/loop.hpp"
#include "shim/io/standard_stream.hpp"

namespace shim {

class Signals;

/// stdin as a source of HostLine, HostLineTooLong and, once, HostClosed.
class HostInput {
 public:
  HostInput(Loop& loop, int fd, std::size_t line_bytes_max, EventSink sink);

  /// While paused nothing is read, except that once the host has hung up all that is left is: it is
  /// no more than a pipe holds, and its end must be noticed.
  void pause(bool paused);

 private:
  void on_ready(std::uint32_t events);
  void read_some();
  void emit_lines();
  void end();

  Loop& loop_;
  StandardStream stream_;
  LineFramer framer_;
  EventSink sink_;
  bool paused_ = false;
  bool hung_up_ = false;
  bool ended_ = false;
};

/// stdout, buffered without bound: the core counts what HostWritten has not confirmed and stops the
/// flow. Reports HostGone when the host has closed its end, also while there is nothing to write.
class HostOutput {
 public:
  HostOutput(Loop& loop, int fd, EventSink sink);

  /// Takes one line without its newline. Nothing is written before flush().
  void write(std::string line);

  /// Takes one space, which becomes part of the next line.
  void write_space() { segments_.emplace_back(" "); }

  /// Writes what the host takes at once; the loop does the rest as the host reads on.
  void flush();

  /// Writes the rest now, as far as the host takes it until `deadline` or a signal to stop.
  void finish(TimePoint deadline, const Signals& signals);

 private:
  void write_some();
  void watch_for_end();
  void give_up(int error);

  Loop& loop_;
  StandardStream stream_;
  EventSink sink_;
  std::deque<std::string> segments_;  ///< whole lines with their newlines; short ones share one
  std::size_t offset_ = 0;            ///< written bytes of the first segment
  bool waiting_ = false;              ///< for the host to read on
  bool gone_ = false;
};

}  // namespace shim
