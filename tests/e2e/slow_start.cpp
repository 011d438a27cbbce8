// Preloaded into the shim by lifecycle_test.cpp: the first epoll_create1(), which comes soon after
// main() has begun, makes the file named by E2E_START and takes a minute.

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

extern "C" int epoll_create1(int flags) noexcept {
  using Real = int (*)(int);
  static const Real real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "epoll_create1"));
  static bool is_first = true;
  const char* const path = std::getenv("E2E_START");
  if (is_first && path != nullptr) {
    ::close(::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ::sleep(60);
  }
  is_first = false;
  return real(flags);
}
