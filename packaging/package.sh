# shellcheck shell=bash
# What the build-*.sh have in common. They source it, then call set_up with their arguments.

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# set_up [ARGUMENT]: goes to the project's root, installs what is missing, and sets `root`, `output`
# and SOURCE_DATE_EPOCH, the one time that goes into a package. The caller's `usage` says that
# --help is all it knows.
set_up() {
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
  cd "$(dirname "${BASH_SOURCE[0]}")/.." || fail "the project is not there"
  root="$PWD"
  output="$root/build/packages"
  umask 022
  export LC_ALL=C.UTF-8 TZ=UTC
  SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(source_time)}"
  export SOURCE_DATE_EPOCH
  packaging/install-deps.sh --packages
  mkdir -p "$output"
}

# The time of the last commit; outside of git, of the newest source file.
source_time() {
  git log -1 --format=%ct 2>/dev/null ||
    find CMakeLists.txt common shim packaging -type f -printf '%Ts\n' | sort -n | tail -n 1
}

# build_tree NAME [CMAKE_ARGUMENT...]: builds the program in build/NAME; sets `tree` and `version`.
build_tree() {
  local more
  read -ra more <<<"${MCP_WS_SHIM_CMAKE_ARGS:-}"
  tree="$root/build/$1"
  shift
  cmake -S . -B "$tree" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMCP_WS_SHIM_TESTS=OFF \
    -DCMAKE_INSTALL_PREFIX=/usr "$@" "${more[@]}" || fail "cmake could not configure $tree"
  cmake --build "$tree" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" ||
    fail "the build in $tree failed"
  # shellcheck disable=SC2034 # for those who source this
  version="$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$tree/CMakeCache.txt")"
}

# The program that needs nothing but glibc, in build/static.
build_static() {
  packaging/simdjson-source.sh "$root/build/simdjson"
  build_tree static "-DMCP_WS_SHIM_STATIC=$root/build/simdjson"
}

# static_licences DIRECTORY: the licences of the libraries in that program, as Debian has them.
# packaging/copyright has those of the libraries that consist of headers.
static_licences() {
  local package compiler
  compiler="libstdc++-$(c++ -dumpversion | cut -d. -f1)-dev"
  mkdir -p "$1"
  for package in libwebsockets-dev libssl-dev libsimdjson-dev libcap-dev zlib1g-dev "$compiler"; do
    cp --dereference "/usr/share/doc/$package/copyright" "$1/$package.txt" ||
      fail "the licence of $package must go with the program, but is not there"
  done
  cp /usr/share/common-licenses/{Apache-2.0,GPL-3} "$1" # which the others refer to
}
