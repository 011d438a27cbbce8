#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

extern char** environ;

namespace e2e {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> child_environment(const std::vector<std::string>& added) {
  std::vector<std::string> out;
  // Of two entries with one name getenv() finds the first: the last one given is to win.
  const auto is_known = [&out](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('=') + 1);
    return std::ranges::any_of(
        out, [name](const std::string& known) { return known.starts_with(name); });
  };
  for (auto entry = added.rbegin(); entry != added.rend(); ++entry) {
    if (!is_known(*entry)) out.push_back(*entry);
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("MCP_WS_SHIM_") && !is_known(*entry))
      out.emplace_back(*entry);
  }
  return out;
}

/// After fork(): nothing here may allocate or take a lock.
[[noreturn]] void become(char* const* command, char* const* environment, const Streams& streams,
                         int null) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int in = streams.in < 0 ? null : streams.in;
  const int out = streams.out < 0 ? null : streams.out;
  const int err = streams.err < 0 ? null : streams.err;
  // Ours are never below 3, so that no dup2() overwrites one that is still needed.
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) ::_exit(127);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(command[0], command, environment);
  ::_exit(127);
}

/// The number behind `name` in a /proc status file.
std::uint64_t status_number(const std::string& path, std::string_view name) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size(), nullptr, 10);
  }
  return 0;
}

std::string proc(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

}  // namespace

std::string shim_program() {
  const char* const given = std::getenv("E2E_SHIM");
  return given == nullptr ? E2E_SHIM : given;
}

Process::Process(const std::vector<std::string>& command,
                 const std::vector<std::string>& environment, Streams streams) {
  const std::vector<std::string> variables = child_environment(environment);
  const std::vector<char*> argv = pointers(command);
  const std::vector<char*> envp = pointers(variables);
  const File null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) become(argv.data(), envp.data(), streams, null.get());
}

Process::~Process() { kill(); }

void Process::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

void Process::kill() {
  if (status_) return;
  signal(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = 128 + SIGKILL;
}

bool Process::is_running() { return !wait(0ms); }

std::optional<int> Process::wait(Millis limit) {
  if (status_) return status_;
  if (!wait_for_end(pid_, limit)) return std::nullopt;
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return std::nullopt;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

std::string first_line(const File& pipe) {
  const Deadline deadline(patience);
  std::string text;
  while (text.find('\n') == std::string::npos) {
    pollfd readable{.fd = pipe.get(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, deadline.left_ms()) <= 0) throw std::runtime_error("it says nothing");
    std::array<char, 256> buffer{};
    const ssize_t count = ::read(pipe.get(), buffer.data(), buffer.size());
    if (count <= 0) throw std::runtime_error("it ended before it said anything");
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

bool wait_for_end(pid_t pid, Millis limit) {
  const File process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return errno == ESRCH;
  pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, static_cast<int>(limit.count())) == 1;
}

std::size_t resident_kib(pid_t pid) { return status_number(proc(pid, "status"), "VmRSS:"); }

std::size_t peak_resident_kib(pid_t pid) { return status_number(proc(pid, "status"), "VmHWM:"); }

std::size_t open_descriptors(pid_t pid) {
  std::error_code gone;
  std::filesystem::directory_iterator entries(proc(pid, "fd"), gone);
  return gone ? 0 : static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

std::uint64_t voluntary_switches(pid_t pid) {
  std::uint64_t sum = 0;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator(proc(pid, "task"), gone)) {
    sum += status_number(task.path() / "status", "voluntary_ctxt_switches:");
  }
  return sum;
}

Millis cpu_time(pid_t pid) {
  // Not /proc/<pid>/stat, which charges whole ticks of 10 ms to whoever runs just then.
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0ms;
  return std::chrono::duration_cast<Millis>(std::chrono::seconds(used.tv_sec) +
                                            std::chrono::nanoseconds(used.tv_nsec));
}

std::vector<pid_t> children(pid_t pid) {
  std::istringstream in(
      read_file(proc(pid, ("task/" + std::to_string(pid) + "/children").c_str())));
  std::vector<pid_t> out;
  for (pid_t child = 0; in >> child;) out.push_back(child);
  return out;
}

}  // namespace e2e
