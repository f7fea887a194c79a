# SPDX-License-Identifier: Apache-2.0
# kill -9 of the server during load: nothing fails; a node restarted meanwhile serves; the server returns.
. "$(dirname "$0")/mesh-web.inc.sh"
cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web:
    listen: 9001
    instances: [{ node: n3, bind: 127.0.1.3, port: 18080 }]
  shop: { instances: [{ node: n2, any_local: true }] }
policy:
  default: deny
  rules: [{ name: shop-to-web, allow: { from: [service/shop], to: web } }]
YAML
nginx_at web 127.0.1.3 18080
head -c 1024 /dev/zero >"$WORK/nginx-web/html/1k"
mesh_up 3
url=http://127.0.1.2:9001/1k
wait_until 10 "an answer through the mesh" answers $url
start load h2load --h1 -D 5 -c 32 $url
wait_until 5 "load" bash -c "ss -tnH 'dport = :9001' | grep -q ESTAB"
pause 1
stop "$PID_n1" KILL
wait "$PID_load" || :
done_=$(sed -n 's/.* \([0-9]*\) done, .*/\1/p' "$WORK/load.log")
bad=$(h2load_bad <"$WORK/load.log")
verdict server-killed "$bad failed of $done_" 0 test "$bad" = 0 -a "$done_" -gt 0

stop "$PID_n2"
begin=$(date +%s%3N)
run_node 2
wait_until 5 "n2 without a server" answers $url
took=$(($(date +%s%3N) - begin))
verdict node-restart "serves again after $took ms, no server" "<= 2000" test "$took" -le 2000

before=$("$MESHD" status --state "$(state 2)" -o json | json 'd["revision"]')
run_node 1
sed -i 's/default: deny/default: deny   # changed/' "$WORK/mesh.yaml"
caught_up() {
  local want n
  want=$("$MESHD" status --state "$(state 1)" -o json | json 'd["revision"]') || return 1
  [ "$want" -gt "$before" ] || return 1
  for n in 2 3; do node_ready $n "$want" || return 1; done
}
begin=$(date +%s%3N)
wait_until 60 "the nodes to catch up" caught_up
verdict catch-up "all nodes at the new revision after $(($(date +%s%3N) - begin)) ms" "<= 60000" true
exit $SHORT
