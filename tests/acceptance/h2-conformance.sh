# SPDX-License-Identifier: Apache-2.0
# RFC 9113 and RFC 7541 case by case on both HTTP/2 listeners, as in tests/conformance, with the counts.
. "$(dirname "$0")/../lib/mesh.sh"
found=$(bash "$ROOT/tests/conformance/h2_cases.sh" 2>&1) && rc=0 || rc=$?
grep FAILED <<<"$found" >&2 || :
verdict h2-conformance "$(grep ' cases$' <<<"$found" | paste -sd, | sed 's/,/, /')" "all" test "$rc" = 0
exit $SHORT
