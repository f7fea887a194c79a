# SPDX-License-Identifier: Apache-2.0
# Clocks that are wrong: what src/control/clock_keeper_test.cc does with a clock of its own beside the program in the same
# build: certificates, handshakes and renewals are real, time is not.
. "$(dirname "$0")/../lib/mesh.sh"
build=$(dirname "$MESHD")
cmake --build "$build" --target test_control >"$WORK/build.log" 2>&1 || die "building test_control"
cases=0
while IFS= read -r name; do
  cases=$((cases + 1))
  result=ok
  "$build/test_control" "${name//,/\\,}" >"$WORK/case.log" 2>&1 || result="$(grep -m1 -A3 FAILED "$WORK/case.log" || tail -1 "$WORK/case.log")"
  grep -q 'All tests passed' "$WORK/case.log" || result="did not run"
  verdict clock "$name: $result" ok [ "$result" = ok ]
done < <("$build/test_control" '[clock]' --list-tests --verbosity quiet)
[ "$cases" -ge 7 ] || die "only $cases cases"
exit $SHORT
