#!/usr/bin/env bash
# Builds the release preset and measures the shim against whatever else bridges stdio to a WebSocket.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/bench.sh [OPTIONS]

Installs the missing packages, builds the release preset and prints tables in markdown: median
(lowest-highest) ×ratio to the shim. What tests/bench/README.md says about it all.

  --quick            about a minute instead of a quarter of an hour
  --smoke            a few seconds: only whether every contestant answers; the figures mean nothing
  --only GROUP       start, latency, pipelined, memory, idle, reconnect or growth; repeatable
  --who CONTESTANT   only these, and direct; repeatable
  --shim NAME=PATH   another build of the shim to compare with; repeatable
  --runs N           runs of each measurement (default 5, quick 3)
  --awake            keeps the processors from sleeping meanwhile, with loops that give way to
                     everything else: in a virtual machine waking a processor costs more than most
                     of what is measured, and by turns
  --one-cpu          everything on one processor: a switch from one process to the next then always
                     costs the same, which makes the steadiest figures for single round trips
  --json FILE        also writes the figures, every single one, to FILE
  -h, --help         this text

Environment: MCP_WS_SHIM_CMAKE_ARGS, CMAKE_BUILD_PARALLEL_LEVEL as in packaging/test.sh.
TEXT
}

bad_usage() {
  echo "bench.sh: $1" >&2
  usage >&2
  exit 2
}

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="$root/build/release"
awake=false
place=()
arguments=(--shim "mcp-ws-shim=$build/shim/mcp-ws-shim")
while (($# > 0)); do
  case "$1" in
    --quick | --smoke) arguments+=("$1") ;;
    --only | --who | --shim | --runs)
      arguments+=("$1" "${2:?$1 needs a value}")
      shift
      ;;
    --awake) awake=true ;;
    --one-cpu)
      # The last that we may use; the first is often busy with interrupts.
      place=(taskset --cpu-list "$(taskset --cpu-list --pid $$ | grep -oE '[0-9]+$')")
      ;;
    --json)
      # The file is the caller's, wherever that is.
      arguments+=(--json "$(realpath -- "${2:?--json needs a file}")")
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) bad_usage "unknown argument: $1" ;;
  esac
  shift
done
cd "$root"

# The tables alone go to stdout.
{
  packaging/install-deps.sh --bench
  read -ra cmake_args <<<"${MCP_WS_SHIM_CMAKE_ARGS:-}"
  cmake --preset release "${cmake_args[@]}"
  cmake --build --preset release --target bench \
    --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"
  tests/bench/contestants/setup.sh
} >&2

loops=()
if "$awake"; then
  trap 'kill "${loops[@]}" 2>/dev/null' EXIT
  for ((i = 0; i < $(nproc); i++)); do
    timeout 1h chrt --idle 0 sh -c 'while :; do :; done' &
    loops+=("$!")
  done
fi

"${place[@]}" "$build/tests/bench/bench" "${arguments[@]}" --backend "$build/tests/bench/echo_backend" \
  --programs "$root/tests/bench/contestants"
