#!/usr/bin/env bash
# Sets everything up, builds, runs every test program and adds up the results.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/test.sh [OPTIONS]

Installs the missing packages, builds one preset and runs its tests. The last line is always
"N passed, N failed". The exit status is 0 only if something ran and nothing failed. In the presets asan
and tsan the end-to-end tests themselves are those of dev: only the shim carries the sanitizer.

  --preset NAME           dev (default), release, asan, tsan or coverage; built in build/NAME
  --only PART             unit, golden, sim, fuzz, e2e, sdk, clients or backends instead of all;
                          fuzz: the fuzzers' corpora, sdk: the official TypeScript SDK as the host,
                          clients: further real clients, backends: real servers and proxies (the
                          last three in dev and release only)
  --filter PATTERN        test cases whose name matches, for example '*reconnect*' (doctest's -tc=;
                          not for sdk, clients and backends)
  -h, --help              this text

Environment:
  MCP_WS_SHIM_CMAKE_ARGS     further arguments for cmake, for example -DMCP_WS_SHIM_WERROR=ON
  CMAKE_BUILD_PARALLEL_LEVEL compile jobs (default: the number of processors)
  TEST_PROGRAM_LIMIT         longest run of one test program (default 20m)
TEXT
}

preset=dev
programs=(unit golden sim fuzz e2e sdk clients backends)
program_args=(--no-colors=true)

bad_usage() {
  echo "test.sh: $1" >&2
  usage >&2
  exit 2
}

while (($# > 0)); do
  case "$1" in
    --preset)
      preset="${2:?--preset needs a name}"
      shift
      ;;
    --only)
      case "${2:-}" in
        unit | golden | sim | fuzz | e2e | sdk | clients | backends) programs=("$2") ;;
        *) bad_usage "--only takes unit, golden, sim, fuzz, e2e, sdk, clients or backends" ;;
      esac
      shift
      ;;
    --filter)
      program_args+=("-tc=${2:?--filter needs a pattern}")
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

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

work="$(mktemp -d)"
running=()
cleanup() {
  local pid
  for pid in "${running[@]}"; do
    kill "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# For what fails before the first test: the last line keeps its form.
give_up() {
  echo "test.sh: $1"
  echo "0 passed, 1 failed"
  exit 1
}

packaging/install-deps.sh --tests || give_up "the packages could not be installed"

# build PRESET TARGET...
build() {
  local preset="$1" cmake_args
  shift
  read -ra cmake_args <<<"${MCP_WS_SHIM_CMAKE_ARGS:-}"
  cmake --preset "$preset" "${cmake_args[@]}" || give_up "cmake could not configure preset $preset"
  cmake --build --preset "$preset" --target "$@" \
    --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" ||
    give_up "the build of preset $preset failed"
}

# What drives the shim from outside is this preset's.
driver="$preset"
case "$preset" in
  asan | tsan)
    driver=dev
    export E2E_SANITIZED=1 E2E_SHIM="${E2E_SHIM:-$root/build/$preset/shim/mcp-ws-shim}"
    ;;
esac
targets=(mcp-ws-shim)
for name in "${programs[@]}"; do
  case "$name" in
    unit | golden | sim | fuzz) targets+=("${name}_tests") ;;
    e2e) [[ "$driver" != "$preset" ]] || targets+=(e2e_tests) ;;
    *) targets+=(fake_backend) ;;
  esac
done
build "$preset" "${targets[@]}"
if [[ "$driver" != "$preset" && " ${programs[*]} " == *" e2e "* ]]; then build "$driver" e2e_tests; fi

# Sets `status`. The output goes to a file that tail shows, not through a pipe: a process that a
# crashed test left behind would keep a pipe open for ever. A background command ignores SIGINT,
# and its children inherit that, so the default is put back.
run_program() {
  local log="$1" pid tail_pid
  shift
  : >"$log"
  timeout --kill-after=10s "${TEST_PROGRAM_LIMIT:-20m}" \
    env --default-signal=INT,QUIT "$@" </dev/null >"$log" 2>&1 &
  pid=$!
  tail -n +1 -s 0.2 -f --pid="$pid" "$log" &
  tail_pid=$!
  running=("$pid" "$tail_pid")
  status=0
  wait "$pid" || status=$?
  wait "$tail_pid" || true
  running=()
}

# The end-to-end tests mostly wait, so several of their files run at once; those that measure how idle
# the machine is run alone. Sets `status`; all summaries are in the log.
run_e2e() {
  local log="$1" program="$2" at_once=3 worst file pid files alone=(idle reconnect)
  local -A file_of=()
  shift 2
  run_program "$log.alone" "$program" "$@" \
    --source-file="$(printf '*/%s_test.cpp,' "${alone[@]}")"
  worst=$status
  end_one() {
    status=0
    wait -n -p pid "${running[@]}" || status=$?
    ((status <= worst)) || worst=$status
    echo "${file_of[$pid]}:"
    cat "$log.${file_of[$pid]}"
    unset "file_of[$pid]"
    running=("${!file_of[@]}")
  }
  # Those with most cases first, or the last one would run alone for long.
  mapfile -t files < <(grep -c 'TEST_CASE(' tests/e2e/*_test.cpp | sort -t: -k2,2nr | cut -d: -f1)
  for file in "${files[@]}"; do
    file="$(basename "$file" _test.cpp)"
    [[ " ${alone[*]} " != *" $file "* ]] || continue
    ((${#running[@]} < at_once)) || end_one
    timeout --kill-after=10s "${TEST_PROGRAM_LIMIT:-20m}" env --default-signal=INT,QUIT \
      "$program" "$@" --source-file="*/${file}_test.cpp" </dev/null >"$log.$file" 2>&1 &
    file_of[$!]="$file"
    running=("${!file_of[@]}")
  done
  while ((${#running[@]} > 0)); do end_one; done
  status=$worst
  cat "$log".* >"$log"
}

# The cases on npm packages are scripts, too slow and of no further use under a sanitizer.
run_scripts() {
  local log="$1" folder="$2" sdk=tests/e2e/sdk
  $sdk/setup.sh >"$log" 2>&1 || status=$?
  cat "$log"
  if ((status != 0)) || grep -q 'SKIPPED:' "$log"; then
    return
  fi
  run_program "$log" env SHIM="$root/build/$preset/shim/mcp-ws-shim" \
    FAKE_BACKEND="$root/build/$preset/tests/backend/fake_backend" \
    $sdk/node.sh $sdk/run.mjs --in "$folder"
}

passed_total=0
failed_total=0
for name in "${programs[@]}"; do
  program="build/$preset/tests/$name/${name}_tests"
  [[ "$name" != e2e ]] || program="build/$driver/tests/e2e/e2e_tests"
  log="$work/$name.log"
  if [[ "$name" =~ ^(sdk|clients|backends)$ ]]; then
    [[ "$preset" == dev || "$preset" == release ]] || continue
    folder=.
    [[ "$name" == sdk ]] || folder="$name"
    echo
    echo "== tests/e2e/sdk/$folder"
    status=0
    run_scripts "$log" "$folder"
    counts="$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log" | tail -n 1)"
    if [[ -z "$counts" ]] && grep -q 'SKIPPED:' "$log"; then continue; fi
    read -r passed failed <<<"${counts:-0 1}"
    if ((status != 0 && failed == 0)); then failed=1; fi
    passed_total=$((passed_total + passed))
    failed_total=$((failed_total + failed))
    continue
  fi
  echo
  echo "== $program"
  if [[ ! -x "$program" ]]; then
    echo "test.sh: $program does not exist; counted as one failure"
    failed_total=$((failed_total + 1))
    continue
  fi

  if [[ "$name" == e2e ]]; then
    run_e2e "$log" "$program" "${program_args[@]}"
  else
    run_program "$log" "$program" "${program_args[@]}"
  fi

  summary='^\[doctest\] test cases: *[0-9]+ *\| *([0-9]+) passed *\| *([0-9]+) failed.*'
  counts="$(sed -nE "s/$summary/\\1 \\2/p" "$log" |
    awk '{ passed += $1; failed += $2 } END { if (NR > 0) print passed, failed }')"
  if ((status == 124)); then
    echo "test.sh: $program ran into its time limit"
  fi
  if [[ -z "$counts" ]]; then
    echo "test.sh: $program ended with status $status and no summary; counted as one failure"
    counts="0 1"
  fi
  passed="${counts% *}"
  failed="${counts#* }"
  # Passed every test and failed all the same: a crash or a sanitizer's report at exit.
  if ((status != 0 && failed == 0)); then
    echo "test.sh: $program ended with status $status; counted as one failure"
    failed=1
  fi
  passed_total=$((passed_total + passed))
  failed_total=$((failed_total + failed))
done

echo
if grep -qs 'SKIPPED:' "$work"/*.log; then
  echo "Skipped:"
  grep -ho 'SKIPPED:.*' "$work"/*.log | sed 's/^SKIPPED: */  /' | sort -u
  echo
fi
# Here again, since a log is long and often only its end is kept.
if ((failed_total > 0)); then
  echo "Failed:"
  awk '/^TEST CASE:/ { title = $0; sub(/^TEST CASE: */, "", title) }
       /: (FATAL )?ERROR:/ { print "  " title; left = 20 }
       /^$/ { left = 0 }
       left-- > 0 { print "    " $0 }
       /^FAILED / { print "  " $0 }' "$work"/*.log
  echo
fi
if ((passed_total + failed_total == 0)); then
  echo "test.sh: no test ran"
fi
echo "$passed_total passed, $failed_total failed"
((failed_total == 0 && passed_total > 0))
