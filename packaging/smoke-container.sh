#!/usr/bin/env bash
# Takes a backend in a container away from a running MCP session in every way there is.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/smoke-container.sh [--required]

Builds the shim and a small backend in build/release and puts the backend into an image. A host then
starts the shim exactly as mcp-config.example.json says and makes calls all the time, while the
container is restarted, killed, stopped, paused, replaced and cut off. Prints, for each fault, how
long the host had to wait. Takes about 90 seconds after the build.

Works with Docker, or else podman, on Linux. Port 8765 of 127.0.0.1 must be free, unless podman is
run as root: then all of it happens in network and mount namespaces of its own, with a store of its
own, and leaves nothing behind.

  --required  without a container engine, fail; else that is "SKIPPED" and exit status 0
  -h, --help  this text

Environment:
  MCP_WS_SHIM_CMAKE_ARGS     further arguments for cmake
  CMAKE_BUILD_PARALLEL_LEVEL compile jobs (default: the number of processors)
TEXT
}

required=false
while (($# > 0)); do
  case "$1" in
    --required) required=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."

work="$(mktemp -d)"
inside=()
smoke_pid=
cleanup() {
  local status=$?
  trap - EXIT
  # smoke.py removes its containers and images on SIGTERM.
  if [[ -n "$smoke_pid" ]] && kill -TERM "$smoke_pid" 2>/dev/null; then
    wait "$smoke_pid" || true
  fi
  # The one thing of podman's that is in no namespace of its own. What is in use stays.
  if ((${#inside[@]} > 0)); then
    find /sys/fs/cgroup -depth -path '*/libpod_parent*' -type d -exec rmdir {} + 2>/dev/null || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "smoke-container: $*" >&2
  exit 1
}

skip() {
  if "$required"; then fail "$*"; fi
  echo "SKIPPED: container smoke test: $*"
  exit 0
}

# engine.sh is how everything from here on calls the engine.
engine_is() {
  printf '#!/bin/sh\nexec %s "$@"\n' "$1" >"$work/engine.sh"
  chmod +x "$work/engine.sh"
}

# Podman as root gets namespaces of its own, since it would leave a bridge, firewall rules and files
# behind. What it stores lies on a file system in memory that goes with the mount namespace.
own_podman() {
  # Nothing here needs systemd, or more than a container may do in which this itself may run.
  cat >"$work/containers.conf" <<'TEXT'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
TEXT
  if command -v runc >/dev/null; then echo 'runtime = "runc"' >>"$work/containers.conf"; fi
  engine_is "env CONTAINERS_CONF=$work/containers.conf podman --root /run/podman-smoke/root \
--runroot /run/podman-smoke/run --network-config-dir /run/podman-smoke/networks"
  cat >"$work/inside.sh" <<'TEXT'
set -eu
for directory in /run /dev/shm /var/lib/cni; do
  [ ! -d "$directory" ] || mount -t tmpfs -o mode=755 mcp-ws-shim-smoke "$directory"
done
mkdir -p /run/lock /run/netns
ip link set lo up
exec "$@"
TEXT
  inside=(unshare --net --mount sh "$work/inside.sh")
}

export PATH="$PATH:/usr/sbin:/sbin"
for tool in python3 ip ldd; do
  command -v "$tool" >/dev/null || skip "$tool is not here"
done
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  engine_is docker
elif ! command -v podman >/dev/null; then
  skip "neither a Docker engine that answers nor podman is here"
elif ((EUID == 0)); then
  own_podman
else
  engine_is podman
fi
"${inside[@]}" "$work/engine.sh" info >"$work/info.log" 2>&1 || {
  cat "$work/info.log"
  skip "the container engine does not work here, see above"
}

packaging/install-deps.sh || fail "the packages could not be installed"
read -ra cmake_args <<<"${MCP_WS_SHIM_CMAKE_ARGS:-}"
cmake --preset release "${cmake_args[@]}" >"$work/configure.log" 2>&1 || {
  cat "$work/configure.log"
  fail "cmake could not configure the build"
}
cmake --build --preset release --target mcp-ws-shim fake_backend \
  --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" || fail "the build failed"

rm -rf build/container
packaging/container-root.sh build/container build/release/tests/backend/fake_backend
packaging/container-root.sh "$work/tools" sh ip

options=(--engine "$work/engine.sh" --shim build/release/shim/mcp-ws-shim
  --backend-root build/container --tools-root "$work/tools" --work "$work")
if "$required"; then options+=(--compose-required); fi
"${inside[@]}" python3 -B tests/containers/smoke.py "${options[@]}" </dev/null &
smoke_pid=$!
status=0
wait "$smoke_pid" || status=$?
smoke_pid=
((status == 0))
