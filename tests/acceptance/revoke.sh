# SPDX-License-Identifier: Apache-2.0
# A node that is removed is out within 5 s: its open connections are cut in both directions, its control connection too,
# its certificates are refused, its endpoints and tokens are gone; nodes that restart without a server still refuse it.
. "$(dirname "$0")/mesh-web.inc.sh"
cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web:
    listen: 9001
    instances: [{ node: n2, bind: 127.0.1.2, port: 18080 }]
  other:
    listen: 9002
    instances: [{ node: n3, bind: 127.0.1.3, port: 18083 }]
  shop: { instances: [{ node: n1, any_local: true }, { node: n3, any_local: true }] }
policy:
  default: deny
  rules:
    - { name: shop-to-web, allow: { from: [service/shop], to: web } }
    - { name: shop-to-other, allow: { from: [service/shop], to: other } }
YAML
for s in web:127.0.1.2:18080 other:127.0.1.3:18083; do
  IFS=: read -r name at port <<<"$s"
  nginx_at "$name" "$at" "$port"
  head -c 200000000 /dev/zero >"$WORK/nginx-$name/html/big"
  echo ok >"$WORK/nginx-$name/html/1k"
done
mesh_up 3
m() { "$MESHD" "$@" --state "$(state 1)"; }
wait_until 10 "n1 to n3" answers http://127.0.1.1:9002/1k
wait_until 10 "n3 to n2" answers http://127.0.1.3:9001/1k
m token create --node n3 >"$WORK/again" 2>/dev/null

# ends NAME URL: a long download; when it ends its end is written down.
ends() { start "$1" bash -c "curl -s --limit-rate 2M -o /dev/null '$2'; echo \"\$? \$(date +%s%3N)\" >'$WORK/$1.end'"; }
ends out http://127.0.1.3:9001/big
ends in http://127.0.1.1:9002/big
ends stays http://127.0.1.1:9001/big
moving() { ss -tnH "dport = :$1" | grep -q ESTAB; }
wait_until 5 "downloads" moving 18083
pause 1
serials=$(m cert list -o json | json "' '.join(c['serial'] for c in d['certificates'] if c['node']=='n3')")
begin=$(date +%s%3N)
m node remove n3 2>/dev/null
cut_after() {  # ms from the removal to the end of that download, or nothing
  wait_until 20 "$1 to be cut" test -s "$WORK/$1.end"
  local code at
  read -r code at <"$WORK/$1.end"
  [ "$code" != 0 ] && echo $((at - begin))
}
verdict cut-from-removed "$(cut_after out) ms" "<= 5000 ms" at_most "$(cut_after out)" 5000
verdict cut-to-removed "$(cut_after in) ms" "<= 5000 ms" at_most "$(cut_after in)" 5000
verdict others-stay "$([ -s "$WORK/stays.end" ] && echo ended || echo goes on)" "goes on" test ! -s "$WORK/stays.end"
away() { "$MESHD" status --state "$(state 3)" -o json | json 'd["server"]["connected"]' | grep -q False; }
wait_until 5 "the control connection to be cut" away
verdict control-cut "$(($(date +%s%3N) - begin)) ms" "<= 5000 ms" at_most "$(($(date +%s%3N) - begin))" 5000
verdict node-list "$(m node list -o name | tr '\n' ' ')" "n1 n2 " test "$(m node list -o name | tr '\n' ' ')" = "n1 n2 "
up() { "$MESHD" get services --state "$(state 1)" -o json | json "[len([e for e in s['endpoints'] if e['state']=='up']) for s in d['items'] if s['name']=='other'][0]"; }
none_up() { [ "$(up)" = 0 ]; }
wait_until 5 "endpoints to go" none_up
verdict endpoints "$(up) up on the removed node" 0 none_up
verdict denied-serials "$(wc -w <<<"$serials") certificates" "all denied" \
  test "$(for s in $serials; do m ca denied | grep -c "$s"; done | sort -u)" = 1
code=$(curl -s -o /dev/null --max-time 5 -w '%{http_code}' http://127.0.1.3:9001/1k || :)
verdict refused-after "n3 gets $code" "not 200" test "$code" != 200
status=0
"$MESHD" join 127.0.1.1:15012 --token-file "$WORK/again" --state "$(state 4)" --name n3 --address 127.0.1.3 2>"$WORK/void.log" || status=$?
verdict token-void "exit $status" 8 test "$status" = 8

# talk KEY CERT ADDRESS: does a mesh port answer HTTP/2 to this certificate?
talk() {
  { printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0' |
    timeout 3 openssl s_client -connect "$3" -alpn h2 -cert "$2" -key "$1" -cert_chain "$2" -quiet 2>/dev/null || :; } | wc -c
}
id=$(state 3)/identities
for name in node svc.shop svc.other; do
  bytes=$(talk "$id/$name.key" "$id/$name.crt" 127.0.1.2:15008)
  verdict "mesh-port-refuses-$name" "$bytes bytes answered" 0 test "$bytes" = 0
done
good=$(talk "$(state 1)/identities/node.key" "$(state 1)/identities/node.crt" 127.0.1.2:15008)
verdict mesh-port-answers-others "$good bytes answered" "> 0" test "$good" -gt 0
# The server is gone and n2 starts anew: what it knows lies on its disk.
stop "$PID_n1"
stop "$PID_n2"
run_node 2
wait_until 20 "n2 without a server" node_ready 2
bytes=$(talk "$id/node.key" "$id/node.crt" 127.0.1.2:15008)
verdict refused-without-server "$bytes bytes answered" 0 test "$bytes" = 0
# A changed byte in that list is found: the copy beside it is used.
stop "$PID_n2"
python3 - "$(state 2)/trust" <<'PY'
import sys
b = bytearray(open(sys.argv[1], 'rb').read())
at = b.find(b'serials') + 30
b[at] ^= 1
open(sys.argv[1], 'wb').write(b)
PY
run_node 2
wait_until 20 "n2 with a damaged list" node_ready 2
said=$("$MESHD" status --state "$(state 2)" -o json | json 'd.get("trust_problem", "")')
verdict damaged-list-told "${said:0:60}…" "says so" grep -q 'is damaged' <<<"$said"
bytes=$(talk "$id/node.key" "$id/node.crt" 127.0.1.2:15008)
verdict damaged-list-refuses "$bytes bytes answered" 0 test "$bytes" = 0

# One certificate is revoked: its connections end, its node takes a new one by itself.
run_node 1
wait_until 20 "the server" node_ready 1
wait_until 20 "answers again" answers http://127.0.1.1:9001/1k
serial=$("$MESHD" cert show --state "$(state 2)" -o json | json "[c['serial'] for c in d['items'] if c['name']=='svc.web'][0]")
begin=$(date +%s%3N)
m cert revoke "$serial" 2>/dev/null
renewed() { ! "$MESHD" cert show --state "$(state 2)" | grep -q "$serial"; }
wait_until 10 "another certificate" renewed
wait_until 10 "answers with it" answers http://127.0.1.1:9001/1k
verdict revoked-renewed "$(($(date +%s%3N) - begin)) ms" "<= 5000 ms" at_most "$(($(date +%s%3N) - begin))" 5000
# And the removed node may come back, when the operator says so.
m token create --node n3 >"$WORK/back" 2>/dev/null
stop "$PID_n3"
"$MESHD" join 127.0.1.1:15012 --token-file "$WORK/back" --state "$(state 5)" --name n3 --address 127.0.1.3 >/dev/null 2>&1
start n3 "$MESHD" run --state "$(state 5)"
wait_until 20 "n3 again" answers http://127.0.1.3:9001/1k
verdict back-again "n3 calls again" "n3 calls again" answers http://127.0.1.3:9001/1k
audit=$(m audit verify)
verdict audit "${audit%%;*}" "stands" grep -q 'stand' <<<"$audit"
exit $SHORT
