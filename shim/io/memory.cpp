#include "shim/io/memory.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace shim {

void keep_freed_memory() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // as much as it takes
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  ::mallopt(M_ARENA_MAX, 1);
#endif
}

void return_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

void drop_startup_pages() {
  const auto drop = [](dl_phdr_info* object, std::size_t, void*) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (unsigned i = 0; i < object->dlpi_phnum; ++i) {
      const auto& segment = object->dlpi_phdr[i];
      // Only what is never written, not even by the loader: the file still has it.
      if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
      const std::uintptr_t start = object->dlpi_addr + segment.p_vaddr;
      const std::uintptr_t first = start / page * page;
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader gives no pointers
      ::madvise(reinterpret_cast<void*>(first), start + segment.p_memsz - first, MADV_DONTNEED);
    }
    return 0;
  };
  ::dl_iterate_phdr(drop, nullptr);
}

}  // namespace shim
