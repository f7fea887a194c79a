#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# balance.sh: which endpoints get the requests, by the node's own access log, over real servers that are slow, bad,
# unhealthy, full or near.
. "$(dirname "$0")/mesh-web.inc.sh"
HERE=$(cd "$(dirname "$0")" && pwd)

trio() { printf '{ node: n2, bind: 127.0.1.2, port: %s }, { node: n2, bind: 127.0.1.2, port: %s }, { node: n2, bind: 127.0.1.2, port: %s }' "$@"; }
file() {
  cat <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  fast: { listen: 9001, balance: { policy: ewma }, instances: [$(trio 18001 18002 18003)] }
  even: { listen: 9002, balance: { policy: round-robin }, instances: [$(trio 18011 18012 18013)] }
  calls: { listen: 9003, protocol: grpc, balance: { policy: round-robin }, instances: [$(trio 18021 18022 18023)] }
  weighed:
    listen: 9004
    balance: { policy: random }
    instances:
      - { node: n2, bind: 127.0.1.2, port: 18031, weight: 1 }
      - { node: n2, bind: 127.0.1.2, port: 18032, weight: 2 }
      - { node: n2, bind: 127.0.1.2, port: 18033, weight: 5 }
  keyed:
    listen: 9005
    balance: { policy: maglev, key: { header: x-user } }
    health: { http: { path: /health }, interval: 200ms, fall: 1, rise: 1 }
    instances: [$(trio 18041 18042 18043)]
  session:
    listen: 9006
    balance: { policy: ring-hash, key: { cookie: at, ttl: 1h } }
    instances: [$(trio 18051 18052 18053)${1:-}]
  ramp:
    listen: 9007
    balance: { slow_start: 10s }
    health: { http: { path: /health }, interval: 200ms, fall: 1, rise: 1 }
    instances: [{ node: n2, bind: 127.0.1.2, port: 18061 }, { node: n2, bind: 127.0.1.2, port: 18062 }]
  near:
    listen: 9008
    balance: { prefer: [node] }
    instances: [{ node: n1, bind: 127.0.1.1, port: 18071 }, { node: n2, bind: 127.0.1.2, port: 18072 }]
  narrow:
    listen: 9009
    limits: { max_requests: 4, max_pending: 6 }
    instances: [{ node: n2, bind: 127.0.1.2, port: 18081 }]
  wide:
    listen: 9010
    limits: { max_connections: 4, max_pending: 1000 }
    instances: [{ node: n2, bind: 127.0.1.2, port: 18082 }]
  flaky:
    listen: 9011
    breaker: { success_rate: { below: 80%, over: 5s, min_requests: 20 }, eject: 30s, max_ejected: 50% }
    instances: [{ node: n2, bind: 127.0.1.2, port: 18091 }, { node: n2, bind: 127.0.1.2, port: 18092 }]
  shop: { instances: [{ node: n1, any_local: true }] }
policy: { default: deny, rules: [{ name: shop, allow: { from: [service/shop] } }] }
telemetry: { access_log: { output: $WORK/access, only: "" } }
YAML
}
file >"$WORK/mesh.yaml"

backends=()
for p in 18001:10 18002:10 18003:100 1801{1,2,3} 1803{1,2,3} 1804{1,2,3} 1805{1,2,3,4} 1806{1,2} 18072 18081:50 18082:20 18091 18092; do
  backends+=("127.0.1.2:$p")
done
start backends /usr/bin/python3 "$HERE/balance_backend.py" "${backends[@]}" 127.0.1.1:18071
start calls /usr/bin/python3 "$HERE/grpc_peer.py" serve 127.0.1.2:18021,127.0.1.2:18022,127.0.1.2:18023
wait_until 10 "the servers" port_open 127.0.1.2 18092
wait_until 10 "the gRPC servers" port_open 127.0.1.2 18023
mesh_up 2
for port in 9001 9002 9004 9006 9007 9008 9009 9010 9011; do wait_until 10 "the mesh" answers "http://127.0.1.1:$port/"; done
wait_until 10 "the mesh" answers http://127.0.1.1:9005/

# counts SERVICE SINCE: "PORT REQUESTS" of what this node sent from line SINCE of its log on.
counts() { tail -n "+$(($2 + 1))" "$WORK/access" | jq -r --arg s "$1" 'select(.direction == "outbound" and .service == $s and .endpoint != null) | .endpoint | split(":")[1]' | sort | uniq -c | awk '{print $2, $1}'; }
lines() { wc -l <"$WORK/access"; }
logged() { [ "$(counts "$1" "$2" | awk '{n += $2} END {print n + 0}')" -ge "$3" ]; }
# share SERVICE SINCE TOTAL PORT: in percent, once all are logged.
share() {
  wait_until 10 "$3 requests of $1 in the log" logged "$1" "$2" "$3"
  counts "$1" "$2" | awk -v p="$4" '{n += $2} $1 == p {m = $2} END {printf "%.2f", n ? m * 100 / n : 0}'
}
load() { h2load "$@" >"$WORK/load.out" 2>&1; }
done_of() { h2load_field done <"$WORK/load.out"; }
set_backend() { curl -fs -o /dev/null "http://127.0.1.2:$1/set?$2"; }

# ---- a slow endpoint is left nearly alone
from=$(lines)
load --h1 -c 10 --rps 40 -D 10 http://127.0.1.1:9001/
got=$(share fast "$from" "$(done_of)" 18003)
verdict ewma-slow "$got % of $(done_of) requests at the endpoint that is ten times slower" "<= 3" at_most "$got" 3

# ---- requests of one connection are spread
from=$(lines)
load -c 1 -m 20 -n 3000 http://127.0.1.1:9002/
for port in 18011 18012 18013; do printf '%s ' "$(share even "$from" 3000 "$port")"; done >"$WORK/h2"
verdict one-h2-connection "$(cat "$WORK/h2")% of 3000 requests" "33.3 +- 1 each" python3 -c "exit(any(abs(float(x) - 100 / 3) > 1 for x in open('$WORK/h2').read().split()))"
from=$(lines)
/usr/bin/python3 "$HERE/grpc_peer.py" unary 127.0.1.1:9003 3000 >"$WORK/calls.out"
for port in 18021 18022 18023; do printf '%s ' "$(share calls "$from" 3000 "$port")"; done >"$WORK/grpc"
verdict one-grpc-connection "$(cat "$WORK/grpc")% of 3000 calls, $(cat "$WORK/calls.out") wrong" "33.3 +- 1 each, 0 wrong" python3 -c "exit(any(abs(float(x) - 100 / 3) > 1 for x in open('$WORK/grpc').read().split()))"

# ---- weights
from=$(lines)
load --h1 -c 8 -n 20000 http://127.0.1.1:9004/
for port in 18031 18032 18033; do printf '%s ' "$(share weighed "$from" 20000 "$port")"; done >"$WORK/weights"
verdict weights "$(cat "$WORK/weights")% of 20000 requests" "12.5 25 62.5, +- 1" python3 -c "exit(any(abs(float(x) - y) > 1 for x, y in zip(open('$WORK/weights').read().split(), (12.5, 25, 62.5))))"

# ---- keys stay; when an endpoint goes only its own move, and come back
ask() { for i in $(seq 200); do printf 'url = "http://127.0.1.1:9005/"\nheader = "x-user: u%s"\noutput = "-"\nwrite-out = "\\n"\nnext\n' "$i"; done | sed '$d' | curl -sK - ; }
ask >"$WORK/keys1"
ask >"$WORK/keys2"
is_down() { [ "$("$MESHD" get services --state "$(state 1)" -o json | json '[s["endpoints_up"] for s in d["items"] if s["name"] == "keyed"][0]')" = "$1" ]; }
set_backend 18042 health=503
wait_until 10 "the endpoint to be down" is_down 2
ask >"$WORK/keys3"
set_backend 18042 health=200
wait_until 10 "the endpoint to be up" is_down 3
ask >"$WORK/keys4"
read -r unlike moved left back <<<"$(python3 - "$WORK" <<'PY'
import sys
a, b, c, d = ([int(x) for x in open(f"{sys.argv[1]}/keys{i}").read().split()] for i in (1, 2, 3, 4))
print(sum(x != y for x, y in zip(a, b)), sum(x != y for x, y in zip(a, c) if x != 18042), sum(x == 18042 for x in c), sum(x != y for x, y in zip(a, d)))
PY
)"
verdict keys "$unlike of 200 keys unsteady, $moved moved from endpoints that stay, $left at the one that is down, $back elsewhere after its return" "0 0 0 0" [ "$unlike $moved $left $back" = "0 0 0 0" ]
"$MESHD" explain --state "$(state 1)" --from service/shop -H 'x-user: u1' http://keyed/ >"$WORK/explained"
verdict explain-key "$(sed -n 's/^ *\(balance:.*\)/\1/p' "$WORK/explained")" "policy, key and endpoint of u1: $(head -1 "$WORK/keys1")" grep -q "maglev by header x-user ('u1' belongs to 127.0.1.2:$(head -1 "$WORK/keys1"))" "$WORK/explained"

# ---- a session stays at its endpoint over a reload that adds one
visit() { curl -s -b "$WORK/jar$1" -c "$WORK/jar$1" http://127.0.1.1:9006/; echo; }
for i in $(seq 40); do visit "$i"; done >"$WORK/session1"
cookie=$(curl -s -o /dev/null -D - http://127.0.1.1:9006/ | tr -d '\r' | sed -n 's/^set-cookie: //Ip')
verdict cookie "$cookie" "at=ID; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax" python3 -c "import re,sys; sys.exit(not re.fullmatch('at=[0-9a-f]{16}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax', sys.argv[1]))" "$cookie"
file ', { node: n2, bind: 127.0.1.2, port: 18054 }' >"$WORK/next.yaml"
"$MESHD" apply --state "$(state 1)" "$WORK/next.yaml" >"$WORK/apply.log" 2>&1 || die "apply: $(cat "$WORK/apply.log")"
for i in $(seq 40); do visit "$i"; done >"$WORK/session2"
moved=$(paste "$WORK/session1" "$WORK/session2" | awk '$1 != $2' | wc -l)
places=$(sort -u "$WORK/session1" | wc -l)
verdict sticky-reload "$moved of 40 sessions at $places endpoints moved" "0 of 40 at 3" [ "$moved $places" = "0 3" ]

# ---- an endpoint that comes back ramps up
set_backend 18062 health=503
ramp_down() { [ "$("$MESHD" get services --state "$(state 1)" -o json | json '[s["endpoints_up"] for s in d["items"] if s["name"] == "ramp"][0]')" = "$1" ]; }
wait_until 10 "the endpoint to be down" ramp_down 1
load --h1 -c 4 -n 100 http://127.0.1.1:9007/
set_backend 18062 health=200
wait_until 10 "the endpoint to be up" ramp_down 2
for step in 1 2 3; do
  from=$(lines)
  load --h1 -c 10 --rps 40 -D 4 http://127.0.1.1:9007/
  share ramp "$from" "$(done_of)" 18062
  echo
done | paste -sd' ' >"$WORK/ramp"
# The weight grows to 1 over 10 s: shares over 0 to 4, 4 to 8 and 8 to 12 s are about 16, 37 and 49 %.
verdict slow-start "$(cat "$WORK/ramp") % over three times 4 s" "about 16 37 49, +- 8" python3 -c "exit(any(abs(float(x) - y) > 8 for x, y in zip(open('$WORK/ramp').read().split(), (16, 37, 49))))"

# ---- near first; when that is gone, the others, and no request fails
from=$(lines)
load --h1 -c 4 -n 1000 http://127.0.1.1:9008/
got=$(share near "$from" 1000 18071)
verdict prefer-node "$got % at the node's own endpoint" 100 [ "$got" = 100.00 ]

# ---- bulkheads
h2load --h1 -c 20 -n 400 http://127.0.1.1:9009/ >"$WORK/load.out" 2>&1
most=$(curl -s http://127.0.1.2:18081/most)
refused=$(awk '/^status codes:/ {print $8 == "5xx" ? $7 : $9 + 0}' "$WORK/load.out")
reason=$(curl -s "http://127.0.1.1:15020/metrics" | sed -n 's/^meshd_limit_refused_total{\(.*narrow.*\)} .*/\1/p' | head -1)
verdict bulkhead "at most $most at once of 20, $refused of 400 refused, counted as $reason" "4, some, max_pending" \
  python3 -c "import sys; sys.exit(not ($most == 4 and 0 < int('$refused' or 0) < 400 and 'max_pending' in sys.argv[1]))" "$reason"
h2load --h1 -c 20 -n 400 http://127.0.1.1:9010/ >"$WORK/load.out" 2>&1
most=$(curl -s http://127.0.1.2:18082/most)
bad=$(h2load_bad <"$WORK/load.out")
verdict queue "at most $most at once of 20, $bad of 400 failed" "4, 0" [ "$most $bad" = "4 0" ]

# ---- an endpoint of which too many answers are bad is taken out
set_backend 18092 bad=50
from=$(lines)
load --h1 -c 4 --rps 100 -D 5 http://127.0.1.1:9011/
got=$(share flaky "$from" "$(done_of)" 18092)
"$MESHD" explain --state "$(state 1)" --from service/shop http://flaky/ >"$WORK/explained"
verdict success-rate "$got % of $(done_of) at the one that answers half of them badly; $(sed -n 's/.*18092.*, out: \([^,(]*\).*/\1/p' "$WORK/explained")" "<= 8" at_most "$got" 8
exit $SHORT
