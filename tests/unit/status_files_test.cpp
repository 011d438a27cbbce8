// Contract 13: what `status` reads, what it removes, and what does it no harm.

#include "shim/commands/status_files.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "shim/io/status_directory.hpp"
#include "tests/unit/environment.hpp"
#include "tests/unit/show.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace shim::test {
namespace {

namespace fs = std::filesystem;

/// A process that is there and does nothing.
class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      ::alarm(60);  // should nobody end it
      for (;;) ::pause();
    }
    REQUIRE(pid_ > 0);
  }
  ~Sleeper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Dead, but not reaped.
  void become_a_zombie() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }

 private:
  pid_t pid_;
};

/// A pid that was one just now and is none any more.
pid_t dead_pid() { return Sleeper().pid(); }

struct DirectoryRig {
  TemporaryDirectory top;
  Environment runtime{"XDG_RUNTIME_DIR", top / ""};
  Environment temporary{"TMPDIR", top / "none"};
  std::string directory = top / "mcp-ws-shim";

  DirectoryRig() {
    fs::create_directory(directory);
    fs::permissions(directory, fs::perms::owner_all);
  }
  [[nodiscard]] std::string path(pid_t pid, const char* extension = ".json") const {
    return directory + "/" + std::to_string(pid) + extension;
  }
  void write(const std::string& path, const std::string& text, mode_t mode = 0600) const {
    write_text(path, text);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
  }
};

std::string entry_of(pid_t pid, std::uint64_t started, const std::string& url = "ws://h/") {
  StatusEntry entry;
  entry.pid = pid;
  entry.started = started;
  entry.url = url;
  entry.phase = Phase::ready;
  return entry.serialise();
}

std::uint64_t start_of(pid_t pid) { return process_started(pid).value_or(0); }

TEST_CASE("status files 13: those of running shims, by pid") {
  const DirectoryRig rig;
  const Sleeper a, b;
  rig.write(rig.path(b.pid()), entry_of(b.pid(), start_of(b.pid()), "ws://b/"));
  rig.write(rig.path(a.pid()), entry_of(a.pid(), start_of(a.pid()), "ws://a/"));
  const StatusFiles read = read_status_files();
  REQUIRE(read.shims.size() == 2);
  CHECK(std::ranges::is_sorted(read.shims, {}, &StatusEntry::pid));
  CHECK(read.notes.empty());
}

TEST_CASE("status files 13: those in the temporary directory, too") {
  const DirectoryRig rig;
  const Environment temporary("TMPDIR", rig.top / "");
  const std::string other = rig.top / ("mcp-ws-shim-" + std::to_string(::geteuid()));
  fs::create_directory(other);
  fs::permissions(other, fs::perms::owner_all);
  const Sleeper a, b;
  rig.write(rig.path(a.pid()), entry_of(a.pid(), start_of(a.pid())));
  rig.write(other + "/" + std::to_string(b.pid()) + ".json", entry_of(b.pid(), start_of(b.pid())));
  CHECK(read_status_files().shims.size() == 2);
}

TEST_CASE("status files 13: nothing anywhere is nothing") {
  const TemporaryDirectory top;
  const Environment runtime("XDG_RUNTIME_DIR", top / "");
  const Environment temporary("TMPDIR", top / "");
  const StatusFiles read = read_status_files();
  CHECK(read.shims.empty());
  CHECK(read.notes.empty());
  CHECK(files_in(top / "").empty());  // looking makes no directory
}

TEST_CASE("status files 13: those of dead processes are removed, whatever they are") {
  const DirectoryRig rig;
  const pid_t dead = dead_pid();
  const std::string path = rig.path(dead);
  SUBCASE("a status file") { rig.write(path, entry_of(dead, 1)); }
  SUBCASE("garbage") { rig.write(path, "\x01\x02"); }
  SUBCASE("empty") { rig.write(path, ""); }
  SUBCASE("a FIFO") { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
  SUBCASE("a symbolic link") { fs::create_symlink("/etc/passwd", path); }
  rig.write(rig.path(dead, ".tmp"), "half a fi");
  const StatusFiles read = read_status_files();
  CHECK(read.shims.empty());
  CHECK(read.notes == std::vector<std::string>{});
  CHECK(files_in(rig.directory).empty());
  CHECK(fs::exists("/etc/passwd"));
}

TEST_CASE("status files 13: a process that its parent has not reaped is dead") {
  const DirectoryRig rig;
  const Sleeper sleeper;
  rig.write(rig.path(sleeper.pid()), entry_of(sleeper.pid(), start_of(sleeper.pid())));
  REQUIRE(read_status_files().shims.size() == 1);
  sleeper.become_a_zombie();
  CHECK(read_status_files().shims.empty());
  CHECK(files_in(rig.directory).empty());
}

TEST_CASE("status files 13: a pid that is another process's by now is a dead shim's") {
  const DirectoryRig rig;
  const Sleeper sleeper;
  rig.write(rig.path(sleeper.pid()), entry_of(sleeper.pid(), start_of(sleeper.pid()) - 1));
  CHECK(read_status_files().shims.empty());
  CHECK(files_in(rig.directory).empty());
}

TEST_CASE("status files 13: a file in the making of a live shim stays") {
  const DirectoryRig rig;
  const Sleeper sleeper;
  rig.write(rig.path(sleeper.pid(), ".tmp"), "half a fi");
  CHECK(read_status_files().notes.empty());
  CHECK(files_in(rig.directory).size() == 1);
}

TEST_CASE("status files 13: what is hostile is skipped with a note, and stays") {
  const DirectoryRig rig;
  const Sleeper sleeper;
  const std::string path = rig.path(sleeper.pid());
  const std::string good = entry_of(sleeper.pid(), start_of(sleeper.pid()));
  SUBCASE("garbage") { rig.write(path, "\x01\x02"); }
  SUBCASE("truncated") { rig.write(path, good.substr(0, good.size() / 2)); }
  SUBCASE("another pid inside") { rig.write(path, entry_of(1, 0)); }
  SUBCASE("huge") {
    rig.write(path, good);
    fs::resize_file(path, std::uintmax_t{1} << 40U);
  }
  SUBCASE("a FIFO") { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
  SUBCASE("a symbolic link") { fs::create_symlink("/dev/zero", path); }
  SUBCASE("a directory") { fs::create_directory(path); }
  SUBCASE("others could have written it") { rig.write(path, good, 0622); }
  const StatusFiles read = read_status_files();
  CHECK(read.shims.empty());
  CHECK(read.unreadable == 1);
  REQUIRE(read.notes.size() == 1);
  CHECK(read.notes[0].starts_with(path + " is skipped: "));
  CHECK(files_in(rig.directory).size() == 1);
}

TEST_CASE("status files 13: a directory with a dead process's name is noted") {
  const DirectoryRig rig;
  fs::create_directory(rig.path(dead_pid()));
  const StatusFiles read = read_status_files();
  CHECK(read.shims.empty());
  CHECK(read.notes.size() == 1);
  CHECK(read.unreadable == 0);
}

TEST_CASE("status files 13: other names are none of ours") {
  const DirectoryRig rig;
  for (const char* const name :
       {"x.json", "0.json", "-1.json", "+1.json", "01.json", " 1.json", "99999999999.json",
        "1e3.json", ".json", "readme", "4711", "\x1b[2J.json"})
    rig.write(rig.directory + "/" + name, "x");
  const auto before = files_in(rig.directory).size();
  const StatusFiles read = read_status_files();
  CHECK(read.shims.empty());
  CHECK(read.notes == std::vector<std::string>{});
  CHECK(files_in(rig.directory).size() == before);
}

TEST_CASE("status files 13: a directory that is not to be trusted is noted and not read") {
  const DirectoryRig rig;
  const Sleeper sleeper;
  rig.write(rig.path(sleeper.pid()), entry_of(sleeper.pid(), start_of(sleeper.pid())));
  fs::permissions(rig.directory, fs::perms(0777));
  const StatusFiles read = read_status_files();
  CHECK(read.shims.empty());
  CHECK(read.notes.size() == 1);
}

}  // namespace
}  // namespace shim::test
