#include "stream.hpp"

#include <unistd.h>

#include <cerrno>

namespace bench {
namespace {

constexpr std::size_t read_size = 256 * 1024;

bool would_block() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

Stream::~Stream() {
  close_out();
  if (in_ >= 0) ::close(in_);
}

void Stream::close_out() {
  if (out_ >= 0 && out_ != in_) ::close(out_);
  out_ = -1;
}

bool Stream::write_some() {
  while (!outgoing_.empty()) {
    const auto written = ::write(out_, outgoing_.view().data(), outgoing_.size());
    if (written < 0) return would_block();
    outgoing_.consume(static_cast<std::size_t>(written));
  }
  return true;
}

bool Stream::read_some() {
  const auto room = incoming_.room(read_size);
  const auto count = ::read(in_, room.data(), room.size());
  if (count < 0) return would_block();
  incoming_.commit(static_cast<std::size_t>(count));
  return count > 0;
}

}  // namespace bench
