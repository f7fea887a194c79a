# SPDX-License-Identifier: Apache-2.0
# A token works once however many use it at the same time, over real TLS connections; a server of another CA gets none of
# it; handshakes that never end take nobody's place.
. "$(dirname "$0")/mesh-web.inc.sh"
one_web_file
nginx_at web 127.0.1.2 18080
echo ok >"$WORK/nginx-web/html/1k"
mesh_up 2
cd "$WORK"
m() { "$MESHD" "$@" --state "$(state 1)"; }

# body FILE NAME: the join request that this token makes, for h2load.
body() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=x -out csr.pem 2>/dev/null
  python3 - "$1" "$2" <<'PY'
import base64, json, sys
raw = open(sys.argv[1]).read().strip().split('.', 1)[1]
t = json.loads(base64.urlsafe_b64decode(raw + '=' * (-len(raw) % 4))[:-4])
print(json.dumps({'token_id': t['i'], 'secret': t['s'], 'node': sys.argv[2], 'address': '127.0.1.77',
                  'csr': open('csr.pem').read()}))
PY
}
# 20 tokens, each used by 100 connections at once. More would be held off by the budget of joins that fail.
tokens=20 joiners=100 good=0 refused=0 other=0
for i in $(seq $tokens); do
  m token create >t$i 2>/dev/null
  body t$i t$i >body$i
  # Each token's joiners come from an address of their own, as they would from a site.
  [ -z "${MESHD_NETWORK-}" ] || ip route replace local 127.0.1.1/32 dev lo table local src 127.0.9.$i
  h2load -n $joiners -c $joiners -t 1 -d body$i https://127.0.1.1:15012/v1/join >load$i.txt 2>&1 || :
  read -r ok no err <<<"$(sed -n 's/^status codes: \([0-9]*\) 2xx, [0-9]* 3xx, \([0-9]*\) 4xx, \([0-9]*\) 5xx/\1 \2 \3/p' load$i.txt)"
  good=$((good + ${ok:-0})) refused=$((refused + ${no:-0})) other=$((other + ${err:-0}))
done
verdict token-races "$good joined, $refused refused, $other errors of $((tokens * joiners))" "exactly $tokens join" \
  test "$good" = $tokens -a "$refused" = $((tokens * (joiners - 1))) -a "$other" = 0
nodes=$(m node list -o name | grep -c '^t[0-9]*$')
verdict token-nodes "$nodes nodes" $tokens test "$nodes" = $tokens
joins=$(m audit list --limit 200 -o json | json "len([e for e in d['entries'] if e['what']=='node.join' and '\"node\":\"t' in e['detail']])")
verdict token-audit "$joins records" $tokens test "$joins" = $tokens
verdict audit-stands "$(m audit verify | cut -d';' -f1)" stand grep -q stand <<<"$(m audit verify)"

# One sentence for unknown, used and expired.
[ -z "${MESHD_NETWORK-}" ] || ip route replace local 127.0.1.1/32 dev lo table local src 127.0.8.1
said() { curl -sk --http2 -d @"$1" https://127.0.1.1:15012/v1/join | json 'd["error"]'; }
m token create --ttl 1s >short 2>/dev/null
body short late >body-expired
sed 's/"token_id": "......../"token_id": "00000000/' body1 >body-unknown
expired() { m token list | grep -q expired; }
wait_until 5 "the short token to expire" expired
different=$(for b in body1 body-unknown body-expired; do said $b; done | sort -u | wc -l)
verdict token-sentence "$different sentences" 1 test "$different" = 1
# A name that the file gives services takes a token of its own.
m token create >any 2>/dev/null
sed -i 's/{ node: n2, bind/{ node: n9, bind/' mesh.yaml
m apply mesh.yaml >/dev/null 2>&1 || :
status=0
"$MESHD" join 127.0.1.1:15012 --token-file any --state "$(state 9)" --name n9 --address 127.0.1.9 2>n9.log || status=$?
verdict placed-name "exit $status, $(grep -c 'token create --node n9' n9.log) hint" "exit 4, 1 hint" \
  test "$status" = 4 -a "$(grep -c 'token create --node n9' n9.log)" = 1

# A server with another CA: what it was sent inside TLS is all that it could read.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout foreign.key -subj /CN=foreign -days 1 \
  -addext 'subjectAltName=URI:spiffe://accept.mesh/ns/meshd-system/sa/server.n1' -out foreign.crt 2>/dev/null
start foreign openssl s_server -accept 127.0.1.50:15012 -key foreign.key -cert foreign.crt -alpn h2 -tls1_3 -quiet
wait_until 5 "the foreign server" port_open 127.0.1.50 15012
status=0
"$MESHD" join 127.0.1.50:15012 --token-file any --state "$(state 8)" --name n8 --address 127.0.1.8 2>n8.log || status=$?
bytes=$({ tr -d '\n' <foreign.log | grep -a 'token_id\|PRI \* HTTP' || :; } | wc -c)
verdict foreign-server "exit $status, $bytes bytes of ours" "exit 8, 0 bytes" test "$status" = 8 -a "$bytes" = 0

# Connections that never say anything: the bound holds, and whoever comes from elsewhere gets in.
python3 - <<'PY' &
import socket, time
held = []
for i in range(600):
    s = socket.socket()
    s.bind(('127.0.7.1', 0))
    s.connect(('127.0.1.1', 15008))
    held.append(s)
open('held', 'w').write('600')
time.sleep(4)
PY
holder=$!
wait_until 10 "600 silent connections" test -e held
code=$(printf '' | timeout 3 openssl s_client -connect 127.0.1.1:15008 -alpn h2 -tls1_3 2>/dev/null | grep -c 'BEGIN CERT' || :)
verdict handshake-others "$code handshake from another address" 1 test "$code" = 1
counted=$(curl -s http://127.0.1.1:15020/metrics | awk '/^meshd_handshakes_refused_total/ && /overload/ {n += $2} END {print n + 0}')
verdict handshake-bound "$counted of 600 refused, reason overload" "> 0" test "$counted" -gt 0
kill "$holder" 2>/dev/null || :
wait "$holder" 2>/dev/null || :
exit $SHORT
