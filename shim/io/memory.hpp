#pragma once

namespace shim {

/// Makes the C library keep what is freed for the next message: a fresh page costs a fault, and
/// those were half of what a message of 1 MB cost. One arena serves all threads: the only other one
/// does name lookups. Called once, before anything large is allocated; return_memory() belongs to
/// it.
void keep_freed_memory();

/// Gives what is kept back to the system.
void return_memory();

/// Lets go of the pages of programs and libraries that only starting up has touched: options,
/// symbols, OpenSSL's tables. What is needed again comes back from the page cache. Takes some 100
/// us and saves about 5 MiB of resident memory for as long as the process lives.
void drop_startup_pages();

}  // namespace shim
