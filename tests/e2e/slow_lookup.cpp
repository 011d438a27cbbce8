// Preloaded into the shim by lookup_test.cpp: getaddrinfo() for the names "scripted.test" and
// "localhost" does what the file named by E2E_LOOKUP says at that moment: `hang` (until it says
// something else), `fail`, or `find`, which is 127.0.0.1 unless addresses follow. It also counts,
// in the file's neighbour `.calls`, by growing it.

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>

namespace {

std::string order(const char* path) {
  char text[64]{};
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t count = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  return count > 0 ? text : "";
}

}  // namespace

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const Real real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const char* const path = std::getenv("E2E_LOOKUP");
  const bool is_scripted = node != nullptr && (std::strcmp(node, "scripted.test") == 0 ||
                                               std::strcmp(node, "localhost") == 0);
  if (!is_scripted || path == nullptr) return real(node, service, hints, found);
  const int calls = ::open((std::string(path) + ".calls").c_str(),
                           O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (::write(calls, ".", 1) != 1) std::abort();
  ::close(calls);
  while (order(path) == "hang") ::usleep(10'000);
  if (order(path) == "fail") return EAI_NONAME;
  std::istringstream words(order(path));
  std::string address;
  words >> address;  // "find"
  addrinfo** end = found;
  *end = nullptr;
  while (words >> address) {
    if (const int error = real(address.c_str(), service, hints, end); error != 0) return error;
    while (*end != nullptr) end = &(*end)->ai_next;
  }
  return *found != nullptr ? 0 : real("127.0.0.1", service, hints, found);
}
