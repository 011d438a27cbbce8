#!/usr/bin/env bash
# Builds an archive of a program that needs nothing but glibc.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/build-tarball.sh

Installs the missing packages, builds the program in build/static with all libraries but glibc's
linked statically, and packs it with its documents and the licences of those libraries. The result
is build/packages/mcp-ws-shim-VERSION-linux-MACHINE.tar.gz, which unpacks anywhere. Built on
Debian 12 it runs with glibc 2.36 or newer. One commit and the same Debian packages give the same
bytes, wherever it is built.

  -h, --help  this text

Environment:
  SOURCE_DATE_EPOCH          the time that goes into the archive (default: of the last commit)
  MCP_WS_SHIM_CMAKE_ARGS     further arguments for cmake
  CMAKE_BUILD_PARALLEL_LEVEL compile jobs (default: the number of processors)
TEXT
}

# shellcheck source=packaging/package.sh
. "$(dirname "${BASH_SOURCE[0]}")/package.sh"
set_up "$@"
build_static

name="mcp-ws-shim-$version-linux-$(uname -m)"
rm -rf "$tree/stage"
cmake --install "$tree" --strip --prefix "$tree/stage/$name" >"$tree/install.log" ||
  fail "the program could not be installed in $tree/stage"
static_licences "$tree/stage/$name/share/doc/mcp-ws-shim/licences"
tar -C "$tree/stage" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu \
  --mtime="@$SOURCE_DATE_EPOCH" -c "$name" | gzip --best --no-name >"$output/$name.tar.gz"
echo "built build/packages/$name.tar.gz"
