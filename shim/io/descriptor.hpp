#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

namespace shim {

/// Owns a file descriptor and closes it.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Writes all of `text`, to a file on a disk. False, with errno, if that fails.
[[nodiscard]] bool write_all(int fd, std::string_view text);

/// Whether so many descriptors more can be had, after raising our soft limit (getrlimit(2)) if that
/// stands in the way and may be raised.
[[nodiscard]] bool can_have_descriptors(std::size_t count);

}  // namespace shim
