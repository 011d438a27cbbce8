#!/usr/bin/env bash
# Compares the manual and the README with what the program knows.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/check-manual.sh PROGRAM [MANUAL]

Each flag of `PROGRAM --help` must have an entry in MANUAL (default: packaging/mcp-ws-shim.1.in) with
the same default, and the other way round; the same for its commands and their flags. Each flag in a
table of README.md must exist. The manual must be free of errors that groff sees.

  -h, --help   this text
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

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
manual="${2:-$root/packaging/mcp-ws-shim.1.in}"
failed=0

# complain TEXT LINES: if there are any lines.
complain() {
  [[ -z "$2" ]] && return
  printf '%s:\n%s\n' "$1" "$2"
  failed=1
}

flags() { grep -oE -e '--[a-z][a-z-]*' | sort -u; }

help_text="$("$1" --help)"
known_commands="$(sed -n '/^Subcommands:/,/^$/ s/^  \([a-z]*\) .*/\1/p' <<<"$help_text" | sort)"
for command in $known_commands; do
  help_text+=$'\n'"$("$1" "$command" --help)"
done
# An entry of --help starts with its flag; words of the explanation may look like flags, too.
known="$(grep -E '^ +-' <<<"$help_text" | sed -E 's/^( +[^ ].{0,27}).*/\1/' | flags)"
# In the manual a flag is the tag of a paragraph, and each - in it is written \-.
documented="$(grep -A 1 -x '\.TP' "$manual" | sed 's/\\-/-/g' | grep -E '^\.B[RI]* (-h |--)' | flags || true)"
documented_commands="$(awk '/^\.S[HS]/ { commands = ($2 == "COMMANDS") }
  commands && tag && $2 ~ /^[a-z]/ { print $2 }
  { tag = ($0 == ".TP") }' "$manual" | sort)"
tabled="$(sed -nE 's/^\| (`--[^|]*)\|.*/\1/p' "$root/README.md" | flags)"
# "--flag [default]" a line; a default of several words is an explanation.
known_defaults="$(awk '/^[^ ]/ { flag = "" }
  /^ +--/ { flag = $1 }
  flag && match($0, /\[[^] ]+\]$/) { print flag, substr($0, RSTART) }' <<<"$help_text" | sort -u)"
documented_defaults="$(sed 's/\\-/-/g' "$manual" | awk '/^\.S[HS]/ { flag = "" }
  /^\.B[RI]* --/ { flag = $2 }
  flag && match($0, /\[[^] ]+\]/) { print flag, substr($0, RSTART, RLENGTH) }' | sort -u)"
[[ -n "$known_defaults" && -n "$known" && -n "$documented" && -n "$tabled" ]] || {
  echo "check-manual: no flags were found in --help, the manual or README.md"
  exit 1
}

complain "commands not in the manual, or only there" \
  "$(comm -3 <(echo "$known_commands") <(echo "$documented_commands"))"
complain "not in the manual" "$(comm -23 <(echo "$known") <(echo "$documented"))"
complain "in the manual, but not in --help" "$(comm -13 <(echo "$known") <(echo "$documented"))"
complain "defaults that the manual does not say" \
  "$(comm -23 <(echo "$known_defaults") <(echo "$documented_defaults"))"
complain "in README.md, but not in --help" "$(comm -13 <(echo "$known") <(echo "$tabled"))"
complain "groff says of the manual" \
  "$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings --local-file "$manual" 2>&1 >/dev/null)"
exit "$failed"
