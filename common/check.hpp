#pragma once

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

/// Invariant checks. A failed check is always our own mistake: no byte from outside may reach one.
namespace shim {

/// Thrown by a failed check once throw_on_failed_check() was called. The bridge answers it by
/// settling what is pending and starting a fresh core; tests leave the default, which aborts.
struct CheckFailed : std::logic_error {
  using std::logic_error::logic_error;
};

namespace detail {
inline bool failed_check_throws = false;

[[noreturn]] inline void check_failed(const char* file, int line, const char* what) {
  const std::string text = std::string(file) + ":" + std::to_string(line) + ": " + what;
  if (failed_check_throws) throw CheckFailed(text);
  std::fprintf(stderr, "check failed: %s\n", text.c_str());
  std::abort();
}
}  // namespace detail

/// Makes failed checks throw instead of abort, for the rest of the process's life.
inline void throw_on_failed_check() { detail::failed_check_throws = true; }

}  // namespace shim

#define SHIM_CHECK(condition)         \
  ((condition) ? static_cast<void>(0) \
               : ::shim::detail::check_failed(__FILE__, __LINE__, #condition))
