#pragma once

#include "contestant.hpp"
#include "session.hpp"

namespace bench {

/// The same with next to no waits before it connects again.
[[nodiscard]] Contestant hasty(const Contestant& contestant);

/// Has the backend close the connection, and returns once calls are answered again.
void reconnect(Session& session);

}  // namespace bench
