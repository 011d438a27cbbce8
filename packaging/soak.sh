#!/usr/bin/env bash
# One session that outlives its backend thousands of times.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/soak.sh [--cycles N] [--preset NAME]

Builds the shim and the fake backend, starts both for real, and kills the backend N times, each time
at another moment: while the shim connects, resumes, sends, waits or idles. Fails if a request was
not settled exactly once, a call that must not be repeated was, a link took more than a few seconds,
or memory or descriptors grew. About 30 cycles a second on an idle machine.

  --cycles N     lives of the backend, 10 or more (default 10000)
  --preset NAME  release (default), dev, asan or tsan
  -h, --help     this text

Environment: that of packaging/test.sh.
TEXT
}

cycles=10000
preset=release
while (($# > 0)); do
  case "$1" in
    --cycles)
      cycles="${2:-}"
      shift
      ;;
    --preset)
      preset="${2:-}"
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "soak: unknown argument: $1" >&2
      usage >&2
      exit 2
      ;;
  esac
  shift || break
done
if [[ ! "$cycles" =~ ^[1-9][0-9]+$ || -z "$preset" ]]; then
  echo "soak: --cycles needs a number from 10 on, --preset a name" >&2
  exit 2
fi

cd "$(dirname "${BASH_SOURCE[0]}")/.."
E2E_SOAK_CYCLES="$cycles" TEST_PROGRAM_LIMIT="${TEST_PROGRAM_LIMIT:-120m}" \
  exec packaging/test.sh --preset "$preset" --only e2e --filter 'soak:*'
