#include "shim/io/small_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "shim/io/descriptor.hpp"

namespace shim {
namespace {

/// What is wrong with what the name stands for, or an empty text.
std::string check(const struct stat& facts, Trust trust) {
  if (S_ISLNK(facts.st_mode)) return "it is a symbolic link";
  if (!S_ISREG(facts.st_mode)) return "it is not a regular file";
  if (trust == Trust::any) return {};
  if (facts.st_uid != ::geteuid()) return "it belongs to somebody else";
  if (trust == Trust::own_only && (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return "others can access it; chmod 600 it";
  return {};
}

SmallFile failed() {
  return {.error = std::strerror(errno),
          .missing = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG};
}

/// All there is, or one byte more than `bytes_max`. False on an error, which errno tells.
bool read_all(int file, std::size_t size_expected, std::size_t bytes_max, std::string& text) {
  std::size_t size = 0;
  for (;;) {
    if (size == text.size())
      text.resize(std::min(bytes_max + 1, std::max(size_expected + 1, 2 * size)));
    if (size == text.size()) return true;
    const ssize_t count = ::read(file, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    size += static_cast<std::size_t>(count);
    if (count == 0) {
      text.resize(size);
      return true;
    }
  }
}

}  // namespace

SmallFile read_small_file(const std::string& path, std::size_t bytes_max, Trust trust) {
  struct stat facts {};
  // Merely to open a device or a FIFO may do something.
  if ((trust == Trust::any ? ::stat : ::lstat)(path.c_str(), &facts) != 0) return failed();
  if (std::string error = check(facts, trust); !error.empty()) return {.error = std::move(error)};
  const int no_link = trust == Trust::any ? 0 : O_NOFOLLOW;
  const Descriptor file(
      ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | no_link));
  if (!file || ::fstat(file.get(), &facts) != 0) return failed();
  SmallFile out{.error = check(facts, trust)};
  if (!out.error.empty()) return out;
  if (!read_all(file.get(), static_cast<std::size_t>(facts.st_size), bytes_max, out.text))
    return failed();
  if (out.text.size() > bytes_max) return {.error = "it is too large"};
  out.modified = WallTime(std::chrono::seconds(facts.st_mtim.tv_sec) +
                          std::chrono::nanoseconds(facts.st_mtim.tv_nsec));
  return out;
}

std::string check_private(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) != 0 ? std::strerror(errno) : check(facts, Trust::own_only);
}

}  // namespace shim
