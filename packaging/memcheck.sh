#!/usr/bin/env bash
# Sessions with a shim that runs under valgrind.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/memcheck.sh [PATTERN]

Builds the dev preset and runs end-to-end tests with the shim under valgrind's memcheck: invalid
memory, values that were never set, descriptors and memory not given back. Fails on any report.
Without valgrind it prints SKIPPED and ends with status 0.

  PATTERN     test cases (doctest's -tc=; default: a session with a restart, one that is served from
              the cache, and one over TLS)
  -h, --help  this text

Environment:
  MCP_WS_SHIM_CMAKE_ARGS     further arguments for cmake
  CMAKE_BUILD_PARALLEL_LEVEL compile jobs (default: the number of processors)
TEXT
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
  -*)
    usage >&2
    exit 2
    ;;
esac
pattern="${1:-memcheck:*,tls: large messages pass both ways*}"

if ! command -v valgrind >/dev/null; then
  echo "SKIPPED: valgrind is not installed (packaging/install-deps.sh --ci)"
  exit 0
fi

cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

read -ra cmake_args <<<"${MCP_WS_SHIM_CMAKE_ARGS:-}"
build() {
  cmake --preset dev "${cmake_args[@]}" &&
    cmake --build --preset dev --target e2e_tests \
      --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"
}
build >"$work/build.log" 2>&1 || {
  tail -n 40 "$work/build.log"
  echo "memcheck: the build failed"
  exit 1
}

# The tests start what E2E_SHIM names. --quiet: no reports, no lines between equals signs.
cat >"$work/shim" <<SCRIPT
#!/bin/sh
exec valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect,possible \\
  --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \\
  --log-file='$work/report.%p' '$PWD/build/dev/shim/mcp-ws-shim' "\$@"
SCRIPT
chmod +x "$work/shim"

status=0
E2E_SHIM="$work/shim" E2E_TIME_FACTOR=10 timeout --kill-after=10s 10m \
  build/dev/tests/e2e/e2e_tests --no-colors=true "-tc=$pattern" </dev/null || status=$?
# Lines between dashes are about valgrind itself: it does not know pidfd_open(2).
if grep -q '^==' "$work"/report.* 2>/dev/null; then
  grep -h '^==' "$work"/report.*
  echo "memcheck: valgrind has something to report, see above"
  exit 1
fi
compgen -G "$work/report.*" >/dev/null || {
  echo "memcheck: no shim ran under valgrind"
  exit 1
}
exit "$status"
