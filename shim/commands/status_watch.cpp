#include "shim/commands/status_watch.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <string_view>
#include <vector>

#include "shim/commands/output.hpp"
#include "shim/commands/status_table.hpp"

namespace shim {
namespace {

// ECMA-48, and DECTCEM for the cursor.
constexpr const char* hide_cursor = "\x1b[?25l";
constexpr const char* show_cursor = "\x1b[?25h";
constexpr std::string_view home = "\x1b[H";
constexpr std::string_view clear_screen = "\x1b[2J";
constexpr std::string_view clear_line_end = "\x1b[K";
constexpr std::string_view clear_below = "\x1b[J";

using Look = std::function<std::string(std::size_t)>;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// `text` as a terminal of this size is to be told it, from the top left corner.
std::string framed(std::string_view text, std::size_t columns, std::size_t rows) {
  const auto lines = lines_of(text);
  // The last row stays free for the cursor.
  const std::size_t room = std::max<std::size_t>(rows, 2) - 1;
  const bool all = lines.size() <= room;
  const std::size_t count = all ? lines.size() : room - 1;
  std::string out(home);
  const auto add = [&out, columns](std::string_view line) {
    out += line.substr(0, columns);
    // With the last column filled it would take that column's character away.
    if (line.size() < columns) out += clear_line_end;
    out += "\r\n";
  };
  for (std::size_t i = 0; i < count; ++i) add(lines[i]);
  if (!all) add("... " + std::to_string(lines.size() - count) + " more lines");
  return out += clear_below;
}

/// The signals that matter here, waited for instead of handled.
class TerminalSignals {
 public:
  TerminalSignals() {
    ::sigemptyset(&set_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP})
      ::sigaddset(&set_, number);
    ::sigprocmask(SIG_BLOCK, &set_, &before_);
  }
  ~TerminalSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  TerminalSignals(const TerminalSignals&) = delete;
  TerminalSignals& operator=(const TerminalSignals&) = delete;

  /// The one that came within a second, or 0.
  [[nodiscard]] int wait() const {
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    int number = 0;
    do {
      number = ::sigtimedwait(&set_, nullptr, &second);
    } while (number < 0 && errno == EINTR);
    return std::max(number, 0);
  }

 private:
  sigset_t set_{};
  sigset_t before_{};
};

/// The terminal while it is ours.
class Screen {
 public:
  Screen() { control(hide_cursor); }
  ~Screen() { control(show_cursor); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  [[nodiscard]] static bool draw(const Look& look, bool anew) {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
      size = {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    return print_out((anew ? std::string(clear_screen) : "") +
                     framed(look(size.ws_col), size.ws_col, size.ws_row));
  }

  /// Does what SIGTSTP would have done; returns when we are continued.
  static void stop() {
    control(show_cursor);
    ::raise(SIGSTOP);
    control(hide_cursor);
  }

 private:
  /// A terminal that does not take it will not take what is drawn either, which is told.
  static void control(std::string_view sequence) {
    [[maybe_unused]] const ssize_t written =
        ::write(STDOUT_FILENO, sequence.data(), sequence.size());
  }
};

bool watch_on_terminal(const Look& look) {
  const TerminalSignals signals;
  const Screen screen;
  for (int signal = SIGWINCH;; signal = signals.wait()) {
    if (signal == SIGTSTP) {
      Screen::stop();
    } else if (signal != 0 && signal != SIGWINCH) {
      return true;
    }
    if (!Screen::draw(look, signal != 0)) return false;
  }
}

}  // namespace

bool watch(const Look& look) {
  if (is_capable_terminal()) return watch_on_terminal(look);
  const TerminalSignals signals;
  for (int signal = 0; print_out(look(unlimited_columns));) {
    do {
      signal = signals.wait();
    } while (signal == SIGWINCH);
    if (signal == SIGTSTP) {
      ::raise(SIGSTOP);
    } else if (signal != 0) {
      return true;
    }
    if (!print_out("\n")) break;
  }
  return false;
}

}  // namespace shim
