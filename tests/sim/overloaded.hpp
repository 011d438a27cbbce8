#pragma once

namespace sim {

/// One function out of several, for std::visit.
template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

}  // namespace sim
