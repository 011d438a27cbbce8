// The door through which libFuzzer comes in.

#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::targets().front().run({reinterpret_cast<const char*>(data), size});
  return 0;
}
