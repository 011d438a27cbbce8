#pragma once

namespace shim {

/// Gives up what a bridge never needs: privileges that an exec could bring, and, while it holds a
/// secret, core dumps and other processes of the user that look into its memory (prctl(2)). To be
/// called once all standard streams are open: afterwards /proc/self may not be ours.
void harden(bool holds_secret);

}  // namespace shim
