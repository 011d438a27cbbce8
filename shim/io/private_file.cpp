#include "shim/io/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shim/io/descriptor.hpp"

namespace shim {
namespace {

std::string not_private(const struct stat& facts) {
  if (!S_ISREG(facts.st_mode)) return "it is no regular file";
  if (facts.st_uid != ::geteuid()) return "it belongs to somebody else";
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) return "others can access it; chmod 600 it";
  return {};
}

PlainFile read(const std::string& path, std::size_t bytes_max, bool is_private) {
  PlainFile out;
  const int no_link = is_private ? O_NOFOLLOW : 0;
  const Descriptor file(
      ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | no_link));
  if (!file) {
    out.error = errno == ELOOP ? "it is a symbolic link" : std::strerror(errno);
    return out;
  }
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) {
    out.error = std::strerror(errno);
  } else if (is_private) {
    out.error = not_private(facts);
  } else if (!S_ISREG(facts.st_mode)) {
    out.error = "it is no regular file";
  }
  if (!out.error.empty()) return out;
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0) {
      out.error = std::strerror(errno);
      return out;
    }
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > bytes_max) {
    out.error = "it is too large";
    return out;
  }
  text.resize(size);
  out.text = std::move(text);
  return out;
}

}  // namespace

PlainFile read_plain_file(const std::string& path, std::size_t bytes_max) {
  return read(path, bytes_max, false);
}

std::string check_private(const std::string& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return std::strerror(errno);
  return S_ISLNK(facts.st_mode) ? "it is a symbolic link" : not_private(facts);
}

PlainFile read_private_file(const std::string& path, std::size_t bytes_max) {
  return read(path, bytes_max, true);
}

}  // namespace shim
