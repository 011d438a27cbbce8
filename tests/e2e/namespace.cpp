#include "namespace.hpp"

#include <unistd.h>

#include <array>
#include <stdexcept>

#include "limits.hpp"
#include "process.hpp"

namespace e2e {
namespace {

// Locally administered (RFC 7042 § 2.1), and known beforehand so that they can be pinned.
constexpr const char* near_mac = "02:00:00:00:00:01";
constexpr const char* far_mac = "02:00:00:00:00:02";

std::string ip_program() {
  for (const char* const path : {"/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

/// Runs ip(8). Returns what it complained about.
std::string complaint_of_ip(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{ip_program()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Ends said = make_pipe();
  Process process(command, {}, {.in = -1, .out = -1, .err = said.write.get()});
  said.write.close();
  const auto status = process.wait(allowed(patience));
  if (status == 0) return {};
  std::array<char, 256> text{};
  const ssize_t length = status ? ::read(said.read.get(), text.data(), text.size()) : 0;
  std::string complaint = "ip";
  for (const std::string& argument : arguments) complaint += " " + argument;
  complaint += ": " + std::string(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  while (complaint.back() == '\n') complaint.pop_back();
  return complaint;
}

void ip(const std::vector<std::string>& arguments) {
  const std::string complaint = complaint_of_ip(arguments);
  if (!complaint.empty()) throw std::runtime_error(complaint);
}

unsigned next_number() {
  static unsigned last = 0;
  return ++last;
}

}  // namespace

std::string Namespace::obstacle() {
  if (ip_program().empty()) return "ip(8) is not installed (iproute2)";
  if (::geteuid() != 0) return "only root may make network namespaces";
  static const std::string found = []() -> std::string {
    try {
      const Namespace attempt;
      return complaint_of_ip({"netns", "exec", attempt.name_, "true"});
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }();
  return found;
}

Namespace::Namespace() {
  const auto pid = static_cast<unsigned>(::getpid());
  name_ = "shim" + std::to_string(pid) + "x" + std::to_string(next_number() % 100);
  // The block for tests of network devices (RFC 2544, appendix C): nobody's.
  network_ = "198.18." + std::to_string(pid % 256);
  ip({"netns", "add", name_});
  try {
    ip({"link", "add", name_, "address", near_mac, "type", "veth", "peer", "name", name_, "address",
        far_mac, "netns", name_});
    ip({"address", "add", network_ + ".1/24", "dev", name_});
    ip({"link", "set", name_, "up"});
    ip(far({"address", "add", network_ + ".2/24", "dev", name_}));
    plug();
  } catch (...) {
    (void)complaint_of_ip({"netns", "delete", name_});
    throw;
  }
}

Namespace::~Namespace() {
  // The kernel takes its time with a namespace; the wire is to be gone now.
  (void)complaint_of_ip({"link", "delete", name_});
  (void)complaint_of_ip({"netns", "delete", name_});
}

std::vector<std::string> Namespace::far(std::vector<std::string> command) const {
  command.insert(command.begin(), {"-netns", name_});
  return command;
}

std::vector<std::string> Namespace::enter() const { return {ip_program(), "netns", "exec", name_}; }

void Namespace::swallow() const {
  ip({"neighbour", "replace", address(), "lladdr", far_mac, "nud", "permanent", "dev", name_});
  ip(far({"address", "delete", network_ + ".2/24", "dev", name_}));
}

void Namespace::swallow_no_more() const {
  ip(far({"address", "add", network_ + ".2/24", "dev", name_}));
}

void Namespace::unplug() const { ip(far({"link", "set", name_, "down"})); }

void Namespace::plug() const { ip(far({"link", "set", name_, "up"})); }

}  // namespace e2e
