# SPDX-License-Identifier: Apache-2.0
# An idle node's memory, and the time from start to ready.
. "$(dirname "$0")/mesh-web.inc.sh"
one_web
# The stripped program, as it is installed.
strip -o "$WORK/meshd" "$MESHD"
verdict binary "$(($(stat -c %s "$WORK/meshd") / 1024)) KiB stripped" "<= 12288" \
  test "$(stat -c %s "$WORK/meshd")" -le $((12 * 1024 * 1024))
stop "$PID_n2"
ready() { curl -sf -o /dev/null http://127.0.1.2:15020/healthz/ready; }
best=999999
for _ in 1 2 3 4 5; do
  begin=$(date +%s%N)
  "$WORK/meshd" run --state "$(state 2)" >"$WORK/n2.log" 2>&1 &
  PID_n2=$!
  PIDS+=("$PID_n2")
  until grep -q ready "$WORK/n2.log"; do :; done
  took=$((($(date +%s%N) - begin) / 1000))
  ((took < best)) && best=$took
  wait_until 5 "n2" ready
  rss=$(rss_kib "$PID_n2")
  stop "$PID_n2"
done
verdict start-to-ready "$best us, best of 5" "<= 100000" test "$best" -le 100000
"$WORK/meshd" run --state "$(state 2)" >"$WORK/n2.log" 2>&1 &
PID_n2=$!
PIDS+=("$PID_n2")
wait_until 5 "an answer" answers http://127.0.1.1:9001/1k
pause 3
rss=$(rss_kib "$PID_n2")
verdict idle-rss "$rss KiB" "<= 12288" test "$rss" -le 12288
exit $SHORT
