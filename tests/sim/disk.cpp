#include "tests/sim/disk.hpp"

#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;

void Disk::load(const std::string& version) {
  const DiskFaults& faults = world_.plan().disk;
  const auto file = files_.find(version);
  std::string text = file == files_.end() ? std::string() : file->second;
  if (world_.chance(faults.corrupt)) {
    text = world_.random().chance(0.5) ? text.substr(0, text.size() / 2) : "{\"format\":0}";
  }
  const Duration most = world_.is_calm() ? Duration(1ms) : faults.delay_max;
  world_.after(world_.random().between(Duration(0), most), [this, version, text] {
    world_.tell(shim::event::CacheLoaded{version, text});
  });
}

std::string old_cache_file(const std::string& version) {
  return R"({"format":1,"url":"ws://simulated/","version":")" + version + R"(","results":{)" +
         R"("initialize":{"protocolVersion":")" + version + R"(","capabilities":{"tools":)" +
         R"({"listChanged":true},"logging":{}},"serverInfo":{"name":"simulated","version":"0"}},)" +
         R"("tools/list":{"tools":[{"name":"old","inputSchema":{"type":"object"}}]}}})";
}

}  // namespace sim
