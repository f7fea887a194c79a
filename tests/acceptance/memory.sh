#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# memory.sh: many slow readers fill what a loop may buffer: memory stays bounded: who comes then is told to come
# again, the fullest are cut; and when the slow ones are gone everything is as before.
. "$(dirname "$0")/mesh-web.inc.sh"
BUDGET=32
one_web --threads 1 --buffers "$BUDGET"
head -c 64M /dev/zero >"$WORK/nginx-web/html/big"
# metric NAME: on the node where it is larger.
metric() { awk -v m="$1" '$1 == m && $2 > n {n = $2} END {print n + 0}' <(curl -s http://127.0.1.1:15020/metrics) <(curl -s http://127.0.1.2:15020/metrics); }

# A thousand readers that take nothing after the first bytes.
cat >"$WORK/slow.py" <<'PY'
import socket, sys
open_ = []
for _ in range(1000):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.1.1", 9001))
    s.sendall(b"GET /big HTTP/1.1\r\nHost: web\r\n\r\n")
    open_.append(s)
print("open", flush=True)
sys.stdin.read()
PY
mkfifo "$WORK/hold"
sleep 60 >"$WORK/hold" & # keeps the readers open until it is ended; no longer than a minute
HOLD=$!
PIDS+=("$HOLD")
ulimit -n 8192
start slow python3 "$WORK/slow.py" <"$WORK/hold"
overloads() { awk '/^meshd_errors_total.*overload/ {n += $2} END {print n + 0}' <(curl -s http://127.0.1.1:15020/metrics) <(curl -s http://127.0.1.2:15020/metrics); }
shed() { [ "$(overloads)" -gt 0 ]; }
wait_until 30 "requests to be refused" shed
# Who was let in before it was full still fills up: the fullest are cut, four times a second.
fits() { [ "$(metric meshd_buffered_bytes)" -le $((BUDGET << 20)) ]; }
wait_until 10 "the buffers to be within the budget" fits
most=0
for _ in $(seq 20); do
  now=$(metric meshd_buffered_bytes)
  [ "$now" -le "$most" ] || most=$now
  pause 0.1 # a sample of what is buffered while the readers stand still
done
verdict memory-shed "$(overloads) refused or cut for want of memory" "> 0, of 1000 slow readers" shed
verdict memory-buffered "$((most >> 20)) MiB at most on the worse node" "<= 64: twice the budget, for what comes between two looks" [ "$most" -le $((BUDGET << 21)) ]
kill "$HOLD" 2>/dev/null || :
stop "$PID_slow"
wait_until 20 "an answer after the flood" answers http://127.0.1.1:9001/1k
empty() { [ "$(metric meshd_buffered_bytes)" -lt $((4 << 20)) ]; }
wait_until 20 "the buffers to be given back" empty
verdict memory-after "serves again, $(($(metric meshd_buffered_bytes) >> 10)) KiB buffered" "< 4096 KiB" empty
exit $SHORT
