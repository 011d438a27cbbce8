// `status --watch` on a terminal (contract 13).

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "backend.hpp"
#include "host.hpp"
#include "terminal.hpp"

namespace e2e {
namespace {

bool no_tmux() {
  if (Terminal::available()) return false;
  MESSAGE("SKIPPED: tmux is not there (Debian: tmux)");
  return true;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

/// A shim, and a shell that watches it and then says how that ended.
struct Rig {
  std::string before{};  ///< the command that watches
  Backend backend{Arguments{}};
  TempDir files{};
  std::vector<std::string> environment{"XDG_RUNTIME_DIR=" + files.path(""),
                                       "TMPDIR=" + files.path("")};
  Host host{Arguments{"--backoff-base", "50ms", "--backoff-cap", "100ms", backend.url("/a-path")},
            {.environment = environment}};
  Terminal terminal{"trap : INT; echo before; " + before + shim_program() +
                        " status --watch; echo \"ended with $?\"; exec sleep 60",
                    environment};

  /// Of the watching program.
  [[nodiscard]] pid_t watcher() const {
    const auto found = children(terminal.pid());
    REQUIRE(found.size() == 1);
    return found[0];
  }
};

}  // namespace

TEST_CASE("status --watch: follows what happens, in place") {
  if (no_tmux()) return;
  Rig rig;
  rig.terminal.expect_text(" ready ");
  std::string seen = rig.terminal.screen();
  CHECK(count(seen, "PID ") == 1);
  CHECK(seen.starts_with("PID "));
  CHECK(seen.find("before") == std::string::npos);
  check_holds(seen, std::to_string(rig.host.pid()));
  CHECK_FALSE(rig.terminal.shows_cursor());

  rig.backend.kill();
  rig.terminal.expect_text(" failed ");
  seen = rig.terminal.screen();
  CHECK(count(seen, "PID ") == 1);
  CHECK(seen.find(" ready ") == std::string::npos);

  rig.backend.start();
  rig.terminal.expect_text(" ready ");
  rig.host.close_input();
  rig.terminal.expect_text("no shim is running");
  CHECK(count(rig.terminal.screen(), "PID ") == 0);
}

TEST_CASE("status --watch: Ctrl-C ends it and gives the cursor back") {
  if (no_tmux()) return;
  Rig rig;
  rig.terminal.expect_text(" ready ");
  rig.terminal.press("C-c");
  rig.terminal.expect_text("ended with 0");
  CHECK(rig.terminal.shows_cursor());
  const std::string seen = rig.terminal.screen();
  CHECK(seen.find(" ready ") < seen.find("ended with 0"));  // the last look stays
  CHECK(count(seen, "PID ") == 1);
}

TEST_CASE("status --watch: a window that changes its size is drawn anew, cut to fit") {
  if (no_tmux()) return;
  Rig rig;
  rig.terminal.expect_text("/a-path");
  const auto lines_used = [](const std::string& seen) {
    return std::ranges::count_if(seen.substr(0, seen.find_last_not_of('\n') + 1) + "\n",
                                 [](char c) { return c == '\n'; });
  };
  rig.terminal.resize(50, 8);
  rig.terminal.expect("three lines, cut", [&](const std::string& seen) {
    return lines_used(seen) == 3 && seen.starts_with("PID ") &&
           seen.find("HEALTH") == std::string::npos && seen.find("/a-path") != std::string::npos;
  });
  rig.terminal.resize(160, 30);
  rig.terminal.expect("the whole table", [&](const std::string& seen) {
    return lines_used(seen) == 2 && seen.starts_with("PID ") &&
           seen.find("LAST ERROR") != std::string::npos &&
           seen.find("/a-path") != std::string::npos;
  });
  rig.terminal.resize(10, 2);
  rig.terminal.expect("what there is room for", [&](const std::string& seen) {
    return lines_used(seen) == 1 && seen.starts_with("... 3 more");
  });
}

TEST_CASE("status --watch: a terminal that understands nothing gets one table after the other") {
  if (no_tmux()) return;
  const Rig rig{.before = "TERM=dumb "};
  rig.terminal.expect("two tables", [](const std::string& seen) {
    return count(seen, "PID ") > 1 && count(seen, " ready ") > 1;
  });
  CHECK(rig.terminal.screen().starts_with("before"));
  CHECK(rig.terminal.shows_cursor());
}

TEST_CASE("status --watch: stopped it gives the cursor back, continued it draws anew") {
  if (no_tmux()) return;
  Rig rig;
  rig.terminal.expect_text(" ready ");
  const pid_t watcher = rig.watcher();
  REQUIRE(::kill(watcher, SIGTSTP) == 0);
  rig.terminal.expect("the cursor",
                      [&](const std::string&) { return rig.terminal.shows_cursor(); });
  REQUIRE(::kill(watcher, SIGCONT) == 0);
  rig.terminal.expect("no cursor",
                      [&](const std::string&) { return !rig.terminal.shows_cursor(); });
  CHECK(rig.terminal.screen().starts_with("PID "));
  REQUIRE(::kill(watcher, SIGTERM) == 0);
  rig.terminal.expect_text("ended with 0");
  CHECK(rig.terminal.shows_cursor());
}

}  // namespace e2e
