#pragma once

namespace shim {

/// Makes the C library give large blocks back to the system as soon as they are freed, instead of
/// keeping up to 64 MiB of them after a few large messages, and use one arena for all threads: the
/// only other thread does name lookups. Called once, before anything large is allocated.
void return_memory_early();

/// Lets go of the pages of programs and libraries that only starting up has touched: options,
/// symbols, OpenSSL's tables. What is needed again comes back from the page cache. Takes some 100
/// us and saves about 5 MiB of resident memory for as long as the process lives.
void drop_startup_pages();

}  // namespace shim
