#include "shim/io/standard_stream.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace shim {

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

void complain(std::string_view text) {
  const StandardStream stream(STDERR_FILENO, StandardStream::Direction::out);
  [[maybe_unused]] const ssize_t written = stream.write("mcp-ws-shim: " + std::string(text) + "\n");
}

}  // namespace shim
