#!/usr/bin/env bash
# Installs the Debian packages the build needs. Quick when they are all there already.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/install-deps.sh [--tests] [--bench] [--packages] [--package-tests] [--ci] [--coverage]

Installs what is missing to build mcp-ws-shim on Debian 12 or newer. Needs root or sudo, but only if
something is missing.

  --tests          also what the tests use: certificates, backends, proxies and clients that others
                   wrote, a terminal; nginx and haproxy are installed, but not started
  --bench          also what packaging/bench.sh measures the shim against
  --packages       also what builds the packages
  --package-tests  also what builds and tests the packages
  --ci             all of that, and what else .ci/run uses: formatting, static analysis, valgrind,
                   containers
  --coverage       also what packaging/coverage.sh uses
  -h, --help       this text
TEXT
}

# libwebsockets-dev brings libcap-dev (its pkg-config file requires it), libuv1-dev and libev-dev.
packages=(
  g++ cmake ninja-build pkg-config
  libwebsockets-dev libssl-dev libsimdjson-dev nlohmann-json3-dev libcli11-dev libspdlog-dev
  doctest-dev
)
test_packages=(openssl python3 python3-websockets nginx haproxy iproute2 tmux)
# The library of the micro benchmarks, the counter of instructions, competitors, a load balancer.
bench_packages=(libbenchmark-dev valgrind python3 python3-websockets socat haproxy)
package_packages=(dpkg-dev libcap-dev zlib1g-dev git)
package_test_packages=(ccache lintian man-db mmdebstrap openssl python3)
# npm may come from elsewhere, as part of another nodejs package.
if ! command -v npm >/dev/null; then
  test_packages+=(nodejs npm)
  bench_packages+=(nodejs npm)
  package_packages+=(nodejs npm)
fi
# Packages with a daemon of the same name. The tests run it by themselves; it is neither started nor
# enabled.
daemons=(nginx haproxy)
# The version is fixed because another clang-format formats differently.
ci_packages=(clang-format-14 clang-tidy-14 cppcheck valgrind shellcheck)
# The fuzzers; libFuzzer comes with the compiler's run-time library.
ci_packages+=(clang-14 libclang-rt-14-dev)
# Of the engines podman is the one that needs no daemon; iptables is for the ports it publishes.
ci_packages+=(podman podman-compose runc iptables nftables)

fail() {
  echo "install-deps: $*" >&2
  exit 1
}

while (($# > 0)); do
  case "$1" in
    --tests) packages+=("${test_packages[@]}") ;;
    --bench) packages+=("${bench_packages[@]}") ;;
    --coverage) packages+=(gcovr) ;;
    --packages) packages+=("${package_packages[@]}") ;;
    --package-tests) packages+=("${package_packages[@]}" "${package_test_packages[@]}") ;;
    --ci)
      packages+=("${test_packages[@]}" "${bench_packages[@]}" "${package_packages[@]}"
        "${package_test_packages[@]}" "${ci_packages[@]}")
      ;;
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

is_installed() {
  # One line per architecture, hence grep and not a comparison.
  dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    is_installed "$package" || echo "$package"
  done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  fail "apt-get is not here; install the equivalents of these yourself: ${packages[*]}"
fi

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
  echo "install-deps: everything is installed"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  # -n: a script that nobody watches must not wait for a password.
  if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo)
  else
    fail "neither root nor sudo without a password; as root run: apt-get install ${missing[*]}"
  fi
fi

echo "install-deps: installing ${missing[*]}"
apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# Without this file, installing a daemon starts it. Images often have one of their own.
policy=/usr/sbin/policy-rc.d
forbid_starting() {
  [[ ! -e "$policy" ]] || return 0
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
}

new_daemons=()
for package in "${missing[@]}"; do
  [[ " ${daemons[*]} " != *" $package "* ]] || new_daemons+=("$package")
done
((${#new_daemons[@]} == 0)) || forbid_starting

apt_get update </dev/null || fail "apt-get update failed (see above)"
apt_get install --no-install-recommends -y "${missing[@]}" </dev/null ||
  fail "apt-get could not install: ${missing[*]} (see above)"
for daemon in "${new_daemons[@]}"; do
  "${as_root[@]}" update-rc.d "$daemon" disable
done

mapfile -t missing < <(missing_packages)
((${#missing[@]} == 0)) || fail "still missing: ${missing[*]}"
echo "install-deps: done"
