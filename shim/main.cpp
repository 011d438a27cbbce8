#include <exception>

#include "shim/commands/bridge.hpp"
#include "shim/commands/call.hpp"
#include "shim/commands/config.hpp"
#include "shim/commands/doctor.hpp"
#include "shim/commands/output.hpp"
#include "shim/commands/status.hpp"
#include "shim/io/process.hpp"
#include "shim/io/standard_stream.hpp"
#include "shim/options/options.hpp"

namespace {

int run(const shim::Options& options) {
  if (options.command != shim::Command::bridge) shim::leave_early_signals();
  switch (options.command) {
    case shim::Command::bridge: return shim::run_bridge(options);
    case shim::Command::config: return shim::run_config(options);
    case shim::Command::status: return shim::run_status(options);
    case shim::Command::call: return shim::run_call(options);
    case shim::Command::doctor: return shim::run_doctor(options);
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  shim::take_early_signals();
  shim::fill_missing_standard_streams();
  try {
    const shim::ParsedOptions parsed = shim::parse_options(argc, argv);
    if (parsed.options) return run(*parsed.options);
    return shim::print_out(parsed.text) ? parsed.exit_status : 1;
  } catch (const std::exception& error) {
    shim::complain(error.what());
    return 1;
  }
}
