#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mesh-limit.sh: a limit of 500/s for the whole mesh, called through three nodes with uneven load that moves, and then
# without the server. Measured where it counts: at the web server, and as what the clients were answered.
. "$(dirname "$0")/mesh-web.inc.sh"
cat >"$WORK/mesh.yaml" <<'YAML'
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web:
    listen: 9001
    instances: [{ node: n3, bind: 127.0.1.3, port: 18080 }]
  shop: { instances: [{ node: n1, any_local: true }, { node: n2, any_local: true }, { node: n3, any_local: true }] }
routes:
  - { name: limited, service: web, match: { path: { exact: /1k } }, rate_limit: { rate: 500/s, burst: 50, scope: mesh } }
policy:
  default: deny
  rules:
    - { name: shop-to-web, allow: { from: [service/shop], to: web } }
YAML
nginx_at web 127.0.1.3 18080 "location /1k { access_log $WORK/requests one buffer=64k flush=100ms; }" \
  'log_format one "$msec";'
head -c 1024 /dev/zero | tr '\0' x >"$WORK/nginx-web/html/1k"
mesh_up 3
for n in 1 2 3; do wait_until 10 "an answer through n$n" answers "http://127.0.1.$n:9001/1k"; done

limits() { "$MESHD" get limits --state "$(state "$1")" -o json; }
lease() { [ "$(limits "$1" | json 'd["items"][0]["lease"]')" = "$2" ]; }
lines() { wc -l <"$WORK/requests"; }
asked() {
  local now before=-1
  now=$(lines)
  while [ "$now" != "$before" ]; do
    pause 0.5 # the flush of the server's log is a time of its own, which nobody can be asked for
    before=$now
    now=$(lines)
  done
  echo "$now"
}
for n in 1 2 3; do wait_until 20 "a lease on n$n" lease "$n" leased; done

# load SECONDS RATE1 RATE2 RATE3: on the nodes at once; sets OK and REFUSED as clients saw it, GOT as the server did.
load() {
  local seconds=$1 n before pids=()
  shift
  before=$(asked)
  for n in 1 2 3; do
    start "load$n" h2load --h1 -c 5 --rps "$(($1 / 5))" -D "$seconds" "http://127.0.1.$n:9001/1k"
    pids+=("$PID")
    shift
  done
  if [ -n "${MIDWAY-}" ]; then $MIDWAY; fi
  wait "${pids[@]}"
  GOT=$(($(asked) - before))
  OK=$(cat "$WORK"/load[123].log | awk '/^status codes:/ {n += $3} END {print n}')
  REFUSED=$(cat "$WORK"/load[123].log | awk '/^status codes:/ {n += $7} END {print n}')
}
near() { python3 -c "import sys; a, b = map(float, sys.argv[1:]); sys.exit(not 0.9 * b <= a <= 1.1 * b + 50)" "$1" "$2"; }
both() { near "$GOT" "$1" && near "$OK" "$1"; }

load 3 800 150 50 # the shares have to move first: this is their second
load 10 800 150 50
verdict mesh-limit "$GOT at the server, $OK answered, $REFUSED refused in 10 s of 800/150/50 a second" \
  "5000 +- 10 %, and a burst of 50" both 5000
"$MESHD" get limits --state "$(state 1)" >&2
load 10 50 150 800
verdict mesh-limit-moved "$GOT at the server, $OK answered, $REFUSED refused in the 10 s from the turn to 50/150/800 on" \
  "5000 +- 10 %, and a burst of 50" both 5000
load 10 200 100 50
verdict mesh-limit-below "$REFUSED refused of 350 a second" "<= 1 % of 3500" [ "$REFUSED" -le 35 ]

code=$(for _ in $(seq 8); do curl -s -o /dev/null -D - --parallel --parallel-immediate $(printf 'http://127.0.1.1:9001/1k %.0s' $(seq 100)) 2>/dev/null; done |
  tr -d '\r' | grep -iE '^(HTTP.* 429|retry-after:|x-meshd-error: rate-limited)' | sort | uniq -c | awk '{print $2, $3}' | paste -sd';')
verdict mesh-limit-answer "$code" "429 with Retry-After and the reason" \
  python3 -c "import sys; t = sys.argv[1].lower(); sys.exit(not (' 429' in t and 'retry-after: 1' in t and 'rate-limited' in t))" "$code"

# n1 carries the server. Killed, it is no caller any more either: what remains are the parts of the other two.
stop "$PID_n1" KILL
for n in 2 3; do wait_until 10 "n$n to be without a lease" lease "$n" "equal part"; done
before=$(asked)
for n in 2 3; do start "dead$n" h2load --h1 -c 5 --rps 100 -D 10 "http://127.0.1.$n:9001/1k"; done
wait "$PID_dead2" "$PID_dead3"
GOT=$(($(asked) - before))
verdict mesh-limit-alone "$GOT at the server in 10 s without the mesh's server, through two of three nodes" \
  "two thirds of 5000 +- 10 %" near "$GOT" 3333
exit $SHORT
