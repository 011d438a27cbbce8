#include <cstdio>
#include <exception>

#include "shim/commands/bridge.hpp"
#include "shim/io/descriptor.hpp"
#include "shim/options.hpp"

int main(int argc, char** argv) {
  shim::fill_missing_standard_streams();
  try {
    const shim::ParsedOptions parsed = shim::parse_options(argc, argv);
    if (!parsed.options) return parsed.exit_status;
    return shim::run_bridge(*parsed.options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mcp-ws-shim: %s\n", error.what());
    return 1;
  }
}
