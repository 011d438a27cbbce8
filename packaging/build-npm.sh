#!/usr/bin/env bash
# Builds the npm package.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/build-npm.sh

Installs the missing packages, builds the program of packaging/build-tarball.sh and packs it for npm.
The result is build/packages/mcp-ws-shim-VERSION.tgz, which holds the program itself: nothing is
fetched and no script runs when it is installed. `npm publish FILE` makes it known to npx. One commit
and the same Debian packages give the same bytes, wherever it is built.

  -h, --help  this text

Environment:
  SOURCE_DATE_EPOCH          the time that goes into the man page (default: of the last commit)
  MCP_WS_SHIM_CMAKE_ARGS     further arguments for cmake
  CMAKE_BUILD_PARALLEL_LEVEL compile jobs (default: the number of processors)
TEXT
}

# shellcheck source=packaging/package.sh
. "$(dirname "${BASH_SOURCE[0]}")/package.sh"
set_up "$@"
build_static

stage="$tree/npm-stage"
rm -rf "$stage"
mkdir -p "$stage/bin"
strip -o "$stage/bin/mcp-ws-shim" "$tree/shim/mcp-ws-shim"
chmod 755 "$stage/bin/mcp-ws-shim"
cp "$tree/npm/package.json" "$tree/mcp-ws-shim.1" README.md CHANGELOG.md LICENSE \
  mcp-config.example.json packaging/copyright "$stage"
static_licences "$stage/licences"
npm pack --ignore-scripts --silent --pack-destination "$output" "$stage" >"$tree/npm.log" 2>&1 || {
  cat "$tree/npm.log" >&2
  fail "npm pack failed"
}
echo "built build/packages/mcp-ws-shim-$version.tgz"
