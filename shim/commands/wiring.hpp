#pragma once

#include "shim/io/link.hpp"
#include "shim/io/loop.hpp"
#include "shim/io/secrets.hpp"
#include "shim/options/options.hpp"

/// What the adapters need to know of the options, the same for every command that connects.
namespace shim {

/// `tls`: whether any of the endpoints that will be used needs it.
[[nodiscard]] Loop::Config loop_config(const Options& options, bool tls);

/// All but the token, which the link learns at each attempt.
[[nodiscard]] Secrets secrets_of(const Options& options);

/// Without what only some commands want: ack_timeout and on_milestone. `secrets` must outlive it.
[[nodiscard]] Link::Options link_options(const Options& options, Secrets& secrets);

}  // namespace shim
