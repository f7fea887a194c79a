# SPDX-License-Identifier: Apache-2.0
# The server is away for two lives of a leaf: the node says so beforehand, serves until its certificate ends and not
# after, and recovers by itself. Short lives, so that it takes a minute.
. "$(dirname "$0")/mesh-web.inc.sh"
life=24
one_web_file
sed -i "s/trust_domain: accept.mesh/trust_domain: accept.mesh, certificates: { lifetime: ${life}s }/" "$WORK/mesh.yaml"
nginx_at web 127.0.1.3 18080
sed -i 's/n2, bind: 127.0.1.2/n3, bind: 127.0.1.3/; s/n1, any_local/n2, any_local/' "$WORK/mesh.yaml"
head -c 1024 /dev/zero >"$WORK/nginx-web/html/1k"
mesh_up 3
url=http://127.0.1.2:9001/1k
wait_until 10 "an answer through the mesh" answers $url

left() { "$MESHD" status --state "$(state "$1")" -o json | json 'd["alone_seconds"]'; }
state_of_check() {  # state_of_check NODE ID: the words of that check, the worst first
  { "$MESHD" check --state "$(state "$1")" -o json || :; } |
    json '"; ".join(c["state"]+": "+c["what"] for c in sorted(d["items"], key=lambda c: c["state"]) if c["id"] == "'"$2"'")'
}
# Fresh certificates, so that the life to come is known.
for n in 2 3; do "$MESHD" cert rotate --state "$(state $n)" >/dev/null; done
wait_until 5 "an answer with them" answers $url
stop "$PID_n1" KILL
gone=$(date +%s%3N)
first=$(left 2)
[ "$(left 3)" -ge "$first" ] || first=$(left 3)

served=0 failed=0
while [ $(($(date +%s%3N) - gone)) -lt $(((first - 1) * 1000)) ]; do
  if answers $url; then served=$((served + 1)); else failed=$((failed + 1)); fi
done
verdict away-served "$failed failed of $served in the ${first} s that were left" "0 failed" \
  test "$failed" = 0 -a "$served" -gt 100
# Asked while it still serves: half of the life is over, and nobody renews.
said=$(state_of_check 2 cert.valid)
verdict away-said "${said:0:90}" "finding, not renewed" grep -q '^finding: good until .*not renewed' <<<"$said"
said=$(state_of_check 2 server.reachable)
verdict away-server "${said:0:90}" finding grep -q '^finding' <<<"$said"
code=0
"$MESHD" check --state "$(state 2)" >/dev/null 2>&1 || code=$?
verdict away-exit "$code" 6 test "$code" = 6

# Then its certificate is over, and so is its trust: nothing is let through, by nobody, however often it is asked.
wait_until 10 "the certificate to end" bash -c \
  '[ "$("$0" status --state "$1" -o json | python3 -c "import json,sys; print(json.load(sys.stdin)[\"alone_seconds\"])")" = 0 ]' \
  "$MESHD" "$(state 2)"
pause 1.5
passed=0 asked=0 reasons=
while [ $(($(date +%s%3N) - gone)) -lt $((2 * life * 1000)) ]; do
  code=$(curl -s -o /dev/null --max-time 2 -D "$WORK/head" -w '%{http_code}' $url || :)
  asked=$((asked + 1))
  [ "$code" != 200 ] || passed=$((passed + 1))
  reasons=$(sed -n 's/^x-meshd-error: //Ip' "$WORK/head" | tr -d '\r')
  pause 0.1
done
verdict away-ended "$passed of $asked passed after the end, reason '$reasons'" "0" test "$passed" = 0 -a "$asked" -gt 20
said=$(state_of_check 2 cert.valid)
verdict away-ended-said "${said:0:60}" "finding: ended" grep -q '^finding: ended' <<<"$said"

run_node 1
begin=$(date +%s%3N)
wait_until 60 "an answer again" answers $url
verdict away-recovered "$(($(date +%s%3N) - begin)) ms after the server's start" "by itself, <= 60000 ms" true
wait_until 10 "no finding of certificates" bash -c '! "$0" check --state "$1" -o json | grep -q "not renewed"' "$MESHD" "$(state 2)"
exit $SHORT
