#include "run.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "files.hpp"
#include "limits.hpp"
#include "process.hpp"

namespace e2e {

Outcome run(const Arguments& arguments, const std::vector<std::string>& environment) {
  TempDir files;
  write_file(files.path("out"), "");
  Ends out = make_pipe();
  Ends err = make_pipe();
  Process shim(Arguments{shim_program()} + arguments, environment,
               Streams{.in = -1, .out = out.write.get(), .err = err.write.get()});
  out.write.close();
  err.write.close();
  Outcome outcome;
  // What it says here is less than a pipe holds.
  outcome.status = shim.wait(allowed(patience)).value_or(-1);
  const auto rest_of = [](const File& file) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = ::read(file.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return text;
  };
  shim.kill();
  outcome.out = rest_of(out.read);
  outcome.err = rest_of(err.read);
  return outcome;
}

void check_usage_error(const Arguments& arguments, const std::vector<std::string>& environment) {
  std::string shown;
  for (const std::string& argument : arguments) shown += argument + " ";
  CAPTURE(shown);
  const Outcome outcome = run(arguments, environment);
  CAPTURE(outcome.err);
  CHECK(outcome.status == 2);
  CHECK(outcome.out.empty());
  CHECK(std::ranges::count(outcome.err, '\n') == 1);
  CHECK(outcome.err.starts_with("mcp-ws-shim: "));
  CHECK(outcome.err.size() > 30);
  CHECK(std::ranges::none_of(outcome.err, [](char c) {
    return c != '\n' && (static_cast<unsigned char>(c) < 32 || c == 127);
  }));
}

}  // namespace e2e
