#!/usr/bin/env bash
# Which lines and branches of common and shim the tests reach.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/coverage.sh [--quick]

Builds the preset "coverage" and runs the tests unit, golden, sim and e2e in it. Prints a line per
file and the sums, and writes pages with every line to build/coverage/report/index.html. A program
that a test kills with SIGKILL leaves no trace, so what only such end-to-end tests reach is counted
as not reached.

  --quick     without the end-to-end tests
  -h, --help  this text

Environment: that of packaging/test.sh.
TEXT
}

parts=(unit golden sim e2e)
case "${1:-}" in
  "") ;;
  --quick) parts=(unit golden sim) ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
packaging/install-deps.sh --coverage
# Counts of an earlier run would be added up.
[[ ! -d build/coverage ]] || find build/coverage -name '*.gcda' -delete
status=0
for part in "${parts[@]}"; do
  packaging/test.sh --preset coverage --only "$part" || status=1
done

mkdir -p build/coverage/report
# Branches that only an exception takes are not the tests' to count.
gcovr --root . --object-directory build/coverage --filter common/ --filter shim/ \
  --exclude-throw-branches --exclude-unreachable-branches --sort-uncovered --txt build/coverage/report/summary.txt \
  --html-details build/coverage/report/index.html --print-summary
cat build/coverage/report/summary.txt
echo "coverage: build/coverage/report/index.html"
((status == 0)) || echo "coverage: some tests failed, see above"
exit "$status"
