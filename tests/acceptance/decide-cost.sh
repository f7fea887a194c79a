#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# decide-cost.sh: a decision among a thousand routes and a thousand rules, by the processor's time, and that it allocates
# nothing: what src/snapshot/decide_cost_test.cc measures, beside the program in the same build.
. "$(dirname "$0")/../lib/mesh.sh"
build=$(dirname "$MESHD")
cmake --build "$build" --target test_snapshot >"$WORK/build.log" 2>&1 || die "building test_snapshot"
none=ok
"$build/test_snapshot" 'a decision among a thousand routes and rules allocates nothing' >"$WORK/allocations.log" 2>&1 || none=some
verdict decide-allocations "$none" "none: ok" [ "$none" = ok ]
"$build/test_snapshot" 'a decision among a thousand routes and rules takes two microseconds at most' >"$WORK/cost.log" 2>&1 || :
found=0
while IFS=: read -r what ns; do
  found=$((found + 1))
  verdict decide-cost "median${ns%ns}ns among 1000 routes $what and 1000 rules" "<= 2000 ns" at_most "${ns% ns}" 2000
done < <(sed -n 's/^ *\(by [a-z ]*\): \([0-9.e+]* ns\)$/\1: \2/p' "$WORK/cost.log")
[ "$found" -ge 4 ] || die "no figures in what test_snapshot says"
exit $SHORT
