#include "shim/io/process.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "shim/io/timer_fd.hpp"

namespace shim {
namespace {

constexpr std::array<int, 3> handled{SIGTERM, SIGINT, SIGHUP};

// What a signal handler may touch.
std::atomic<int> stop_signals{0};
std::atomic<int> last_stop_signal{0};
std::atomic<bool> hangup{false};
std::atomic<int> wake_fd{-1};

void on_signal(int number) {
  const int saved_errno = errno;
  if (number == SIGHUP) {
    hangup = true;
  } else {
    last_stop_signal = number;
    if (++stop_signals > 1) ::_exit(0);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(wake_fd, &one, sizeof one);
  errno = saved_errno;
}

std::array<struct sigaction, handled.size()> found_actions{};

}  // namespace

void take_early_signals() {
  for (std::size_t i = 0; i < handled.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = SIG_IGN;
    if (handled[i] != SIGHUP) action.sa_handler = [](int) { ::_exit(0); };
    ::sigaction(handled[i], &action, &found_actions[i]);
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

void leave_early_signals() {
  for (std::size_t i = 0; i < handled.size(); ++i)
    ::sigaction(handled[i], &found_actions[i], nullptr);
}

Signals::Signals(Loop& loop, EventSink sink)
    : loop_(loop), sink_(std::move(sink)), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  wake_fd = wake_.get();
  loop_.watch(wake_.get(), EPOLLIN, [this](std::uint32_t) { on_wake(); });
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : handled) ::sigaction(number, &action, nullptr);
}

Signals::~Signals() {
  // Ignored, not SIG_DFL: one that comes while we end must not make the exit status its own.
  for (const int number : handled) ::signal(number, SIG_IGN);
  loop_.unwatch(wake_.get());
  wake_fd = -1;
}

bool Signals::has_stop() { return last_stop_signal != 0; }

void Signals::on_wake() {
  drain(wake_);
  if (hangup.exchange(false)) sink_(event::ReconnectRequested{});
  if (const int number = last_stop_signal.exchange(0); number != 0) {
    sink_(event::StopRequested{number == SIGTERM ? "SIGTERM" : "SIGINT"});
  }
}

ParentWatch::ParentWatch(Loop& loop, EventSink sink) : loop_(loop) {
  const pid_t parent = ::getppid();
  // 0: the parent is outside our pid namespace. 1: init started us, or the parent is dead already;
  // either way there is nobody to watch.
  if (parent <= 1) return;
  const auto gone = [sink = std::move(sink)] {
    sink(event::HostGone{"the parent process has ended"});
  };
#ifdef SYS_pidfd_open
  parent_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, parent, 0)));
#endif
  if (parent_) {
    loop_.watch(parent_.get(), EPOLLIN, [this, gone](std::uint32_t) {
      loop_.unwatch(parent_.get());
      gone();
    });
    if (::getppid() != parent) gone();  // it died before we looked
    return;
  }
  parent_ = make_timer();
  const itimerspec every_second{.it_interval = {1, 0}, .it_value = {1, 0}};
  ::timerfd_settime(parent_.get(), 0, &every_second, nullptr);
  loop_.watch(parent_.get(), EPOLLIN, [this, gone, parent](std::uint32_t) {
    drain(parent_);
    if (::getppid() != parent) gone();
  });
}

ParentWatch::~ParentWatch() {
  if (parent_) loop_.unwatch(parent_.get());
}

}  // namespace shim
