#!/bin/sh
# Installs the clients and servers of package-lock.json into node_modules; does nothing if that is
# done already. Where that cannot be it says so and succeeds: these tests are optional.
set -eu
cd "$(dirname "$0")"

skip() {
  echo "SKIPPED: $1"
  exit 0
}

command -v npm >/dev/null 2>&1 || skip "npm is not installed"

stamp=node_modules/.installed-lock.json
if ! [ -f "$stamp" ] || ! cmp -s package-lock.json "$stamp"; then
  npm ci --loglevel=error >&2
  cp package-lock.json "$stamp"
fi

major=$(./node.sh -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip "node $major is too old, 20 is needed"
