#include "shim/commands/status_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "common/text.hpp"
#include "shim/io/small_file.hpp"
#include "shim/io/status_directory.hpp"

namespace shim {
namespace {

/// Names looked at in one directory; what is beyond waits for the next look.
constexpr std::size_t names_max = std::size_t{1} << 16U;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// The pid in `4711.json` or `4711.tmp`; 0 if it is no such name.
pid_t pid_in(std::string_view name, std::string_view extension) {
  if (!name.ends_with(extension)) return 0;
  name.remove_suffix(extension.size());
  std::int32_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  const bool plain = !name.empty() && name[0] >= '1' && name[0] <= '9';
  return plain && error == std::errc() && end == name.data() + name.size() ? pid : 0;
}

/// Reads one directory into `out`.
class Reader {
 public:
  Reader(std::string path, int directory, StatusFiles& out)
      : path_(std::move(path)), directory_(directory), out_(out) {}

  void read() {
    const std::unique_ptr<DIR, CloseDirectory> listing(::fdopendir(::dup(directory_)));
    if (!listing) return;
    std::vector<std::string> names;
    while (const dirent* const entry = ::readdir(listing.get())) {
      if (names.size() < names_max) names.emplace_back(entry->d_name);
    }
    for (const std::string& name : names) take(name);
  }

 private:
  void take(const std::string& name) {
    if (const pid_t pid = pid_in(name, ".tmp"); pid != 0 && !is_running(pid, 0)) remove(name);
    const pid_t pid = pid_in(name, ".json");
    if (pid == 0) return;
    if (!is_running(pid, 0)) {
      remove(name);
      return;
    }
    const SmallFile file =
        read_small_file(path_ + "/" + name, StatusEntry::file_bytes_max, Trust::own_only);
    if (!file.error.empty()) {
      skip_running(name, file.error);
      return;
    }
    auto entry = StatusEntry::parse(file.text);
    if (!entry || entry->pid != pid) {
      skip_running(name, "it is not a status file");
    } else if (!is_running(pid, entry->started)) {
      remove(name);  // the pid is another process's by now
    } else {
      out_.shims.push_back(std::move(*entry));
    }
  }

  void remove(const std::string& name) {
    if (::unlinkat(directory_, name.c_str(), 0) != 0 && errno != ENOENT)
      skip(name, std::string("it cannot be removed: ") + std::strerror(errno));
  }

  void skip(const std::string& name, const std::string& why) {
    out_.notes.push_back(printable(path_ + "/" + name) + " is skipped: " + why);
  }

  void skip_running(const std::string& name, const std::string& why) {
    // It went away meanwhile.
    if (::faccessat(directory_, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) return;
    ++out_.unreadable;
    skip(name, why);
  }

  std::string path_;
  int directory_;
  StatusFiles& out_;
};

}  // namespace

StatusFiles read_status_files() {
  StatusFiles out;
  for (const std::string& path : status_directories()) {
    const StatusDirectory opened = open_status_directory(path, false);
    if (opened.descriptor) {
      Reader(path, opened.descriptor.get(), out).read();
    } else if (!opened.missing) {
      out.notes.push_back(printable(opened.error));
    }
  }
  std::ranges::sort(out.shims, {}, &StatusEntry::pid);
  return out;
}

}  // namespace shim
