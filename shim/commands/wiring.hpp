#pragma once

#include "shim/io/link.hpp"
#include "shim/io/loop.hpp"
#include "shim/options/options.hpp"

/// What the adapters need to know of the options, the same for every command that connects.
namespace shim {

/// `tls`: whether any of the endpoints that will be used needs it.
[[nodiscard]] Loop::Config loop_config(const Options& options, bool tls);

/// Without what only some commands want: ack_timeout and on_milestone.
[[nodiscard]] Link::Options link_options(const Options& options);

}  // namespace shim
