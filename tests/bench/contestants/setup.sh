#!/bin/sh
# Installs the contestants of package-lock.json into node_modules; does nothing if that is done
# already. Where that cannot be it says so and succeeds: the others are measured all the same.
set -eu
cd "$(dirname "$0")"

skip() {
  echo "SKIPPED: contestants on npm: $1"
  exit 0
}

command -v npm >/dev/null 2>&1 || skip "npm is not installed"

stamp=node_modules/.installed-lock.json
if ! [ -f "$stamp" ] || ! cmp -s package-lock.json "$stamp"; then
  npm ci --omit=peer --loglevel=error >&2 || skip "npm ci failed"
  cp package-lock.json "$stamp"
fi
