#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/sim/plan.hpp"
#include "tests/sim/stream.hpp"

/// The fields of a plan by name: to be told, and to be set back to those of a calm plan.
namespace sim {

/// What differs from calm_plan(), for people: `link.refused 0.31, settings.queue_timeout 500ms`.
[[nodiscard]] std::string describe(const Plan& plan);

/// The fields that differ from calm_plan().
[[nodiscard]] std::vector<Part> parts_of(const Plan& plan);

/// Sets the others back to those of calm_plan().
void keep_fields(Plan& plan, const std::set<Part>& kept);

/// The name of the field of `plan` that stands there; empty if none does.
[[nodiscard]] std::string field_name(const Plan& plan, const void* where);

/// As it stands in traces and command lines.
[[nodiscard]] std::string part_name(Part part);

}  // namespace sim
