#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <sys/prctl.h>

#include <csignal>

int main(int argc, char** argv) {
  // Writing to a shim that has ended is an error to look at, not the end of the tests.
  std::signal(SIGPIPE, SIG_IGN);
  // Orphans become our children, so that their exit status can be seen.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  return doctest::Context(argc, argv).run();
}
