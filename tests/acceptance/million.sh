# SPDX-License-Identifier: Apache-2.0
# Two data loops carry 1,000,000 HTTP/1.1 requests over 64 connections; descriptors and memory stay flat.
. "$(dirname "$0")/mesh-web.inc.sh"
N=${REQUESTS:-1000000}
one_web --threads 2
h2load --h1 -n $((N / 10)) -c 64 http://127.0.1.1:9001/1k >"$WORK/warm.txt" 2>&1
rss1=$(rss_kib "$PID_n1") rss2=$(rss_kib "$PID_n2") fd1=$(fds "$PID_n1") fd2=$(fds "$PID_n2")
h2load --h1 -n "$N" -c 64 http://127.0.1.1:9001/1k >"$WORK/load.txt" 2>&1
ok=$(h2load_field succeeded <"$WORK/load.txt")
good=$(sed -n 's/^status codes: \([0-9]*\) 2xx.*/\1/p' "$WORK/load.txt")
verdict million "$good of $N with status 200, $ok succeeded" "all" test "$good" = "$N" -a "$ok" = "$N"
grow=$(($(rss_kib "$PID_n1") - rss1 + $(rss_kib "$PID_n2") - rss2))
verdict million-rss "$grow KiB more on two nodes" "<= 2048" test "$grow" -le 2048
more=$(($(fds "$PID_n1") - fd1 + $(fds "$PID_n2") - fd2))
verdict million-fds "$more more" "<= 8" test "$more" -le 8
exit $SHORT
