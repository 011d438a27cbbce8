#include "shim/io/hardening.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace shim {

void harden(bool holds_secret) {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (!holds_secret) return;
  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__  // LeakSanitizer looks into our memory from outside
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace shim
