#include "child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace bench {
namespace {

/// Two connected descriptors; what is written to the second can be read from the first.
std::array<int, 2> connected(Stdio stdio) {
  std::array<int, 2> ends{};
  const int result = stdio == Stdio::pipes
                         ? ::pipe2(ends.data(), O_CLOEXEC)
                         : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
  if (result != 0) throw std::runtime_error(std::string("no pipe: ") + std::strerror(errno));
  return ends;
}

/// The number behind `name:` in a file of /proc.
double proc_number(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  double sum = 0;
  for (std::string word; file >> word;) {
    double value = 0;
    if (word == name && file >> value) sum += value;
  }
  return sum;
}

}  // namespace

Child::Child(const std::vector<std::string>& command, Stdio stdio) {
  const auto [child_in, our_out] = connected(stdio);
  const auto [our_in, child_out] = connected(stdio);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, child_in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, child_out, STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int error =
      ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(child_in);
  ::close(child_out);
  to_ = our_out;
  from_ = our_in;
  if (error != 0) {
    pid_ = -1;
    throw std::runtime_error(command[0] + ": " + std::strerror(error));
  }
  // Ours alone: the child's ends stay blocking, as hosts hand them out.
  ::fcntl(to_, F_SETFL, O_NONBLOCK);
  ::fcntl(from_, F_SETFL, O_NONBLOCK);
}

Child::~Child() {
  if (to_ >= 0) ::close(to_);
  if (from_ >= 0) ::close(from_);
  if (pid_ > 0 && !wait_for_exit()) kill();
}

int Child::take_in() { return std::exchange(from_, -1); }
int Child::take_out() { return std::exchange(to_, -1); }

void Child::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool Child::wait_for_exit() {
  const auto start = Clock::now();
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (seconds_since(start) > 5) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  pid_ = -1;
  return true;
}

double cpu_seconds(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::uint64_t context_switches(pid_t pid) {
  double sum = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    const std::string status = task.path() / "status";
    sum += proc_number(status, "voluntary_ctxt_switches:") +
           proc_number(status, "nonvoluntary_ctxt_switches:");
  }
  return static_cast<std::uint64_t>(sum);
}

Memory memory(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  const double own = proc_number(process + "/smaps_rollup", "Private_Clean:") +
                     proc_number(process + "/smaps_rollup", "Private_Dirty:");
  return {proc_number(process + "/status", "VmRSS:") / 1024,
          proc_number(process + "/status", "VmHWM:") / 1024, own / 1024};
}

void forget_peak(pid_t pid) {
  std::ofstream("/proc/" + std::to_string(pid) + "/clear_refs") << "5";
}

}  // namespace bench
