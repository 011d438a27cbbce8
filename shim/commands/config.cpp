#include "shim/commands/config.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace shim {

int run_config(const Options& options) {
  if (options.json) {
    auto all = nlohmann::ordered_json::array();
    for (const ShownSetting& setting : options.shown)
      all.push_back({{"name", setting.name}, {"value", setting.value}, {"origin", setting.origin}});
    std::printf("%s\n", all.dump(2).c_str());
    return 0;
  }
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (const ShownSetting& setting : options.shown) {
    name_width = std::max(name_width, setting.name.size());
    value_width = std::max(value_width, std::min<std::size_t>(setting.value.size(), 40));
  }
  for (const ShownSetting& setting : options.shown) {
    std::printf("%-*s  %-*s  %s\n", static_cast<int>(name_width), setting.name.c_str(),
                static_cast<int>(value_width), setting.value.c_str(), setting.origin.c_str());
  }
  return 0;
}

}  // namespace shim
