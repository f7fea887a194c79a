#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# resilience.sh: retries, budgets, breakers and try timeouts against real servers that fail, hang, cut, reset and shed.
. "$(dirname "$0")/mesh-web.inc.sh"
LOOPS=2 # of each node: what a breaker counts, each loop counts for itself
# Services at 2,000 requests a second, with two good instances and one that fails: it resets connections, or requests, or
# answers half way, or never answers.
FAULTS=(accept request middle hang)
declare -A AT=([accept]=9021 [request]=9022 [middle]=9023 [hang]=9024)

cat >"$WORK/mesh.yaml" <<'YAML'
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  storm:
    listen: 9001
    instances: [{ node: n2, bind: 127.0.1.2, port: 18001 }]
  cut:
    listen: 9002
    instances: [{ node: n2, bind: 127.0.1.2, port: 18002 }]
  pair:
    listen: 9003
    instances: [{ node: n2, bind: 127.0.1.2, port: 18003 }, { node: n2, bind: 127.0.1.2, port: 18004 }]
  trio:
    listen: 9005
    breaker: { consecutive_errors: 5, eject: 2s, max_ejected: 50% }
    instances:
      - { node: n2, bind: 127.0.1.2, port: 18005 }
      - { node: n2, bind: 127.0.1.2, port: 18006 }
      - { node: n2, bind: 127.0.1.2, port: 18007 }
  hang:
    listen: 9008
    instances: [{ node: n2, bind: 127.0.1.2, port: 18008 }, { node: n2, bind: 127.0.1.2, port: 18009 }]
  shed:
    listen: 9010
    instances: [{ node: n2, bind: 127.0.1.2, port: 18010 }]
  limited:
    listen: 9011
    limits: { max_requests: 2 }
    instances: [{ node: n2, bind: 127.0.1.2, port: 18011 }]
  busy: { listen: 9025, instances: [{ node: n2, bind: 127.0.1.2, port: 19025 }] }
  shop: { instances: [{ node: n1, any_local: true }] }
YAML
for fault in "${FAULTS[@]}"; do
  port=${AT[$fault]}
  cat >>"$WORK/mesh.yaml" <<YAML
  fault-$fault:
    listen: $port
    breaker: { consecutive_errors: 5, eject: 1s, max_ejected: 50% }
    instances:
      - { node: n2, bind: 127.0.1.2, port: 1$port }
      - { node: n2, bind: 127.0.1.2, port: $((port + 20000)) }
      - { node: n2, bind: 127.0.1.2, port: $((port + 30000)) }
YAML
  good="${good-}listen 127.0.1.2:$((port + 20000)) backlog=4096; listen 127.0.1.2:$((port + 30000)) backlog=4096; "
done
cat >>"$WORK/mesh.yaml" <<'YAML'
routes:
  - { name: fault-accept, service: fault-accept, retries: { budget: 100% } }
  - { name: fault-request, service: fault-request, retries: { budget: 100% } }
  - { name: fault-hang, service: fault-hang, timeout: { per_try: 100ms }, retries: { on: [gateway-error], budget: 100% } }
  - { name: busy, service: busy, retries: { max: 2, on: [429] } }
  - { name: storm, service: storm, retries: { max: 3, on: [5xx], backoff: 1ms..2ms } }
  - { name: hang, service: hang, timeout: { per_try: 100ms }, retries: { max: 3, on: [gateway-error], backoff: 1ms..2ms, budget: 100% } }
  - { name: shed, service: shed, retries: { max: 2, on: [429] } }
  - { name: keyed, service: limited, match: { path: { prefix: /keyed } }, rate_limit: { rate: 1/m, burst: 2, key: { header: x-key } } }
  - { name: limited-busy, service: limited, match: { path: { prefix: /busy } } }
  - { name: limited, service: limited, rate_limit: { rate: 100/s, burst: 50 } }
policy:
  default: deny
  rules:
    - { name: shop-to-all, allow: { from: [service/shop], to: [storm, cut, pair, trio, hang, shed, limited, busy, fault-accept, fault-request, fault-middle, fault-hang] } }
YAML
# server NAME PORT LINES [HTTP LINES]: nginx that writes a line per request.
server() { nginx_at "$1" 127.0.1.2 "$2" "access_log $WORK/$1.requests one buffer=64k flush=100ms; $3" "log_format one \$request_method; ${4:-}"; }
# asked NAME…: the requests that these got, once no more are being written.
lines() { cat $(printf "$WORK/%s.requests " "$@") 2>/dev/null | wc -l; }
asked() {
  local now before=-1
  now=$(lines "$@")
  while [ "$now" != "$before" ]; do
    pause 0.5 # the flush of the servers' logs is a time of theirs, which nobody can be asked for
    before=$now
    now=$(lines "$@")
  done
  echo "$now"
}
server storm 18001 'location / { return 503; }'
server cut 18002 'location / { return 444; }'
server left 18003 ''
server right 18004 ''
server good1 18005 ''
server good2 18006 ''
server bad 18007 'location / { return 500; }'
server alive 18008 ''
start dead nc -lk 127.0.1.2 18009
server shed 18010 'limit_req zone=z; limit_req_status 429; add_header Retry-After 1 always;' \
  'limit_req_zone $binary_remote_addr zone=z:1m rate=1r/s;'
server limited 18011 'location /keyed { return 200; } location /busy { proxy_pass http://127.0.1.2:18012; }'
start busy nc -lk 127.0.1.2 18012
server goods 18020 "$good"
server busy 19025 'limit_req zone=z burst=250 nodelay; limit_req_status 429; add_header Retry-After 1 always;' \
  'limit_req_zone $server_port zone=z:1m rate=500r/s;'
for fault in accept middle hang; do
  start "fault-$fault" python3 "$(dirname "$0")/resilience_backend.py" "$WORK" 127.0.1.2 "1${AT[$fault]}:$fault"
done
# What it sends nothing to, nginx resets instead of closing.
nginx_at fault-request 127.0.1.2 "1${AT[request]}" \
  "reset_timedout_connection on; access_log $WORK/1${AT[request]}.events events buffer=64k flush=100ms; location / { return 444; }" \
  'map $status $what { default bad; 200 good; } map $msec $ms { "~^(?<s>[0-9]+)[.](?<f>[0-9]+)$" $s$f; } log_format events "$ms $what";'
for name in left right good1 good2 alive shed limited goods busy fault-request; do echo ok >"$WORK/nginx-$name/html/index.html"; done
mesh_up 2 --threads $LOOPS
wait_until 10 "the mesh" answers http://127.0.1.1:9003/

# ---- a service that always fails is not asked a fifth more than it would be anyway
h2load --h1 -c 20 --rps 100 -D 10 http://127.0.1.1:9001/ >"$WORK/storm.out" 2>&1
sent=$(sed -n 's/^requests: .* \([0-9]*\) started.*/\1/p' "$WORK/storm.out")
got=$(asked storm)
share=$(python3 -c "print('%.2f' % (($got - $sent) * 100 / $sent))")
verdict retry-storm "$share % more than the $sent requests" "<= 20, > 10" python3 -c "exit(not 10 < $share <= 20.0)"

# ---- a POST whose bytes may have been seen is sent once
head -c 200 /dev/zero >"$WORK/content"
before=$(asked cut)
h2load --h1 -c 16 -n 50000 -d "$WORK/content" http://127.0.1.1:9002/ >"$WORK/post.out" 2>&1
sent=$(sed -n 's/^requests: .* \([0-9]*\) done.*/\1/p' "$WORK/post.out")
got=$(($(asked cut) - before))
verdict post-once "$got at the server of $sent sent" "no more than sent, 50000" [ "$got" -le "$sent" -a "$got" -ge 50000 ]

# ---- an endpoint killed under load
start load h2load --h1 -c 20 --rps 100 -D 6 http://127.0.1.1:9003/
LOAD=$PID
busy() { [ "$(lines left)" -gt 500 ]; }
wait_until 10 "load at both endpoints" busy
pkill -KILL -P "$PID_nginx_right" || :
stop "$PID_nginx_right" KILL
wait "$LOAD"
bad=$(h2load_bad <"$WORK/load.log")
verdict endpoint-killed "$bad failed of $(h2load_field done <"$WORK/load.log")" 0 [ "$bad" = 0 ]

# ---- an endpoint that fails is taken out, and comes back
h2load --h1 -c 20 --rps 100 -D 5 http://127.0.1.1:9005/ >"$WORK/eject.out" 2>&1
got=$(asked bad)
verdict ejected "$got requests in 5 s at the one that fails" "<= 5 per loop, and probes: 20" [ "$got" -le 20 -a "$got" -gt 0 ]
sed -i 's/return 500/return 200/' "$WORK/nginx-bad/nginx.conf"
kill -HUP "$PID_nginx_bad"
before=$(asked bad)
start load h2load --h1 -c 20 --rps 50 -D 10 http://127.0.1.1:9005/
LOAD=$PID
since=$(date +%s%3N)
back() { [ "$(lines bad)" -gt $((before + 200)) ]; }
wait_until 10 "requests at the recovered endpoint" back
took=$(($(date +%s%3N) - since))
wait "$LOAD" || :
verdict recovered "back in the share after $took ms" "<= 6000: its interval, longer after each probe that failed" [ "$took" -le 6000 ]

# ---- 2,000 requests a second: what fails is out within five failures or a second, and back when its time is over
# events FAULT HEALED: of the first burst of failures how many and over how many ms, after the first of them was known; how long
# from the last failure until the first good request; how long the breaker may have said (1 s, longer each time); good ones.
events() {
  cat "$WORK/1${AT[$1]}".* | sort -n | python3 -c '
import sys
rows = [line.split() for line in sys.stdin]
bad, good = ([int(t) for t, what in rows if what == w] for w in ("bad", "good"))
bad = [t for t in bad if t <= int(sys.argv[2])]
bursts = [[bad[0]]]
for t in bad[1:]:
    if t - bursts[-1][-1] > 500:
        bursts.append([])
    bursts[-1].append(t)
known = bad[0] + (100 if sys.argv[1] == "hang" else 0)
print(len(bursts[0]), max(0, bursts[0][-1] - known), good[0] - bad[-1] if good else 99999, len(bursts) * 1000, len(good))' "$1" "$2"
}
clang++-19 -std=c++23 -O2 -o "$WORK/load" "$(dirname "$0")/../bench/load.cc" || die "the load generator does not compile"
for fault in "${FAULTS[@]}"; do
  start load "$WORK/load" rate "127.0.1.1:${AT[$fault]}" 40 2000 9
  LOAD=$PID
  out() { [ "$(cat "$WORK/1${AT[$fault]}".* | sort -n | awk '{n += $1 > last + 500; last = $1} END {print n + 0}')" -ge 3 ]; }
  wait_until 8 "three rounds of $fault" out
  if [ "$fault" = request ]; then
    sed -i 's/return 444/return 200/' "$WORK/nginx-fault-request/nginx.conf"
    kill -HUP "$PID_nginx_fault_request"
  else
    kill -USR1 "$(eval echo "\$PID_fault_$fault")"
  fi
  healed=$(date +%s%3N)
  wait "$LOAD" || :
  pause 0.5 # the flush of the servers' logs
  read -r sent bad < <(sed -n 's/^done=\([0-9]*\) failed=\([0-9]*\) .*/\1 \2/p' "$WORK/load.log")
  read -r failures span silence interval good < <(events "$fault" "$healed")
  verdict "ejection-$fault" "$failures requests, the last $span ms after the first failure, at ${LOOPS} loops; $bad of $sent requests failed" \
    "<= 5 failures a loop, or 1 s" test "$failures" -le $((5 * LOOPS)) -o "$span" -le 1000
  # What was cut half way cannot be tried again.
  verdict "ejection-$fault-seen" "$bad of $sent requests failed" "$([ "$fault" = middle ] && echo "<= 30: 5 a loop, what was under way then, and probes" || echo 0)" \
    test "$bad" -le "$([ "$fault" = middle ] && echo 30 || echo 0)" -a "$sent" -gt 16000
  verdict "recovery-$fault" "tried $silence ms after its last failure, then $good requests" "<= $interval ms and a turn, > 200" \
    test "$silence" -le $((interval + 300)) -a "$good" -gt 200
done

# ---- 429 with Retry-After at 2,000 requests a second: waited for within the budget, passed on beyond it
h2load --h1 -c 1000 --rps 2 -D 8 http://127.0.1.1:9025/ >"$WORK/busy.out" 2>&1
sent=$(sed -n 's/^requests: .* \([0-9]*\) started.*/\1/p' "$WORK/busy.out")
read -r ok shed other < <(sed -n 's/^status codes: \([0-9]*\) 2xx, \([0-9]*\) 3xx, \([0-9]*\) 4xx, \([0-9]*\) 5xx.*/\1 \3 \4/p' "$WORK/busy.out")
got=$(asked busy)
share=$(python3 -c "print('%.1f' % (($got - $sent) * 100 / $sent))")
verdict shed-load "$ok good, $shed times 429, $other errors of $sent; $share % more at the server" \
  "no errors, 500/s of good ones, <= 20 % more" python3 -c "exit(not ($other == 0 and $ok >= 3600 and 0 < $share <= 20 and $sent > 12000))"

# ---- a try that hangs costs its own time only
h2load --h1 -c 4 -n 400 http://127.0.1.1:9008/ >"$WORK/hang.out" 2>&1
bad=$(h2load_bad <"$WORK/hang.out")
verdict try-timeout "$bad failed of 400 with one of two endpoints silent" 0 [ "$bad" = 0 ]

# ---- Retry-After is waited for
curl -s -o /dev/null http://127.0.1.1:9010/
read -r code time < <(curl -s -o /dev/null -w '%{http_code} %{time_total}\n' http://127.0.1.1:9010/)
verdict retry-after "status $code after $time s" "200 after 1 s or more" python3 -c "exit(not ($code == 200 and 0.9 < $time < 3))"

# ---- rate limits
h2load --h1 -c 20 --rps 100 -D 5 http://127.0.1.1:9011/ >"$WORK/limited.out" 2>&1
good=$(sed -n 's/^status codes: \([0-9]*\) 2xx.*/\1/p' "$WORK/limited.out")
verdict rate-limit "$good passed in 5 s at 100/s and a burst of 50" "550 +- 10 %" python3 -c "exit(not 495 <= $good <= 605)"
keyed() { curl -s -o /dev/null -D - -H "x-key: $1" http://127.0.1.1:9011/keyed | tr -d '\r' | sed -n 's/^HTTP[^ ]* \(...\).*/\1/p; s/^retry-after: //Ip; s/^x-meshd-error: //Ip' | paste -sd' '; }
seen="$(keyed a) $(keyed a) $(keyed a) $(keyed b)"
verdict rate-limit-key "$seen" "200 200 429 with reason and retry-after, 200" \
  python3 -c "import re,sys; sys.exit(not re.fullmatch(r'200 200 429 .*rate-limited; route=keyed at mesh.yaml:\d+:\d+.* 200', sys.argv[1]) or ' 60 ' not in sys.argv[1])" "$seen"

# ---- no more than so many at once
for i in 1 2 3 4; do start "busy$i" curl -s -o /dev/null -w '%{http_code}\n' --max-time 3 http://127.0.1.1:9011/busy; done
shed() { cat "$WORK"/busy[1-4].log | grep -c 503; }
enough() { [ "$(shed)" -ge 2 ]; }
wait_until 3 "what is too much to be refused" enough
for i in 1 2 3 4; do wait "$(eval echo "\$PID_busy$i")" || :; done
verdict max-requests "$(shed) of 4 refused at once" 2 [ "$(shed)" = 2 ]
exit $SHORT
