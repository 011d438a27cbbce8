#pragma once

#include <string>

#include "shim/core/action.hpp"
#include "shim/core/event.hpp"

namespace sim {

[[nodiscard]] std::string show(const shim::Event& event);
[[nodiscard]] std::string show(const shim::Action& action);

}  // namespace sim
