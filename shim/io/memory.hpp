#pragma once

#include <malloc.h>

namespace shim {

/// Makes the C library give large blocks back to the system as soon as they are freed, instead of
/// keeping up to 64 MiB of them after a few large messages, and use one arena for all threads: the
/// only other thread does name lookups. Called once, before anything large is allocated.
inline void return_memory_early() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
  ::mallopt(M_ARENA_MAX, 1);
#endif
}

}  // namespace shim
