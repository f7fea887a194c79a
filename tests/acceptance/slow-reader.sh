# SPDX-License-Identifier: Apache-2.0
# A client that reads 1 KiB/s of a 2 GiB body holds the upstream back: only buffers are filled.
. "$(dirname "$0")/mesh-web.inc.sh"
one_web
truncate -s 2G "$WORK/nginx-web/html/big"
# What nginx has handed to the kernel, over all connections from the node.
held() {
  { ss -tniH 'sport = :18080' || :; } | grep -o 'bytes_sent:[0-9]*' | awk -F: '{n += $2} END {printf "%d", n}' || :
}
start slow timeout 14 curl -s -o /dev/null --limit-rate 1k http://127.0.1.1:9001/big
pause 6
first=$(held)
pause 4
second=$(held)
verdict slow-reader "upstream sent $second bytes, $((second - first)) of them in the last 4 s" \
  "> 0, <= 16 MiB: buffers only; <= 64 KiB" test "$second" -gt 100000 -a "$second" -le 16777216 -a $((second - first)) -le 65536
wait "$PID_slow" || :
exit $SHORT
