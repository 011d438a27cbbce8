// Alive, busy or gone, and what the host is told meanwhile (contract 7 and 8).

#include <cstdint>

#include "tests/sim/scenario.hpp"
