#!/usr/bin/env bash
# Fetches simdjson's source from Debian, since Debian has no static simdjson.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/simdjson-source.sh DIRECTORY

Puts simdjson.h and simdjson.cpp into DIRECTORY, of the version that libsimdjson-dev has. They come
from Debian's source package, from the mirrors that apt is set up with; source packages need not be
enabled there. Does nothing if they are there already. Needs dpkg-dev, no root.
TEXT
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
  "" | -*)
    usage >&2
    exit 2
    ;;
esac

fail() {
  echo "simdjson-source: $*" >&2
  exit 1
}

directory="$1"
# shellcheck disable=SC2016 # a variable of dpkg-query's
version="$(dpkg-query -W -f='${source:Version}' libsimdjson-dev 2>/dev/null)" ||
  fail "libsimdjson-dev is not installed; run packaging/install-deps.sh --packages"
stamp="$directory/version.txt" # not "version", which is a header of C++
[[ "$(cat "$stamp" 2>/dev/null)" != "$version" ]] || exit 0

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The same mirrors and keys, but sources instead of packages, and lists of our own.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# shellcheck disable=SC2016 # variables of apt's
apt-get indextargets --format 'deb-src [signed-by='"$keyring"'] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
  'Created-By: Packages' 'Origin: Debian' 'Component: main' | sort -u >"$work/sources.list"
[[ -s "$work/sources.list" ]] || fail "apt knows no Debian mirror; run apt-get update"

apt_get() {
  apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User="$(id -un)" \
    -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" "$@" </dev/null
}
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
echo "simdjson-source: fetching simdjson $version"
apt_get update || fail "the mirrors' lists of source packages could not be fetched"
(cd "$work" && apt_get source --only-source "simdjson=$version") >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  fail "the source package of simdjson $version could not be fetched"
}

mkdir -p "$directory"
cp "$work"/simdjson-*/singleheader/simdjson.{h,cpp} "$directory"
echo "$version" >"$stamp"
