#pragma once

#include <string>
#include <vector>

#include "faults.hpp"
#include "json.hpp"

namespace backend {

struct WireMessage {
  std::string text;
  bool binary = false;
};

/// What goes out for one answer to a request of `method`, in order: the answer as the faults want
/// it and whatever they put around it.
[[nodiscard]] std::vector<WireMessage> spell_answer(const Json& answer, const std::string& method,
                                                    const Faults& faults);

}  // namespace backend
