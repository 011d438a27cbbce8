#include "shim/io/stdio.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shim/io/clock.hpp"
#include "shim/io/process.hpp"

namespace shim {
namespace {

constexpr std::size_t read_bytes = std::size_t{64} << 10U;
constexpr std::size_t segment_bytes = std::size_t{64} << 10U;

bool is_same_file(int one, int other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

bool is_transient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

HostInput::HostInput(Loop& loop, int fd, std::size_t line_bytes_max, EventSink sink)
    : loop_(loop),
      stream_(fd, StandardStream::Direction::in),
      framer_(line_bytes_max),
      sink_(std::move(sink)) {
  loop_.watch(stream_.fd(), EPOLLIN, [this](std::uint32_t events) { on_ready(events); });
}

void HostInput::pause(bool paused) {
  if (ended_ || hung_up_ || paused == paused_) return;
  paused_ = paused;
  // With no events asked for, epoll still reports a hang-up; once is enough. A socket of which only
  // the host's half is closed has to be asked about.
  const std::uint32_t events =
      paused ? std::uint32_t{EPOLLRDHUP} | std::uint32_t{EPOLLONESHOT} : std::uint32_t{EPOLLIN};
  loop_.watch(stream_.fd(), events, [this](std::uint32_t ready) { on_ready(ready); });
}

void HostInput::on_ready(std::uint32_t events) {
  if (paused_) {
    if ((events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) == 0) return;
    paused_ = false;
    hung_up_ = true;
    loop_.watch(stream_.fd(), EPOLLIN, [this](std::uint32_t ready) { on_ready(ready); });
  }
  read_some();
}

void HostInput::read_some() {
  const auto space = framer_.space(read_bytes);
  const ssize_t count = stream_.read(space);
  if (count < 0 && is_transient(errno)) return;
  if (count <= 0) {
    end();
    return;
  }
  framer_.commit(static_cast<std::size_t>(count));
  emit_lines();
}

void HostInput::emit_lines() {
  for (;;) {
    std::string line;
    switch (ended_ ? framer_.pull_last(line) : framer_.pull(line)) {
      case LineFramer::Pull::line: sink_(event::HostLine{std::move(line)}); break;
      case LineFramer::Pull::oversize: sink_(event::HostLineTooLong{framer_.oversize()}); break;
      case LineFramer::Pull::need_more: return;
    }
  }
}

void HostInput::end() {
  ended_ = true;
  loop_.unwatch(stream_.fd());
  emit_lines();
  sink_(event::HostClosed{});
}

HostOutput::HostOutput(Loop& loop, int fd, EventSink sink)
    : loop_(loop), stream_(fd, StandardStream::Direction::out), sink_(std::move(sink)) {
  watch_for_end();
}

/// While there is nothing to write, epoll still tells when nobody can read any more: a pipe by an
/// error, a socket by a hang-up. If the socket is stdin, too, there may be something to read still,
/// and its end tells of it in its turn.
void HostOutput::watch_for_end() {
  loop_.watch(stream_.fd(), EPOLLONESHOT, [this](std::uint32_t events) {
    const bool is_gone = (events & EPOLLERR) != 0 ||
                         ((events & EPOLLHUP) != 0 && !is_same_file(stream_.fd(), STDIN_FILENO));
    if (is_gone) give_up(EPIPE);
  });
}

void HostOutput::give_up(int error) {
  gone_ = true;
  segments_.clear();
  loop_.unwatch(stream_.fd());
  sink_(event::HostGone{std::string("stdout: ") + std::strerror(error)});
}

void HostOutput::write(std::string line) {
  line += '\n';
  if (!segments_.empty() && segments_.back().size() + line.size() <= segment_bytes) {
    segments_.back() += line;
  } else {
    segments_.push_back(std::move(line));
  }
}

void HostOutput::flush() {
  if (waiting_ || gone_ || segments_.empty()) return;
  write_some();
}

void HostOutput::write_some() {
  std::size_t written = 0;
  bool blocked = false;
  while (!segments_.empty() && !blocked) {
    const std::string_view rest = std::string_view(segments_.front()).substr(offset_);
    const ssize_t count = stream_.write(rest);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && is_transient(errno)) {
      blocked = true;
    } else if (count < 0) {
      give_up(errno);
      return;
    } else {
      written += static_cast<std::size_t>(count);
      offset_ += static_cast<std::size_t>(count);
      if (offset_ == segments_.front().size()) {
        segments_.pop_front();
        offset_ = 0;
      }
    }
  }
  if (blocked != waiting_) {
    waiting_ = blocked;
    if (blocked) {
      loop_.watch(stream_.fd(), EPOLLOUT, [this](std::uint32_t) { write_some(); });
    } else {
      watch_for_end();
    }
  }
  if (written > 0) sink_(event::HostWritten{written});
}

void HostOutput::finish(TimePoint deadline, const Signals& signals) {
  std::array<pollfd, 2> waiting{{{.fd = stream_.fd(), .events = POLLOUT, .revents = 0},
                                 {.fd = signals.fd(), .events = POLLIN, .revents = 0}}};
  while (!segments_.empty() && !gone_ && !signals.has_stop()) {
    const Duration left = std::max(deadline - monotonic_now(), Duration::zero());
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(milliseconds(left)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return;
    if (waiting[1].revents != 0) waiting[1].fd = -1;  // SIGHUP is no end of patience
    if (waiting[0].revents != 0) write_some();
  }
}

}  // namespace shim
