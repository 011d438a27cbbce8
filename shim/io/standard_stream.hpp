#pragma once

#include <sys/types.h>

#include <span>
#include <string_view>

#include "shim/io/descriptor.hpp"

namespace shim {

/// One of the standard streams, read or written without ever blocking and without a change that
/// others could see: O_NONBLOCK belongs to the open file description, which we share with whoever
/// else holds the stream (a terminal's shell, say). So a pipe or terminal is opened anew through
/// /proc, and a socket is used with MSG_DONTWAIT. Only where neither works is the flag set on the
/// shared description, and taken back by the destructor.
class StandardStream {
 public:
  enum class Direction { in, out };

  StandardStream(int fd, Direction direction);
  ~StandardStream();
  StandardStream(const StandardStream&) = delete;
  StandardStream& operator=(const StandardStream&) = delete;

  /// As read(2) and write(2): -1 with errno EAGAIN when it would block.
  [[nodiscard]] ssize_t read(std::span<char> into) const;
  [[nodiscard]] ssize_t write(std::string_view bytes) const;

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Descriptor fd_;
  bool is_socket_ = false;
  int restore_fd_ = -1;  ///< shared description whose flags are to be restored
  int restore_flags_ = 0;
};

/// Puts something in the place of standard streams that we were started without, so that no socket
/// of ours becomes one of them: an input at its end, an output that nobody reads, a log that goes
/// nowhere. To be called before anything is opened.
void fill_missing_standard_streams();

/// Says one line on stderr, unless nobody reads there and it would have to wait.
void complain(std::string_view text);

}  // namespace shim
