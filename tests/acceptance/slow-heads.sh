# SPDX-License-Identifier: Apache-2.0
# 15,000 clients that send their heads slowly cost little, harm nobody, and are gone soon after the deadline. Beyond its
# descriptors a node goes on with what it has, without spinning, and recovers by itself.
. "$(dirname "$0")/mesh-web.inc.sh"
drive() { python3 "$(dirname "$0")/slow-heads.py" "$1" 127.0.1.1:9001 "$2"; }
count=15000
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -gt $((count + 1000)) ] || die "this needs $((count + 1000)) descriptors"
one_web
before=$(drive probe 500)
rss_before=$(rss_kib "$PID_n1")
start drip python3 "$(dirname "$0")/slow-heads.py" drip 127.0.1.1:9001 $count
wait_until 20 "$count connections" grep -q open "$WORK/drip.log"
beside=$(drive probe 500)
peak=0
while alive "$PID_drip"; do
  now=$(rss_kib "$PID_n1")
  [ "$now" -le "$peak" ] || peak=$now
  pause 0.1
done
read -r last refused left < <(tail -1 "$WORK/drip.log")
verdict slow-heads-closed "$refused of $count answered 408, the last one gone $last s after its head began, $left left" \
  "all; <= 25 s, 15 s after the deadline" eval "[ $refused = $count ] && at_most $last 25"
verdict slow-heads-memory "$((peak / 1024)) MiB, $((rss_before / 1024)) before, $(((peak - rss_before) * 1024 / count)) bytes each" \
  "<= 64 MiB + 16 KiB each: $((64 + count / 64)) MiB" test "$peak" -le $((64 * 1024 + 16 * count))
after=$(drive probe 500)
calm=$((before > after ? before : after))
verdict slow-heads-beside "p99 of normal requests $beside us beside them, $before us before, $after us after" "at most doubled" at_most "$beside" $((2 * calm))
counted=$(curl -s http://127.0.1.1:15020/metrics | awk '/^meshd_refused_total.*slow-head/ {n += $2} END {print n + 0}')
verdict slow-heads-counted "$counted" "$count" test "$counted" = $count

# ---- more connections than descriptors
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz)}' "/proc/$1/stat"; }
start probe python3 "$(dirname "$0")/slow-heads.py" probe 127.0.1.1:9001 500
wait_until 5 "its connection" bash -c "ss -Htn 'dport = :9001' | grep -c ESTAB"
limit=$(($(fds "$PID_n1") + 200))
prlimit --pid "$PID_n1" --nofile=$limit:$limit
mkfifo "$WORK/hold"
exec 7<>"$WORK/hold"
python3 "$(dirname "$0")/slow-heads.py" hold 127.0.1.1:9001 1000 <"$WORK/hold" 7>&- >"$WORK/hold.log" 2>&1 &
hold=$!
PIDS+=("$hold")
at_limit() { [ "$(fds "$PID_n1")" -ge $((limit - 2)) ]; }
wait_until 10 "the last descriptor" at_limit
cpu=$(cpu_ms "$PID_n1")
pause 4
cpu=$(($(cpu_ms "$PID_n1") - cpu))
verdict exhausted-cpu "$((cpu / 40)) % of a processor with 1000 connections for $limit descriptors" "<= 5 %: no spinning" test "$cpu" -le 200
verdict exhausted-log "$(grep -c 'accepting pauses' "$WORK/n1.log") lines about it" "1 to 20" \
  eval "n=\$(grep -c 'accepting pauses' $WORK/n1.log); [ \$n -ge 1 ] && [ \$n -le 20 ]"
status=0
wait "$PID_probe" || status=$?
verdict exhausted-goes-on "500 requests on a connection from before, p99 $(tail -1 "$WORK/probe.log") us" "all answered" test "$status" = 0
stop "$hold" KILL
began=$(date +%s%3N)
wait_until 10 "an answer again" answers http://127.0.1.1:9001/1k
took=$(($(date +%s%3N) - began))
verdict exhausted-recovers "an answer $took ms after the others have gone" "<= 2000 ms" test "$took" -le 2000
exit $SHORT
