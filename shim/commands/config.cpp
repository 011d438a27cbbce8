#include "shim/commands/config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "common/text.hpp"
#include "shim/commands/output.hpp"

namespace shim {

int run_config(const Options& options) {
  if (options.json) {
    auto all = nlohmann::ordered_json::array();
    for (const ShownSetting& setting : options.shown)
      all.push_back({{"name", setting.name}, {"value", setting.value}, {"origin", setting.origin}});
    const auto replace = nlohmann::ordered_json::error_handler_t::replace;
    return print_out(all.dump(2, ' ', true, replace) + "\n") ? 0 : 1;
  }
  auto shown = options.shown;
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (ShownSetting& setting : shown) {
    setting.value = printable(setting.value, setting.value.size());
    name_width = std::max(name_width, setting.name.size());
    value_width = std::max(value_width, std::min<std::size_t>(setting.value.size(), 40));
  }
  std::string out;
  for (const auto& [name, value, origin] : shown) {
    out += name;
    out.append(name_width + 2 - name.size(), ' ');
    out += value;
    out.append(std::max(value_width, value.size()) + 2 - value.size(), ' ');
    out += origin;
    out += '\n';
  }
  return print_out(out) ? 0 : 1;
}

}  // namespace shim
