#!/usr/bin/env bash
# Builds the Debian package.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/build-deb.sh

Installs the missing packages, builds the program in build/shared and packs it with CPack. The result
is build/packages/mcp-ws-shim_VERSION_ARCHITECTURE.deb, for the Debian release that it is built on.
One commit and the same Debian packages give the same bytes, wherever it is built.

  -h, --help  this text

Environment:
  SOURCE_DATE_EPOCH          the time that goes into the package (default: of the last commit)
  MCP_WS_SHIM_CMAKE_ARGS     further arguments for cmake
  CMAKE_BUILD_PARALLEL_LEVEL compile jobs (default: the number of processors)
TEXT
}

# shellcheck source=packaging/package.sh
. "$(dirname "${BASH_SOURCE[0]}")/package.sh"
set_up "$@"
build_tree shared

rm -rf "$tree/deb"
cpack -G DEB --config "$tree/CPackConfig.cmake" -B "$tree/deb" >"$tree/cpack.log" 2>&1 || {
  cat "$tree/cpack.log" >&2
  fail "cpack failed"
}
package="$(basename "$tree"/deb/*.deb)"
mv "$tree/deb/$package" "$output"
echo "built build/packages/$package"
