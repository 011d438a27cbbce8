#include "shim/io/cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/text.hpp"
#include "shim/core/cache_entry.hpp"
#include "shim/io/descriptor.hpp"
#include "shim/io/small_file.hpp"

namespace shim {
namespace {

/// FNV-1a: tells URLs apart in file names. The file names its URL, so a collision does no harm.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const char c : text) {
    value ^= static_cast<unsigned char>(c);
    value *= 0x100000001b3U;
  }
  return value;
}

std::string failure(const std::string& what) { return what + ": " + std::strerror(errno); }

}  // namespace

Cache::Cache(std::string directory, std::string_view url) : directory_(std::move(directory)) {
  while (directory_.size() > 1 && directory_.ends_with('/')) directory_.pop_back();
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx",
                static_cast<unsigned long long>(hash(url)));
  stem_ = digits.data();
}

std::string Cache::path(const std::string& version) const {
  return directory_ + "/" + stem_ + "-" + version + ".json";
}

std::string Cache::load(const std::string& version) const {
  if (directory_.empty()) return {};
  SmallFile file = read_small_file(path(version), CacheEntry::file_bytes_max, Trust::own);
  if (file.missing) return {};
  // What is no cache is replaced with a warning.
  return file.error.empty() && !file.text.empty() ? std::move(file.text) : "unusable";
}

std::string Cache::store(const std::string& version, std::string_view text) {
  if (directory_.empty()) return {};
  std::string error = make_directory();
  if (error.empty()) error = write_file(version, text);
  const bool is_first = !error.empty() && !std::exchange(failed_, !error.empty());
  return is_first ? printable(error) : std::string();
}

std::string Cache::make_directory() const {
  if (directory_.empty()) return {};
  // Each missing part is made for this user only (XDG Base Directory Specification).
  for (std::size_t end = directory_.find('/', 1);; end = directory_.find('/', end + 1)) {
    const std::string part = directory_.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return failure(part);
    if (end == std::string::npos) break;
  }
  struct stat info {};
  if (::stat(directory_.c_str(), &info) != 0) return failure(directory_);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 022U) != 0)
    return directory_ + " is not a directory of this user's that only this user can write to";
  return {};
}

std::string Cache::write_file(const std::string& version, std::string_view text) const {
  const std::string final_path = path(version);
  const std::string temporary = final_path + "." + std::to_string(::getpid()) + ".tmp";
  ::unlink(temporary.c_str());  // of a process with our pid that died over it
  const Descriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return failure(temporary);
  if (!write_all(file.get(), text) || ::rename(temporary.c_str(), final_path.c_str()) != 0) {
    std::string error = failure(temporary);
    ::unlink(temporary.c_str());
    return error;
  }
  return {};
}

}  // namespace shim
