#include "shim/commands/interruption.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace shim {
namespace {

// What a signal handler may touch.
std::atomic<int> last_signal{0};
std::atomic<int> wake_fd{-1};

void on_signal(int number) {
  const int saved_errno = errno;
  last_signal = number;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(wake_fd, &one, sizeof one);
  errno = saved_errno;
}

}  // namespace

Interruption::Interruption() : wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  last_signal = 0;
  wake_fd = wake_.get();
  for (std::size_t i = 0; i < taken.size(); ++i) {
    ::sigaction(taken[i], nullptr, &found_[i]);
    if (found_[i].sa_handler == SIG_IGN) continue;  // of a job in the background, by nohup
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(taken[i], &action, nullptr);
  }
}

Interruption::~Interruption() {
  for (std::size_t i = 0; i < taken.size(); ++i) ::sigaction(taken[i], &found_[i], nullptr);
  wake_fd = -1;
}

int Interruption::signal() { return last_signal; }

}  // namespace shim
