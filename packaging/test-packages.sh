#!/usr/bin/env bash
# Builds the packages, installs each on a clean system and runs it there.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/test-packages.sh [--required] [deb] [tarball] [npm] [reproducible]

Builds the three packages, then tests the parts that are named, all by default. A session with the
fake backend is held through each installed program, over ws:// and, with the system's certificates,
over wss://.

  deb           lintian; installed by apt on a clean Debian
  tarball       needs glibc only; run on a Debian 12 and a Debian 13 that hold little more than that
  npm           installed without a network; run by npm, by npx, and by npx from a registry
  reproducible  a second build, elsewhere and from nothing, gives the same bytes

  --required    what cannot be tested here counts as failed instead of skipped
  -h, --help    this text

Needs root for the clean systems, which mmdebstrap makes from apt's mirrors. Compiles with ccache
unless CMAKE_CXX_COMPILER_LAUNCHER says otherwise. The last line is "N passed, N failed".
TEXT
}

required=false
parts=()
while (($# > 0)); do
  case "$1" in
    deb | tarball | npm | reproducible) parts+=("$1") ;;
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
((${#parts[@]} > 0)) || parts=(deb tarball npm reproducible)

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"
export CMAKE_CXX_COMPILER_LAUNCHER="${CMAKE_CXX_COMPILER_LAUNCHER-ccache}"
work="$(mktemp -d)"
chmod 755 "$work" # apt reads packages from it as another user
running=()
passed=0
failed=0

cleanup() {
  local pid
  for pid in "${running[@]}"; do
    kill "$pid" 2>/dev/null || continue
    wait "$pid" 2>/dev/null || true
  done
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check NAME COMMAND...: one test. Shows what the command prints if it fails, else only the sessions.
check() {
  local name="$1" status started=$SECONDS
  shift
  set +e
  (
    set -e
    "$@"
  ) </dev/null >"$work/log" 2>&1
  status=$?
  set -e
  if ((status == 0)); then
    passed=$((passed + 1))
    echo "ok      $name ($((SECONDS - started)) s)"
    sed -n 's/^initialize after/        &/p' "$work/log"
  else
    failed=$((failed + 1))
    echo "FAILED  $name (status $status)"
    tail -n 40 "$work/log" | sed 's/^/        /'
  fi
}

# skip NAME REASON
skip() {
  if $required; then
    failed=$((failed + 1))
    echo "FAILED  $1: $2"
  else
    echo "SKIPPED: $1: $2"
  fi
}

give_up() {
  echo "test-packages.sh: $1"
  echo "$passed passed, $((failed + 1)) failed"
  exit 1
}

# ---- What all parts need: the packages, a backend, a certificate ----

build() {
  packaging/install-deps.sh --package-tests || give_up "the packages could not be installed"
  rm -rf build/packages
  for package in deb tarball npm; do
    "packaging/build-$package.sh" || give_up "build-$package.sh failed"
  done
  packages=("$root"/build/packages/*)
  deb="$(compgen -G "$root/build/packages/*.deb")" || give_up "there is no .deb"
  tarball="$(compgen -G "$root/build/packages/*.tar.gz")" || give_up "there is no tarball"
  npm_package="$(compgen -G "$root/build/packages/*.tgz")" || give_up "there is no npm package"
  local cmake_args
  read -ra cmake_args <<<"${MCP_WS_SHIM_CMAKE_ARGS:-}"
  cmake --preset release "${cmake_args[@]}" || give_up "cmake could not configure the backend's build"
  cmake --build --preset release --target fake_backend \
    --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" || give_up "the backend could not be built"
}

# listening FILE PID: waits until a server has printed its port into FILE, and prints that.
listening() {
  local tries port
  for ((tries = 0; tries < 100; tries++)); do
    port="$(sed -nE 's/^listening ([0-9]+)$/\1/p' "$1")"
    if [[ -n "$port" ]]; then
      echo "$port"
      return
    fi
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  echo "a server did not start: $(cat "$1")" >&2
  return 1
}

# start_backend NAME [FLAG...]: sets `port`.
start_backend() {
  local name="$1"
  shift
  build/release/tests/backend/fake_backend "$@" </dev/null >"$work/$name.out" 2>&1 &
  running+=("$!")
  port="$(listening "$work/$name.out" "$!")" || give_up "the backend did not start"
}

start_backends() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=test-packages -addext subjectAltName=DNS:localhost -keyout "$work/key.pem" \
    -out "$work/cert.pem" >"$work/log" 2>&1 || give_up "no certificate: $(cat "$work/log")"
  start_backend plain
  plain="ws://localhost:$port"
  start_backend tls --cert "$work/cert.pem" --key "$work/key.pem"
  secure="wss://localhost:$port"
}

# clean COMMAND...: without what this machine's environment says of certificates, npm or the shim.
clean() { env -i PATH="$PATH" HOME="$work/home" LC_ALL=C.UTF-8 "$@"; }

# session [OPTIONS] COMMAND...
session() { clean "$root/packaging/mcp-session.py" "$@"; }

# refuses COMMAND...: the program does not talk to a backend whose certificate nobody vouches for.
refuses() {
  sleep 2 | clean "$@" >"$work/refusal" 2>&1
  cat "$work/refusal"
  grep 'failed (attempt 1).*certificate' "$work/refusal"
}

# ---- Both kinds of program ----

hardened() {
  local report wanted
  report="$(readelf --file-header --program-headers --dynamic --dyn-syms --wide "$1")"
  for wanted in 'Type: *DYN' GNU_RELRO BIND_NOW __stack_chk_fail '_chk@GLIBC'; do
    echo "looking for $wanted"
    grep -q "$wanted" <<<"$report"
  done
}

same_version() {
  local version
  version="$(sed -nE 's/^project\(mcp-ws-shim VERSION ([0-9.]+) .*/\1/p' CMakeLists.txt)"
  [[ "$(dpkg-deb --field "$deb" Version)" == "$version" ]]
  [[ "$(basename "$tarball")" == "mcp-ws-shim-$version-linux-$(uname -m).tar.gz" ]]
  [[ "$(basename "$npm_package")" == "mcp-ws-shim-$version.tgz" ]]
  tar -xOf "$npm_package" package/package.json | grep -F "\"version\": \"$version\""
  tar -xOf "$npm_package" package/mcp-ws-shim.1 | grep -F "\"mcp-ws-shim $version\""
  for tree in shared static; do
    "build/$tree/shim/mcp-ws-shim" --version | tee "$work/version"
    [[ "$(head -n 1 "$work/version")" == "mcp-ws-shim $version" ]]
    grep -xE 'OpenSSL [0-9.]+' "$work/version"
  done
}

# ---- Clean systems ----

# The mirror that apt uses for Debian itself.
mirror() {
  # shellcheck disable=SC2016 # a variable of apt's
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
    "Codename: $host_suite" | head -n 1
}

# new_system SUITE DIRECTORY PACKAGES: unpacked and not configured, so nothing runs but the program.
new_system() {
  mmdebstrap --quiet --variant=extract --include="$3" "$1" "$2" "$(mirror)"
  echo '127.0.0.1 localhost' >"$2/etc/hosts"
  mkdir -p "$2/usr/local"
  tar -C "$2/usr/local" --strip-components=1 -xzf "$tarball"
}

installed_deb() {
  local system="$work/deb-system" name
  name="$(basename "$deb")"
  # shellcheck disable=SC2016 # a variable of mmdebstrap's
  mmdebstrap --quiet --variant=apt --include=ca-certificates \
    --customize-hook="copy-in $deb /tmp" \
    --customize-hook='chroot "$1" apt-get install -qq -y --no-install-recommends /tmp/'"$name" \
    "$host_suite" "$system" "$(mirror)"
  echo '127.0.0.1 localhost' >"$system/etc/hosts"
  in_system=(chroot "$system")
  for file in README.md CHANGELOG.md mcp-config.example.json copyright changelog.gz; do
    [[ -f "$system/usr/share/doc/mcp-ws-shim/$file" ]]
  done
  gzip --test "$system/usr/share/man/man1/mcp-ws-shim.1.gz"
  [[ -z "$("${in_system[@]}" dpkg --verify mcp-ws-shim)" ]]
  session --only mcp-ws-shim "${in_system[@]}" mcp-ws-shim "$plain"
  refuses "${in_system[@]}" mcp-ws-shim "$secure"
  cp "$work/cert.pem" "$system/usr/local/share/ca-certificates/test-packages.crt"
  "${in_system[@]}" update-ca-certificates
  session "${in_system[@]}" mcp-ws-shim "$secure"
  "${in_system[@]}" dpkg --purge mcp-ws-shim
  [[ -z "$(find "$system/usr" -name 'mcp-ws-shim*')" ]]
}

needs_glibc_only() {
  local needed
  needed="$(readelf -dW build/static/shim/mcp-ws-shim | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')"
  echo "$needed"
  ! grep -vxE 'lib(c|m)\.so\.6|ld-linux-[a-z0-9-]+\.so\.[0-9]' <<<"$needed"
}

runs_bare() {
  local system="$work/bare-$1"
  new_system "$1" "$system" libc6,base-files
  local shim=(chroot "$system" /usr/local/bin/mcp-ws-shim)
  session --only mcp-ws-shim "${shim[@]}" "$plain"
  session --end term "${shim[@]}" "$plain"
  # Fedora's place for certificates, which Debian's OpenSSL does not know.
  refuses "${shim[@]}" "$secure"
  mkdir -p "$system/etc/pki/tls/certs"
  cp "$work/cert.pem" "$system/etc/pki/tls/certs/ca-bundle.crt"
  session "${shim[@]}" "$secure"
}

finds_certificates() {
  local system="$work/store-$1"
  new_system "$1" "$system" libc6,base-files,openssl,ca-certificates
  local shim=(chroot "$system" /usr/local/bin/mcp-ws-shim)
  refuses "${shim[@]}" "$secure"
  cp "$work/cert.pem" "$system/etc/ssl/certs"
  openssl rehash "$system/etc/ssl/certs"
  session "${shim[@]}" "$secure"
}

# ---- npm ----

# with_npm COMMAND...: with no registry, unless `registry` is one.
with_npm() {
  clean env npm_config_globalconfig="$work/no-npmrc" npm_config_cache="$work/npm-cache" \
    npm_config_update_notifier=false npm_config_registry="${registry:-http://127.0.0.1:9/}" "$@"
}

no_scripts() {
  ! tar -xOf "$npm_package" package/package.json | grep -E '"(scripts|dependencies)"'
}

npm_global() {
  local prefix="$work/npm-global" way
  with_npm npm install --global --offline --prefix "$prefix" "$npm_package"
  [[ -f "$prefix/share/man/man1/mcp-ws-shim.1" ]]
  for way in eof term kill; do # and no node is there
    session --only mcp-ws-shim --end "$way" "$prefix/bin/mcp-ws-shim" "$plain"
  done
}

# npm before version 10 does not pass SIGTERM on, whatever it runs.
npx_ends=(eof)
(($(npm --version | cut -d. -f1) < 10)) || npx_ends+=(term)

npx_in_project() {
  mkdir -p "$work/project"
  cd "$work/project"
  with_npm npm install --offline "$npm_package"
  for way in "${npx_ends[@]}"; do
    with_npm "$root/packaging/mcp-session.py" --end "$way" -- npx --offline -y mcp-ws-shim "$plain"
  done
}

# What an IDE's config says: on a machine that has never seen the package, on one that has, and when
# the registry is away.
npx_from_registry() {
  packaging/npm/registry.py "$npm_package" </dev/null >"$work/registry.out" 2>"$work/registry.log" &
  local pid=$! port registry way
  # shellcheck disable=SC2064 # this pid
  trap "kill $pid 2>/dev/null || true" EXIT
  port="$(listening "$work/registry.out" "$pid")"
  registry="http://127.0.0.1:$port/"
  mkdir -p "$work/elsewhere"
  cd "$work/elsewhere"
  for way in "${npx_ends[@]}"; do
    with_npm "$root/packaging/mcp-session.py" --end "$way" -- npx -y mcp-ws-shim "$plain"
  done
  kill "$pid"
  with_npm "$root/packaging/mcp-session.py" -- npx -y --prefer-offline mcp-ws-shim "$plain"
}

# ---- Reproducible ----

# The same files elsewhere, with other times, another umask and locale, and an empty compiler cache.
second_build() {
  local copy="$work/another place/source"
  mkdir -p "$copy" "$work/home"
  git ls-files -z --cached --others --exclude-standard |
    tar --null --ignore-failed-read -cT - | tar -C "$copy" -xm
  umask 077
  export SOURCE_DATE_EPOCH HOME="$work/home" LC_ALL=C TZ=Pacific/Auckland CCACHE_DIR="$work/ccache"
  SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
  mkdir "$copy/build"
  cp -r build/simdjson "$copy/build" # fetched once is enough
  for package in deb tarball npm; do
    "$copy/packaging/build-$package.sh"
  done
}

same_bytes() { cmp "$1" "$work/another place/source/build/packages/$(basename "$1")"; }

# ---- All of it ----

echo "== Building"
# shellcheck source=/dev/null
host_suite="$(. /etc/os-release && echo "$VERSION_CODENAME")"
build
start_backends

wanted() { [[ " ${parts[*]} " == *" $1 "* ]]; }

# Debian SUITE is to be had: else the test is skipped, and the reason printed.
has_suite() {
  if ((EUID != 0)); then
    skip "$2" "clean systems need root"
  elif ! /usr/lib/apt/apt-helper download-file "$(mirror)dists/$1/InRelease" "$work/InRelease" \
    >/dev/null 2>&1; then
    skip "$2" "the mirror that apt uses has no $1"
  else
    return 0
  fi
  return 1
}

echo
echo "== Testing"
check "one version everywhere" same_version
check "the manual describes every flag" packaging/check-manual.sh build/static/shim/mcp-ws-shim
if wanted deb; then
  check "deb: hardened" hardened build/shared/shim/mcp-ws-shim
  check "deb: lintian" lintian --allow-root --fail-on error,warning "$deb"
  name="deb: installed, used and removed on a clean $host_suite"
  if has_suite "$host_suite" "$name"; then check "$name" installed_deb; fi
fi
if wanted tarball; then
  check "tarball: hardened" hardened build/static/shim/mcp-ws-shim
  check "tarball: needs glibc only" needs_glibc_only
  for suite in bookworm trixie; do
    name="tarball: $suite with glibc only"
    has_suite "$suite" "$name" || continue
    check "$name" runs_bare "$suite"
    check "tarball: the certificates of $suite" finds_certificates "$suite"
  done
fi
if wanted npm; then
  check "npm: nothing runs and nothing is fetched on installation" no_scripts
  check "npm: installed for all, without a network" npm_global
  check "npm: npx in a project, without a network" npx_in_project
  check "npm: npx from a registry" npx_from_registry
fi
if wanted reproducible; then
  check "reproducible: the second build" second_build
  for package in "${packages[@]}"; do
    check "reproducible: $(basename "$package")" same_bytes "$package"
  done
fi

echo
echo "$passed passed, $failed failed"
((failed == 0))
