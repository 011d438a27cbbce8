// Contract 13: when the status file is written, and that trouble with it troubles nobody.

#include "shim/io/status_file.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "shim/io/status_directory.hpp"
#include "tests/unit/environment.hpp"
#include "tests/unit/session_fixture.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace shim::test {
namespace {

namespace fs = std::filesystem;

/// A status file in a directory of its own, and the session that it tells of.
struct FileRig {
  TemporaryDirectory top;
  Environment runtime{"XDG_RUNTIME_DIR", top / ""};
  Environment temporary{"TMPDIR", top / ""};
  Driver d;
  StatusFile file{"1.2.3"};

  [[nodiscard]] std::string directory() const { return top / "mcp-ws-shim"; }
  [[nodiscard]] std::string path() const {
    return directory() + "/" + std::to_string(::getpid()) + ".json";
  }
  [[nodiscard]] json read() const { return json::parse(read_text(path()), nullptr, false); }
  void update() { file.update(d.now, d.session); }
  /// As the bridge does: wakes for the file's sake, too.
  void advance(Duration span) {
    const TimePoint end = d.now + span;
    while (file.due() && *file.due() <= end) {
      d.advance(*file.due() - d.now);
      update();
    }
    d.advance(end - d.now);
    update();
  }
};

TEST_CASE("status file 13: it says who and how, for this user only, and goes away at the end") {
  FileRig rig;
  const std::string path = rig.path();
  {
    StatusFile file("1.2.3");
    CHECK(file.error().empty());
    file.update(rig.d.now, rig.d.session);
    const json said = rig.read();
    REQUIRE(said.is_object());
    CHECK(said["pid"] == ::getpid());
    CHECK(said["started"] == process_started(::getpid()));
    CHECK(said["version"] == "1.2.3");
    CHECK(said["phase"] == "connecting");
    CHECK(mode_of(path) == 0600);
    CHECK(mode_of(rig.directory()) == 0700);
    CHECK(files_in(rig.directory()).size() == 1);
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("status file 13: a change of phase is written at once") {
  FileRig rig;
  rig.update();
  rig.d.opened();
  rig.update();
  CHECK(rig.read()["phase"] == "validating");
  rig.d.pong();
  rig.update();
  CHECK(rig.read()["phase"] == "ready");
  rig.d.lose();
  rig.update();
  CHECK(rig.read()["phase"] == "waiting");
  rig.d.until_connecting();
  rig.update();
  CHECK(rig.read()["phase"] == "connecting");
  CHECK(rig.read()["epoch"] == 2);
}

TEST_CASE("status file 13: other changes are written every 5 s at most, and none is left out") {
  FileRig rig;
  rig.d.go_ready();
  rig.update();
  CHECK_FALSE(rig.file.due().has_value());
  rig.advance(1s);
  rig.d.host(notify("n"));
  rig.update();
  CHECK(rig.read()["counters"]["host_messages"] == 0);
  REQUIRE(rig.file.due().has_value());
  CHECK(*rig.file.due() == rig.d.now + 4s);
  rig.advance(4s - 1ns);
  rig.d.host(notify("n"));
  rig.update();
  CHECK(rig.read()["counters"]["host_messages"] == 0);
  rig.advance(1ns);
  CHECK(rig.read()["counters"]["host_messages"] == 2);
  CHECK_FALSE(rig.file.due().has_value());
  rig.advance(7s);
  rig.d.host(notify("n"));
  rig.update();
  CHECK(rig.read()["counters"]["host_messages"] == 3);  // at once: the last time is long ago
}

TEST_CASE("status file 13: nothing is written, and nobody woken, while nothing changes") {
  FileRig rig;
  rig.d.go_ready();
  rig.update();
  fs::remove(rig.path());
  rig.advance(14s);
  CHECK_FALSE(rig.file.due().has_value());
  CHECK_FALSE(fs::exists(rig.path()));
}

TEST_CASE("status file 13: since when stays the same while the phase does") {
  FileRig rig;
  rig.d.go_ready();
  rig.update();
  const json since = rig.read()["since"];
  // No time has passed on the wall clock, so that a span counted from now would show.
  rig.advance(1h);
  rig.d.host(notify("n"));
  rig.update();
  CHECK(rig.read()["counters"]["host_messages"] == 1);
  CHECK(rig.read()["since"] == since);
}

TEST_CASE("status file 13: an outage has one beginning, however many attempts there are") {
  FileRig rig;
  rig.update();
  CHECK(rig.read()["down_since"] == rig.read()["since"]);
  rig.d.go_ready();
  rig.update();
  CHECK(rig.read()["down_since"].is_null());
  rig.d.lose();
  rig.update();
  const json down_since = rig.read()["down_since"];
  CHECK(down_since.is_string());
  for (int i = 0; i < 3; ++i) {
    rig.advance(1min);
    rig.update();
    CHECK(rig.read()["down_since"] == down_since);
  }
}

TEST_CASE("status file 13: a directory that is removed is made anew") {
  FileRig rig;
  rig.update();
  fs::remove_all(rig.directory());
  rig.d.opened();
  rig.update();
  CHECK(rig.read()["phase"] == "validating");
  CHECK(mode_of(rig.directory()) == 0700);
}

TEST_CASE("status file 13: what cannot be written is tried again every 5 s") {
  FileRig rig;
  rig.update();
  fs::remove_all(rig.directory());
  write_text(rig.directory(), "in the way");
  rig.d.opened();
  rig.update();
  rig.d.pong();
  rig.update();
  REQUIRE(rig.file.due().has_value());
  CHECK(*rig.file.due() == rig.d.now + 5s);
  rig.advance(20s);
  CHECK(read_text(rig.directory()) == "in the way");
  fs::remove(rig.directory());
  rig.advance(5s);
  CHECK(rig.read()["phase"] == "ready");
  CHECK_FALSE(rig.file.due().has_value());
}

TEST_CASE("status file 13: on a full disk the old file stays whole, and nothing beside it") {
  FileRig rig;
  rig.update();
  // The nearest that a process can come to a full disk by itself.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto* const handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 100, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  rig.d.go_ready();
  rig.update();
  const std::string text = read_text(rig.path());
  const auto files = files_in(rig.directory());
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  CHECK(json::parse(text)["phase"] == "connecting");
  CHECK(files.size() == 1);
  rig.advance(5s);
  CHECK(rig.read()["phase"] == "ready");
}

TEST_CASE(
    "status file 13: what a dead process with our pid left is replaced, links are not followed") {
  FileRig rig;
  fs::create_directory(rig.directory());
  fs::permissions(rig.directory(), fs::perms::owner_all);
  const std::string victim = rig.top / "victim";
  write_text(victim, "precious");
  fs::create_symlink(victim, rig.path());
  fs::create_symlink(victim, rig.directory() + "/" + std::to_string(::getpid()) + ".tmp");
  rig.update();
  CHECK(rig.read()["phase"] == "connecting");
  CHECK_FALSE(fs::is_symlink(rig.path()));
  CHECK(read_text(victim) == "precious");
  CHECK(files_in(rig.directory()).size() == 1);
}

TEST_CASE("status directory 13: the runtime directory comes first, then the temporary one") {
  const TemporaryDirectory top;
  fs::create_directory(top / "run");
  const std::string own = "/mcp-ws-shim-" + std::to_string(::geteuid());
  const Environment temporary("TMPDIR", top / "tmp");
  struct Row {
    const char* name;
    std::string runtime;
    bool counts;
  };
  for (const Row& row : {Row{"ours", top / "run", true}, Row{"empty", "", false},
                         Row{"relative", "run", false}, Row{"missing", top / "none", false}}) {
    CAPTURE(row.name);
    const Environment runtime("XDG_RUNTIME_DIR", row.runtime);
    std::vector<std::string> expected;
    if (row.counts) expected.push_back(row.runtime + "/mcp-ws-shim");
    expected.push_back((top / "tmp") + own);
    CHECK(status_directories() == expected);
  }
  const Environment nowhere("TMPDIR", "relative");
  CHECK(status_directories().back() == "/tmp" + own);
}

TEST_CASE("status directory 13: one that others could have made, or can enter, is not used") {
  const TemporaryDirectory top;
  const std::string path = top / "dir";
  SUBCASE("a symbolic link") {
    fs::create_directory(top / "elsewhere");
    fs::permissions(top / "elsewhere", fs::perms::owner_all);
    fs::create_directory_symlink(top / "elsewhere", path);
  }
  SUBCASE("open to others") {
    fs::create_directory(path);
    fs::permissions(path, fs::perms(0755));
  }
  SUBCASE("a file") { write_text(path, "x"); }
  SUBCASE("somebody else's") {
    if (::geteuid() != 0) {
      MESSAGE("SKIPPED: only root can give a directory away");
      return;
    }
    fs::create_directory(path);
    fs::permissions(path, fs::perms::owner_all);
    REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
  }
  const StatusDirectory opened = open_status_directory(path, true);
  CHECK_FALSE(opened.descriptor);
  CHECK_FALSE(opened.missing);
  CHECK(opened.error.starts_with(path + ": "));
}

TEST_CASE("status file 13: with no directory to be had there is none, and a reason") {
  const TemporaryDirectory top;
  const Environment runtime("XDG_RUNTIME_DIR", "");
  const Environment temporary("TMPDIR", top / "none");
  const Driver d;
  StatusFile file("1");
  CHECK(file.error().find("none") != std::string::npos);
  file.update(d.now, d.session);
  CHECK_FALSE(file.due().has_value());
}

TEST_CASE(
    "status file 13: a runtime directory that cannot be used gives way to the temporary one") {
  const TemporaryDirectory top;
  write_text(top / "mcp-ws-shim", "in the way");
  const Environment runtime("XDG_RUNTIME_DIR", top / "");
  const Environment temporary("TMPDIR", top / "");
  const Driver d;
  StatusFile file("1");
  CHECK(file.error().empty());
  file.update(d.now, d.session);
  CHECK(files_in(top / ("mcp-ws-shim-" + std::to_string(::geteuid()))).size() == 1);
}

}  // namespace
}  // namespace shim::test
