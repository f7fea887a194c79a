#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# confirm.sh: a change that nobody confirms is gone in time, everywhere; a node that is cut off from the server goes back by
# itself, and so does one whose guard breaks; what is confirmed stays; node and server may restart meanwhile.
. "$(dirname "$0")/mesh-web.inc.sh"
[ "${MESHD_NETWORK-}" = own ] || { echo "confirm: needs a network of its own" >&2; exit 1; }

# n1 and n2 here; n3 in a network of its own behind a link that can be taken down.
ip link add up1 type veth peer name up3
ip addr add 10.9.0.1/24 dev up1
ip link set up1 up
unshare -n sleep 900 &
FAR=$!
PIDS+=("$FAR")
wait_until 5 "the far network" bash -c "[ \"\$(readlink /proc/$FAR/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
ip link set up3 netns "$FAR"
far() { nsenter -t "$FAR" -n "$@"; }
far ip link set lo up
far ip addr add 10.9.0.3/24 dev up3
far ip link set up3 up

answer() {  # answer WEIGHTS-OF-GOOD…: the file with this share of good answers
  cat <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web:
    listen: 9001
    instances:
      - { node: n1, bind: 127.0.0.1, port: 18081, tags: { version: good } }
      - { node: n1, bind: 127.0.0.1, port: 18082, tags: { version: bad } }
  shop: { instances: [{ node: n2, any_local: true }, { node: n3, any_local: true }] }
routes:
  - name: web   # confirm.sh
    service: web
    retries: { max: 0 }
    to:
      - { tags: { version: good }, weight: $1 }
      - { tags: { version: bad }, weight: $((100 - $1)) }
policy:
  default: deny
  rules: [{ name: shop, allow: { from: [service/shop], to: web } }]
YAML
}
answer 100 >"$WORK/mesh.yaml"
nginx_at good 127.0.0.1 18081
nginx_at bad 127.0.0.1 18082 'return 500;'
echo good >"$WORK/nginx-good/html/index.html"

"$MESHD" init --state "$(state 1)" --config "$WORK/mesh.yaml" --name n1 --address 10.9.0.1 >"$WORK/init.log" 2>&1 || die "$(cat "$WORK/init.log")"
run_node 1
wait_until 30 "the server" node_ready 1
"$MESHD" token create --state "$(state 1)" >"$WORK/token2" 2>/dev/null
"$MESHD" join 10.9.0.1:15012 --token-file "$WORK/token2" --state "$(state 2)" --name n2 --address 127.0.1.2 >/dev/null 2>&1 || die "join of n2"
"$MESHD" token create --state "$(state 1)" >"$WORK/token3" 2>/dev/null
far "$MESHD" join 10.9.0.1:15012 --token-file "$WORK/token3" --state "$(state 3)" --name n3 --address 10.9.0.3 >/dev/null 2>&1 || die "join of n3"
run_node 2
start n3 nsenter -t "$FAR" -n "$MESHD" run --state "$(state 3)"
for n in 2 3; do wait_until 30 "n$n" node_ready "$n"; done

apply() { answer "$1" >"$WORK/next.yaml"; shift; "$MESHD" apply "$WORK/next.yaml" --state "$(state 1)" "$@" >"$WORK/apply.out" 2>&1; }
good() {  # good N: the weight of good answers on node N
  "$MESHD" get routes --state "$(state "$1")" -o json | json 'd["items"][0]["to"][0]["weight"]'
}
is() { [ "$(good "$1")" = "$2" ]; }
waits() { [ "$("$MESHD" config history --state "$(state 1)" -o json | json '"unconfirmed" in d["revisions"][0]')" = True ]; }
settled() { ! waits; }
now() { date +%s%3N; }
everywhere() { printf '%s %s %s' "$(good 1)" "$(good 2)" "$(good 3)"; }

# ---- nobody confirms
begin=$(now)
apply 90 --confirm 6s || die "apply: $(cat "$WORK/apply.out")"
verdict confirm-shown "$("$MESHD" config history --state "$(state 1)" | grep -c 'unconfirmed, .*left') in the history, $("$MESHD" status --state "$(state 2)" | grep -c '^unconfirmed .*left') in n2's status" "1 and 1" \
  [ "$("$MESHD" config history --state "$(state 1)" | grep -c 'unconfirmed')$("$MESHD" status --state "$(state 2)" | grep -c '^unconfirmed')" = 11 ]
code=0
apply 80 || code=$?
verdict confirm-alone "exit $code for another change meanwhile" "4: conflict" [ "$code" = 4 ]
back() { is 1 100 && is 2 100 && is 3 100; }
wait_until 30 "everybody to be back" back
verdict confirm-time "back everywhere after $(($(now) - begin)) ms" "6000 to 12000" [ "$(($(now) - begin))" -ge 6000 -a "$(($(now) - begin))" -le 12000 ]
answer 100 | cmp - "$WORK/mesh.yaml" || die "the file is not what it was"

# ---- confirmed, while node and server restart
apply 90 --confirm 8s || die "apply: $(cat "$WORK/apply.out")"
begin=$(now)
stop "$PID_n2" KILL
run_node 2
stop "$PID_n1" KILL
run_node 1
wait_until 20 "the server again" node_ready 1
waits || die "the restarted server has forgotten"
"$MESHD" confirm --state "$(state 1)" >/dev/null 2>&1 || die "confirm"
while [ "$(($(now) - begin))" -lt 14000 ]; do pause 0.2; done
verdict confirm-kept "$(everywhere) 6 s after its time" "90 90 90" [ "$(everywhere)" = "90 90 90" ]

# ---- the server is gone until after the time: it goes back when it is there again, nodes alone
apply 70 --confirm 5s || die "apply: $(cat "$WORK/apply.out")"
stop "$PID_n1" KILL
alone() { is 2 90 && is 3 90; }
wait_until 20 "nodes to go back without a server" alone
run_node 1
wait_until 20 "the server again" node_ready 1
wait_until 10 "the server to go back" settled
wait_until 20 "everybody to agree" is 1 90
verdict confirm-server-gone "$(everywhere)" "90 90 90" [ "$(everywhere)" = "90 90 90" ]

# ---- a node is cut off
apply 60 --confirm 60s || die "apply: $(cat "$WORK/apply.out")"
wait_until 10 "n3 to try it" is 3 60
begin=$(now)
ip link set up1 down
wait_until 40 "n3 to go back by itself" is 3 90
took=$(($(now) - begin))
verdict confirm-cut-off "n3 back alone after $took ms; n2 has $(good 2)" "<= 20000: three heartbeats; n2 goes on" [ "$took" -le 20000 -a "$(good 2)" = 60 ]
"$MESHD" status --state "$(state 3)" | grep 'went back.*the server is lost' >/dev/null || die "n3 does not say why: $("$MESHD" status --state "$(state 3)")"
"$MESHD" confirm --state "$(state 1)" >/dev/null 2>&1 || die "confirm"
ip link set up1 up
wait_until 60 "n3 to have what the server has" is 3 60
verdict confirm-reunited "$(everywhere)" "60 60 60: confirmed meanwhile" [ "$(everywhere)" = "60 60 60" ]

# ---- a guard breaks on a node: the one that calls, or the one that serves, whoever sees it first
start load h2load --h1 -c 4 --rps 10 -D 60 http://127.0.1.2:9001/
apply 100 || die "apply: $(cat "$WORK/apply.out")"
begin=$(now)
apply 50 --confirm 60s --guard 'success>=90%' --min-requests 20 --timeout 5 || :
wait_until 40 "n2 to go back" is 2 100
wait_until 10 "the server to follow" is 1 100
wait_until 10 "n3 to follow" is 3 100
took=$(($(now) - begin))
verdict confirm-guard "back everywhere after $took ms" "<= 15000, of 60 s" [ "$took" -le 15000 ]
"$MESHD" config history --state "$(state 1)" -o json | json 'd["revisions"][0]["message"]' | grep 'taken back by n[12]: success>=90%' >/dev/null || die "no reason in the history"
exit $SHORT
