#include "terminal.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace e2e {
namespace {

/// The output of a shell command. Throws if it fails.
std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) throw std::runtime_error("popen");
  std::string text;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    text.append(buffer, n);
  if (::pclose(pipe) != 0) throw std::runtime_error(command + ": " + text);
  return text;
}

std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

bool Terminal::available() { return std::system("tmux -V >/dev/null 2>&1") == 0; }

Terminal::Terminal(const std::string& script, const std::vector<std::string>& environment,
                   unsigned columns, unsigned rows) {
  std::string command = "exec env";
  for (const std::string& variable : environment) command += " " + shell_word(variable);
  command += " sh -c " + shell_word(script);
  tmux("-f /dev/null new-session -d -x " + std::to_string(columns) + " -y " + std::to_string(rows) +
       " " + shell_word(command));
  tmux("set-option -g status off");
}

Terminal::~Terminal() {
  try {
    tmux("kill-server");
  } catch (const std::exception&) {
    // It has ended by itself.
  }
}

std::string Terminal::tmux(const std::string& command) const {
  // Not the server of whoever runs the tests in a tmux.
  return output_of("env -u TMUX tmux -S " + shell_word(files_.path("tmux")) + " " + command);
}

std::string Terminal::screen() const { return tmux("capture-pane -p"); }

void Terminal::press(const std::string& key) const { tmux("send-keys " + shell_word(key)); }

void Terminal::resize(unsigned columns, unsigned rows) const {
  tmux("resize-window -x " + std::to_string(columns) + " -y " + std::to_string(rows));
}

bool Terminal::shows_cursor() const {
  return tmux("display-message -p '#{cursor_flag}'").starts_with('1');
}

pid_t Terminal::pid() const { return std::stoi(tmux("display-message -p '#{pane_pid}'")); }

void Terminal::expect(const std::string& what,
                      const std::function<bool(const std::string&)>& done) const {
  const Deadline deadline(patience);
  std::string seen = screen();
  while (!done(seen)) {
    if (deadline.passed()) {
      FAIL_CHECK(what << " does not come; the screen is:\n" << seen);
      return;
    }
    std::this_thread::sleep_for(50ms);
    seen = screen();
  }
}

void Terminal::expect_text(const std::string& part) const {
  expect("'" + part + "'",
         [&](const std::string& seen) { return seen.find(part) != std::string::npos; });
}

}  // namespace e2e
