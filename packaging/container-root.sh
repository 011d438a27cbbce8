#!/usr/bin/env bash
# Collects what an image needs that holds nothing but a few programs.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/container-root.sh DIRECTORY PROGRAM...

Makes DIRECTORY the root of a small image: each PROGRAM (a path, or a command that PATH knows) in
/bin, and the shared libraries that ldd names for it where they are here. packaging/Containerfile
builds the image of the fake backend from such a directory. DIRECTORY must be empty or absent.

  -h, --help  this text
TEXT
}

fail() {
  echo "container-root: $*" >&2
  exit 1
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
if (($# < 2)); then
  usage >&2
  exit 2
fi

root="$1"
shift
mkdir -p "$root/bin"
[[ -z "$(find "$root" -mindepth 1 ! -path "$root/bin")" ]] || fail "$root is not empty"

for name in "$@"; do
  # ip(8) is often where only root's PATH leads.
  program="$(PATH="$PATH:/usr/sbin:/sbin" type -P "$name")" || fail "there is no program $name"
  cp -L "$program" "$root/bin/"
  libraries="$(ldd "$program")" || fail "ldd cannot read $program"
  ! grep 'not found' <<<"$libraries" || fail "$program cannot run here: see above"
  # Both "libc.so.6 => /lib/… (0x…)" and the loader's "/lib64/… (0x…)".
  while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done < <(grep -oE '/[^ ]+ \(0x' <<<"$libraries" | cut -d ' ' -f 1)
done
