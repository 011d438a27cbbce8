#include "tests/sim/disk.hpp"

#include "tests/sim/world.hpp"

namespace sim {

using namespace std::chrono_literals;

void Disk::load(const std::string& version) {
  const DiskFaults& faults = world_.plan().disk;
  const auto file = files_.find(version);
  std::string text = file == files_.end() ? std::string() : file->second;
  if (world_.chance(faults.corrupt)) {
    switch (world_.random().between(std::uint64_t{0}, 3)) {
      case 0: text.resize(text.size() / 2); break;
      case 1: text = "{\"format\":0}"; break;
      case 2: text = old_cache_file("2024-11-05"); break;  // under the wrong name
      default: text.clear();
    }
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
