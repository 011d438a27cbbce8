#include "shim/io/landlock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shim/io/descriptor.hpp"

namespace shim {
namespace {

// The kernel's interface, by its own names without their prefix (include/uapi/linux/landlock.h of
// Linux 6.12). Written down here since glibc has no functions for it, and the header on the machine
// that builds may be older than the kernel on the one that runs.
constexpr std::uint64_t fs_execute = 1U << 0U;
constexpr std::uint64_t fs_write_file = 1U << 1U;
constexpr std::uint64_t fs_read_file = 1U << 2U;
constexpr std::uint64_t fs_read_dir = 1U << 3U;
constexpr std::uint64_t fs_remove_file = 1U << 5U;
constexpr std::uint64_t fs_make_dir = 1U << 7U;
constexpr std::uint64_t fs_make_reg = 1U << 8U;
constexpr std::uint64_t fs_make_sym = 1U << 12U;   // the last of version 1
constexpr std::uint64_t fs_refer = 1U << 13U;      // version 2
constexpr std::uint64_t fs_truncate = 1U << 14U;   // version 3
constexpr std::uint64_t fs_ioctl_dev = 1U << 15U;  // version 5
constexpr std::uint64_t net_bind_tcp = 1U << 0U;   // version 4
constexpr std::uint64_t net_connect_tcp = 1U << 1U;
constexpr std::uint64_t scope_abstract_unix_socket = 1U << 0U;  // version 6
constexpr std::uint64_t scope_signal = 1U << 1U;

struct RulesetAttr {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};
struct [[gnu::packed]] PathBeneathAttr {
  std::uint64_t allowed_access = 0;
  std::int32_t parent_fd = -1;
};
struct NetPortAttr {
  std::uint64_t allowed_access = 0;
  std::uint64_t port = 0;
};
constexpr int rule_path_beneath = 1;
constexpr int rule_net_port = 2;
constexpr unsigned create_ruleset_version = 1;

/// What a rule about something that is no directory may speak of.
constexpr std::uint64_t of_files =
    fs_execute | fs_write_file | fs_read_file | fs_truncate | fs_ioctl_dev;

/// Everything that this version can forbid.
RulesetAttr everything(int version) {
  RulesetAttr all{.handled_access_fs = (fs_make_sym << 1U) - 1};
  if (version >= 2) all.handled_access_fs |= fs_refer;
  if (version >= 3) all.handled_access_fs |= fs_truncate;
  if (version >= 4) all.handled_access_net = net_bind_tcp | net_connect_tcp;
  if (version >= 5) all.handled_access_fs |= fs_ioctl_dev;
  if (version >= 6) all.scoped = scope_abstract_unix_socket | scope_signal;
  return all;
}

bool add_rule(const Descriptor& ruleset, int kind, const void* rule) {
  return ::syscall(SYS_landlock_add_rule, ruleset.get(), kind, rule, 0U) == 0;
}

/// A path that is not there, or not for us, allows nothing, which is no failure.
bool allow_path(const Descriptor& ruleset, const std::string& path, std::uint64_t access) {
  const Descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat facts {};
  if (!place || ::fstat(place.get(), &facts) != 0) return true;
  if (!S_ISDIR(facts.st_mode)) access &= of_files;
  const PathBeneathAttr rule{.allowed_access = access, .parent_fd = place.get()};
  return add_rule(ruleset, rule_path_beneath, &rule);
}

bool add_rules(const Descriptor& ruleset, const RulesetAttr& handled, const Allowances& allowed) {
  constexpr std::uint64_t read = fs_read_file | fs_read_dir;
  const std::uint64_t write =
      read | fs_write_file | fs_remove_file | fs_make_dir | fs_make_reg | fs_truncate;
  for (const std::string& path : allowed.read) {
    if (!allow_path(ruleset, path, read)) return false;
  }
  for (const std::string& path : allowed.write) {
    if (!allow_path(ruleset, path, write & handled.handled_access_fs)) return false;
  }
  if (handled.handled_access_net == 0) return true;
  for (const std::uint16_t port : allowed.ports) {
    const NetPortAttr rule{.allowed_access = net_connect_tcp, .port = port};
    if (!add_rule(ruleset, rule_net_port, &rule)) return false;
  }
  return true;
}

}  // namespace

int landlock_version() {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0}, create_ruleset_version);
  return version < 0 ? 0 : static_cast<int>(version);
}

std::string restrict_to(const Allowances& allowed) {
  const RulesetAttr handled = everything(landlock_version());
  const Descriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0U)));
  if (!ruleset || !add_rules(ruleset, handled, allowed) ||
      ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0U) != 0)
    return std::string("Landlock: ") + std::strerror(errno);
  return {};
}

}  // namespace shim
