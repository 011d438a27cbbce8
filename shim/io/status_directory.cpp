#include "shim/io/status_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace shim {
namespace {

/// Without a slash at the end; empty if it is no absolute path.
std::string absolute_path_in(const char* variable) {
  const char* const value = std::getenv(variable);
  std::string path = value != nullptr && *value == '/' ? value : "";
  while (path.ends_with('/')) path.pop_back();
  return path;
}

/// As the XDG Base Directory Specification wants it; not so after sudo.
bool is_own_directory(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && facts.st_uid == ::geteuid();
}

/// What stands behind the name in /proc/<pid>/stat: state, parent and the rest (proc(5)). The name
/// can hold anything.
std::string stat_fields(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> buffer{};
  const ssize_t size = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (size <= 0) return {};
  const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  const std::size_t name_end = text.rfind(") ");
  return name_end == std::string_view::npos ? "" : std::string(text.substr(name_end + 2));
}

}  // namespace

std::vector<std::string> status_directories() {
  std::vector<std::string> out;
  const std::string runtime = absolute_path_in("XDG_RUNTIME_DIR");
  if (!runtime.empty() && is_own_directory(runtime)) out.push_back(runtime + "/mcp-ws-shim");
  const std::string temporary = absolute_path_in("TMPDIR");
  out.push_back((temporary.empty() ? "/tmp" : temporary) + "/mcp-ws-shim-" +
                std::to_string(::geteuid()));
  return out;
}

StatusDirectory open_status_directory(const std::string& path, bool make) {
  StatusDirectory out;
  if (make && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    out.error = path + ": " + std::strerror(errno);
    return out;
  }
  Descriptor opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat facts {};
  if (!opened || ::fstat(opened.get(), &facts) != 0) {
    out.missing = errno == ENOENT;
    out.error = path + ": " + std::strerror(errno);
  } else if (facts.st_uid != ::geteuid()) {
    out.error = path + ": it belongs to somebody else";
  } else if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    out.error = path + ": others can access it; chmod 700 it";
  } else {
    out.descriptor = std::move(opened);
  }
  return out;
}

std::optional<std::uint64_t> process_started(pid_t pid) {
  static constexpr int fields_between = 19;  // state is the third field, starttime the 22nd
  const std::string fields = stat_fields(pid);
  if (fields.empty() || fields[0] == 'Z' || fields[0] == 'X') return std::nullopt;
  std::size_t at = 0;
  for (int i = 0; i < fields_between; ++i) {
    at = fields.find(' ', at);
    if (at == std::string::npos) return std::nullopt;
    ++at;
  }
  std::uint64_t ticks = 0;
  const auto [end, error] =
      std::from_chars(fields.data() + at, fields.data() + fields.size(), ticks);
  return error == std::errc() ? std::optional(ticks) : std::nullopt;
}

bool is_running(pid_t pid, std::uint64_t started) {
  if (::kill(pid, 0) != 0 && errno == ESRCH) return false;
  const std::string fields = stat_fields(pid);
  if (fields.empty()) return true;  // /proc does not show it: nothing speaks against it
  const auto found = process_started(pid);
  return found && (started == 0 || *found == started);
}

}  // namespace shim
