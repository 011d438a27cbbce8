#!/usr/bin/env bash
# Builds the fuzzers and lets each look for a crash for a while.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/fuzz.sh [--seconds N | --inputs N] [--seed N] [TARGET...]

Builds the preset "fuzz" (clang's libFuzzer, AddressSanitizer, UndefinedBehaviorSanitizer) and runs
each fuzzer, two at once, starting from tests/fuzz/corpus.
TARGET is the name of a file in tests/fuzz without .cpp; without one all are run. The last line is
"N fuzzers ran, N failed"; the exit status is 0 only if none failed. tests/fuzz/README.md says what
to do with an input that fails.

  --seconds N  how long each fuzzer runs (default 30)
  --inputs N   how many inputs each fuzzer tries, in whatever time that takes
  --seed N     nearly the same inputs each time (default: others each time, which also start
               from what earlier runs have found)
  -h, --help   this text

Environment:
  MCP_WS_SHIM_CMAKE_ARGS       further arguments for cmake
  CMAKE_BUILD_PARALLEL_LEVEL   compile jobs (default: the number of processors)
TEXT
}

bad_usage() {
  echo "fuzz.sh: $1" >&2
  usage >&2
  exit 2
}

seconds=30
inputs=""
seed=0 # libFuzzer's word for "any"
targets=()
while (($# > 0)); do
  case "$1" in
    --seconds)
      [[ "${2:-}" =~ ^[1-9][0-9]{0,6}$ ]] || bad_usage "--seconds needs a whole number above 0"
      seconds="$2"
      shift
      ;;
    --inputs)
      [[ "${2:-}" =~ ^[1-9][0-9]{0,8}$ ]] || bad_usage "--inputs needs a whole number above 0"
      inputs="$2"
      shift
      ;;
    --seed)
      [[ "${2:-}" =~ ^[1-9][0-9]{0,8}$ ]] || bad_usage "--seed needs a whole number above 0"
      seed="$2"
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) bad_usage "unknown option: $1" ;;
    *) targets+=("$1") ;;
  esac
  shift
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
corpus=tests/fuzz/corpus
all=()
for folder in "$corpus"/*/; do all+=("$(basename "$folder")"); done
((${#targets[@]} > 0)) || targets=("${all[@]}")
for target in "${targets[@]}"; do
  [[ " ${all[*]} " == *" $target "* ]] || bad_usage "no such target: $target; there are ${all[*]}"
done

for tool in clang++-14 cmake ninja; do
  command -v "$tool" >/dev/null || {
    echo "fuzz.sh: $tool is not here; packaging/install-deps.sh --ci installs it" >&2
    exit 1
  }
done
read -ra cmake_args <<<"${MCP_WS_SHIM_CMAKE_ARGS:-}"
cmake --preset fuzz "${cmake_args[@]}"
cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}" \
  --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"

declare -A running=() # by process id
cleanup() {
  ((${#running[@]} == 0)) || kill "${!running[@]}" 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

work=build/fuzz/found
mkdir -p "$work"

if [[ -n "$inputs" ]]; then
  until=(-runs="$inputs")
  longest=3600
else
  until=(-max_total_time="$seconds")
  longest=$((seconds + 120))
fi

start() {
  local target="$1" found="$work/$1"
  if ((seed > 0)); then
    found="$work/seeded/$target"
    rm -rf "$found"
  fi
  mkdir -p "$found" "$work/failures/$target"
  timeout --kill-after=10s "$longest" env --default-signal=INT,QUIT \
    "build/fuzz/tests/fuzz/fuzz_$target" "$found" "$corpus/$target" \
    -seed="$seed" "${until[@]}" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -dict=tests/fuzz/words.dict -artifact_prefix="$work/failures/$target/" \
    </dev/null >"$work/$target.log" 2>&1 &
  running[$!]="$target"
}

failed=0
finish_one() {
  local pid status=0 target log tried
  wait -n -p pid "${!running[@]}" || status=$?
  target="${running[$pid]}"
  unset "running[$pid]"
  log="$work/$target.log"
  tried="$(sed -nE 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)"
  if ((status == 0)); then
    echo "$target: ${tried:-?} inputs, none failed"
    return
  fi
  failed=$((failed + 1))
  echo "$target: FAILED with status $status"
  grep -vE '^#[0-9]+[[:space:]]|^DEDUP|^(INFO|Dictionary)' "$log" | tail -n 60
  echo "$target: repeat it with"
  local input
  input="$(sed -nE 's/^.*Test unit written to //p' "$log" | tail -n 1)"
  echo "  build/fuzz/tests/fuzz/fuzz_$target ${input:-$corpus/$target/*}"
  # From CI there is often nothing but what it printed.
  [[ -z "$input" ]] || echo "$target: the input, of base64: $(base64 -w 0 "$input")"
}

for target in "${targets[@]}"; do
  ((${#running[@]} < 2)) || finish_one
  start "$target"
done
while ((${#running[@]} > 0)); do finish_one; done

echo "${#targets[@]} fuzzers ran, $failed failed"
((failed == 0))
