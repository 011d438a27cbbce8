#include "command.hpp"

#include <fcntl.h>

namespace e2e {

Command::Command(const Arguments& arguments, const std::vector<std::string>& environment,
                 std::string_view input) {
  for (const char* name : {"out", "err"}) write_file(files_.path(name), "");
  write_file(files_.path("in"), std::string(input));
  const File in(::open(files_.path("in").c_str(), O_RDONLY | O_CLOEXEC));
  const File out(::open(files_.path("out").c_str(), O_WRONLY | O_CLOEXEC));
  const File err(::open(files_.path("err").c_str(), O_WRONLY | O_CLOEXEC));
  process_ = std::make_unique<Process>(Arguments{shim_program()} + arguments, environment,
                                       Streams{.in = in.get(), .out = out.get(), .err = err.get()});
}

Outcome Command::finish(Millis limit) {
  const int status = process_->wait(allowed(limit)).value_or(-1);
  process_->kill();
  return {
      .status = status, .out = read_file(files_.path("out")), .err = read_file(files_.path("err"))};
}

}  // namespace e2e
