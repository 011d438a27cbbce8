#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "files.hpp"
#include "limits.hpp"

namespace e2e {

/// A terminal on which a command runs: a tmux server of our own, ended with this object.
class Terminal {
 public:
  /// Whether there is a tmux here.
  [[nodiscard]] static bool available();

  /// `script` is run by sh, with `environment` (NAME=value) added to ours.
  Terminal(const std::string& script, const std::vector<std::string>& environment,
           unsigned columns = 100, unsigned rows = 20);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// What is to be seen, without blanks at the ends of lines.
  [[nodiscard]] std::string screen() const;
  /// As tmux calls them: "C-c", "Enter".
  void press(const std::string& key) const;
  void resize(unsigned columns, unsigned rows) const;
  [[nodiscard]] bool shows_cursor() const;
  /// Of the shell.
  [[nodiscard]] pid_t pid() const;

  /// Waits until the screen is as it should be. Fails the test with `what` and the screen.
  void expect(const std::string& what, const std::function<bool(const std::string&)>& done) const;
  void expect_text(const std::string& part) const;

 private:
  std::string tmux(const std::string& command) const;

  TempDir files_;
};

}  // namespace e2e
