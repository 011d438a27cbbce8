#include "shim/io/descriptor.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

namespace shim {
namespace {

bool try_descriptors(std::size_t count) {
  std::vector<Descriptor> tried;
  while (tried.size() < count) {
    tried.emplace_back(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!tried.back()) return false;
  }
  return true;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool can_have_descriptors(std::size_t count) {
  if (try_descriptors(count)) return true;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, limit.rlim_cur + count);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && try_descriptors(count);
}

void complain(std::string_view text) {
  const StandardStream stream(STDERR_FILENO, StandardStream::Direction::out);
  [[maybe_unused]] const ssize_t written = stream.write("mcp-ws-shim: " + std::string(text) + "\n");
}

void fill_missing_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    int ends[2] = {-1, -1};
    if (fd == STDERR_FILENO || ::pipe(ends) != 0) {
      // The lowest free number is the missing one.
      [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
      continue;
    }
    // Both ends of a pipe without the other one: reading finds the end, writing EPIPE.
    const int kept = ::fcntl(ends[fd], F_DUPFD, 3);
    ::close(ends[0]);
    ::close(ends[1]);
    ::dup2(kept, fd);
    ::close(kept);
  }
}

StandardStream::StandardStream(int fd, Direction direction) {
  struct stat info {};
  const bool known = ::fstat(fd, &info) == 0;
  is_socket_ = known && S_ISSOCK(info.st_mode);
  if (known && (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode))) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const int access = direction == Direction::in ? O_RDONLY : O_WRONLY;
    fd_ = Descriptor(::open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (fd_) return;
  }
  fd_ = Descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (is_socket_ || !fd_) return;
  restore_flags_ = ::fcntl(fd, F_GETFL);
  if (restore_flags_ >= 0 && (restore_flags_ & O_NONBLOCK) == 0 &&
      ::fcntl(fd, F_SETFL, restore_flags_ | O_NONBLOCK) == 0) {
    restore_fd_ = fd;
  }
}

StandardStream::~StandardStream() {
  if (restore_fd_ >= 0) ::fcntl(restore_fd_, F_SETFL, restore_flags_);
}

ssize_t StandardStream::read(std::span<char> into) const {
  if (is_socket_) return ::recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
  return ::read(fd_.get(), into.data(), into.size());
}

ssize_t StandardStream::write(std::string_view bytes) const {
  if (is_socket_) return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return ::write(fd_.get(), bytes.data(), bytes.size());
}

}  // namespace shim
