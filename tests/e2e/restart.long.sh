#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# restart.long.sh: the called node is ended, in order and not, again and again under load. The calling node serves on, and
# what it cannot send it answers with a reason; when all is quiet again, so is it.
source "$(dirname "$0")/../acceptance/mesh-web.inc.sh"
one_web
N1=$PID_n1
TURNS=20
start load h2load --h1 -c 16 -D 60 http://127.0.1.1:9001/1k
LOAD=$PID
for turn in $(seq $TURNS); do
  signal=TERM
  [ $((turn % 2)) = 0 ] || signal=KILL
  stop "$PID_n2" "$signal"
  alive "$N1" || die "n1 did not survive restart $turn of n2"
  run_node 2
  wait_until 20 "an answer after restart $turn" answers http://127.0.1.1:9001/1k
done
stop "$LOAD"
alive "$N1" || die "n1 did not survive"
before=$(fds "$N1")
quiet() { [ "$(curl -s http://127.0.1.1:15020/metrics | awk '/^meshd_requests_active/ {n += $2} END {print n + 0}')" = 0 ]; }
wait_until 10 "no request under way" quiet
[ "$(fds "$N1")" -le "$before" ] || die "descriptors grow: $before, then $(fds "$N1")"
stop "$N1"
grep -q stopped "$WORK/n1.log" || die "n1 did not end in order: $(tail -3 "$WORK/n1.log")"
if grep -l "ERROR: \|runtime error\|WARNING: Thread" "$WORK"/n*.log; then die "a sanitizer has a report"; fi
echo ok
