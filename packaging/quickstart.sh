#!/usr/bin/env bash
# Builds the shim, then shows an MCP session that outlives the death of its backend.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/quickstart.sh

Installs the missing packages, builds the shim and a small backend in build/release, then plays a
session as an IDE would: a few calls, the backend is killed with SIGKILL, a call is made while it
is away, the backend comes back, the same session goes on. Takes about ten seconds after the build.

  -h, --help  this text

Environment:
  MCP_WS_SHIM_CMAKE_ARGS     further arguments for cmake
  CMAKE_BUILD_PARALLEL_LEVEL compile jobs (default: the number of processors)
TEXT
}

case "${1:-}" in
  "") ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."

shim=build/release/shim/mcp-ws-shim
backend=build/release/tests/backend/fake_backend
work="$(mktemp -d)"
shim_pid=
backend_pid=
log_lines_shown=0

# ended PID SECONDS: waits for the end of a process.
ended() {
  local tries
  for ((tries = 0; tries < $2 * 20; tries++)); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.05
  done
  return 1
}

cleanup() {
  local status=$? pid
  trap - EXIT
  for pid in $shim_pid $backend_pid; do
    kill -TERM "$pid" 2>/dev/null || continue
    ended "$pid" 2 || kill -KILL "$pid" 2>/dev/null || continue
    ended "$pid" 2 || true
  done
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# Lets a write to a shim that has gone fail, instead of ending this script without a word.
trap : PIPE

say() { printf '\n%s\n' "$*"; }

# What the shim has logged since the last time, indented.
show_shim_log() {
  local line
  while IFS= read -r line; do
    printf '                shim log | %s\n' "$line"
    log_lines_shown=$((log_lines_shown + 1))
  done < <(tail -n "+$((log_lines_shown + 1))" "$work/shim.log" 2>/dev/null)
}

fail() {
  show_shim_log
  printf '\nquickstart: FAILED: %s\n' "$*" >&2
  exit 1
}

# start_backend PORT: sets backend_pid and port. Port 0 means any free one.
start_backend() {
  local tries
  : >"$work/backend.out"
  # The backend must not hold the pipes (descriptors 3 and 4), or the shim never sees their end.
  "$backend" --port "$1" </dev/null >"$work/backend.out" 2>"$work/backend.log" 3>&- 4<&- &
  backend_pid=$!
  disown "$backend_pid" # or bash remarks on its violent death
  for ((tries = 0; tries < 100; tries++)); do
    port="$(sed -n 's/^listening \([0-9][0-9]*\)$/\1/p' "$work/backend.out")"
    [[ -z "$port" ]] || return 0
    kill -0 "$backend_pid" 2>/dev/null || break
    sleep 0.1
  done
  fail "the backend did not start: $(cat "$work/backend.log")"
}

# The host's side of the pipe. Long lines are cut for the eye only.
send() {
  printf '  IDE  ->  %s\n' "$1"
  printf '%s\n' "$1" >&3 || fail "the shim no longer reads its stdin"
}

# Shows one line of the shim's stdout, which read has left in `reply`.
show_reply() {
  if ((${#reply} > 440)); then
    printf '  IDE  <-  %s ... (%d bytes)\n' "${reply:0:200}" "${#reply}"
  else
    printf '  IDE  <-  %s\n' "$reply"
  fi
}

# answer ID SECONDS: waits for the answer to request ID and leaves it in `reply`. Everything that
# comes before it is shown, too.
answer() {
  local deadline=$((SECONDS + $2 + 1)) left
  while true; do
    left=$((deadline - SECONDS))
    ((left > 0)) || fail "no answer to request $1 within $2 s"
    IFS= read -r -t "$left" -u 4 reply ||
      fail "no answer to request $1 within $2 s, or the shim has ended"
    show_reply
    [[ ! "$reply" =~ \"id\"\ *:\ *$1\ *[,}] ]] || break
  done
  show_shim_log
}

# expect TEXT...: what `reply` must contain.
expect() {
  local text
  for text in "$@"; do
    [[ "$reply" == *"$text"* ]] || fail "the last answer does not contain: $text"
  done
}

echo "== Preparing"
packaging/install-deps.sh
read -ra cmake_args <<<"${MCP_WS_SHIM_CMAKE_ARGS:-}"
cmake --preset release "${cmake_args[@]}" >"$work/configure.log" 2>&1 || {
  cat "$work/configure.log"
  fail "cmake could not configure the build"
}
cmake --build --preset release --target mcp-ws-shim fake_backend \
  --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" || fail "the build failed"

echo
echo "== The session"
say "A backend starts: an MCP server on a WebSocket."
start_backend 0
echo "  $backend, process $backend_pid, ws://127.0.0.1:$port"

say "The IDE starts the shim as the command of a stdio MCP server."
mkfifo "$work/stdin" "$work/stdout"
"$shim" "ws://127.0.0.1:$port" <"$work/stdin" >"$work/stdout" 2>"$work/shim.log" &
shim_pid=$!
exec 3>"$work/stdin" 4<"$work/stdout"
echo "  $shim ws://127.0.0.1:$port, process $shim_pid"

say "It opens an MCP session."
send '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"quickstart","version":"1.0"}}}'
answer 1 10
expect '"protocolVersion":"2025-11-25"' '"serverInfo"'
send '{"jsonrpc":"2.0","method":"notifications/initialized"}'
send '{"jsonrpc":"2.0","id":2,"method":"tools/list"}'
answer 2 10
expect '"echo"' '"counter"'

say "It calls tools. The counter lives in the backend's memory."
send '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}'
answer 3 10
expect '"text":"hello"'
send '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"counter","arguments":{}}}'
answer 4 10
expect '"text":"1"'
send '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"counter","arguments":{}}}'
answer 5 10
expect '"text":"2"'

say "It starts a call that takes a minute. While that runs, the backend is killed (SIGKILL)."
send '{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":60000}}}'
sleep 0.5
kill -KILL "$backend_pid"
ended "$backend_pid" 5 || fail "the backend did not die"
echo "  process $backend_pid is dead"
backend_pid=

say "The running call is answered at once. Nobody knows whether it was carried out, and it says so."
answer 6 5
expect '"isError":true' '"outcome-unknown"'

say "The IDE makes another call. No backend is there, so the shim keeps it."
send '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"sent while the backend was away"}}}'
if IFS= read -r -t 2 -u 4 reply; then
  show_reply
  fail "this came although no backend was there"
fi
kill -0 "$shim_pid" 2>/dev/null || fail "the shim has ended"
echo "  two seconds later: still waiting, no error"
show_shim_log

say "The backend starts again, on the same port."
start_backend "$port"
echo "  $backend, process $backend_pid, ws://127.0.0.1:$port"

say "The shim reconnects, opens the session again by itself, and sends the call that waited."
answer 7 30
expect '"text":"sent while the backend was away"'

say "The backend is a new process, so its counter starts again. The IDE's session is the same."
send '{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"counter","arguments":{}}}'
answer 8 10
expect '"text":"1"'

say "The IDE closes the shim's stdin. Only now does the shim end."
exec 3>&-
ended "$shim_pid" 5 || fail "the shim did not end within 5 s after its stdin was closed"
shim_status=0
wait "$shim_pid" || shim_status=$?
shim_pid=
show_shim_log
echo "  exit status $shim_status"
((shim_status == 0)) || fail "the shim's exit status is $shim_status instead of 0"

echo
echo "The session went on."
