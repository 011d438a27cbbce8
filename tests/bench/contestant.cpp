#include "contestant.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace bench {
namespace {

namespace fs = std::filesystem;

bool is_installed(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((fs::path(folder) / program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

Contestant socat() {
  Contestant result("socat", {"socat", "-b65536", "STDIO", "TCP:127.0.0.1:{port},nodelay"});
  result.wire = Contestant::Wire::lines;
  if (!is_installed("socat")) result.skipped = "socat is not installed";
  return result;
}

Contestant on_node(const std::string& name, const fs::path& program, const std::string& package,
                   const std::vector<std::string>& arguments) {
  Contestant result(name, {"node", program.string()});
  result.command.insert(result.command.end(), arguments.begin(), arguments.end());
  if (!is_installed("node")) {
    result.skipped = "node is not installed";
  } else if (!fs::exists(program) || !fs::exists(package)) {
    result.skipped = "its npm package is not installed (tests/bench/contestants/setup.sh)";
  }
  return result;
}

Contestant python(const fs::path& program) {
  // Debian's python3, for which Debian's packages are; another one may come first on PATH.
  const std::string interpreter = "/usr/bin/python3";
  Contestant result("python3-websockets", {interpreter, program.string(), "{url}"});
  if (std::system((interpreter + " -c 'import websockets' 2>/dev/null").c_str()) != 0) {
    result.skipped = "python3-websockets is not installed";
  }
  return result;
}

}  // namespace

std::vector<Contestant> contestants(const std::vector<Shim>& shims, const std::string& folder) {
  std::vector<Contestant> all{Contestant(direct_name, {})};
  for (const auto& shim : shims) {
    Contestant contestant(shim.name, {shim.program, "{url}"});
    contestant.is_shim = true;
    if (!is_installed(shim.program) && !fs::exists(shim.program)) {
      contestant.skipped = shim.program + " does not exist";
    }
    all.push_back(contestant);
  }
  const fs::path programs(folder);
  const fs::path modules = programs / "node_modules";
  all.push_back(socat());
  all.push_back(on_node("node-ws", programs / "node_ws.mjs", modules / "ws", {"{url}"}));
  all.push_back(on_node("mcp-websocket-transport",
                        modules / "mcp-websocket-transport" / "dist" / "bridge.js",
                        modules / "mcp-websocket-transport", {"{url}"}));
  all.push_back(on_node("wscat", modules / "wscat" / "bin" / "wscat", modules / "wscat",
                        {"--connect", "{url}"}));
  all.back().loses_early_lines = true;
  all.push_back(python(programs / "python_websockets.py"));
  return all;
}

}  // namespace bench
