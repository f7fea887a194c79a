# SPDX-License-Identifier: Apache-2.0
# Bearer tokens of a real OpenID Connect issuer (glewlwyd): taken, refused, with another key from one moment to the next,
# and while the issuer is away.
. "$(dirname "$0")/../lib/mesh.sh"
. "$ROOT/tests/acceptance/issuer.inc.sh"

issuer_up
cat >"$WORK/mesh.yaml" <<YAML
services:
  web: { protocol: http, listen: 9001, instances: [{ node: n2, port: 18080, bind: 127.0.1.2 }] }
  shell: { instances: [{ node: n1, any_local: true }] }
jwt:
  corp: { issuer: "$ISSUER/rsa", audiences: [admin], jwks: { roots: $WORK/ca.pem } }
  curve: { issuer: "$ISSUER/ec", audiences: [admin], jwks: { url: "$ISSUER/ec/jwks", roots: $WORK/ca.pem } }
  local: { issuer: local, audiences: [admin], jwks: { file: $WORK/local.json } }
  named: { issuer: "https://127.0.0.1:4593/api/rsa", audiences: [lost], jwks: { roots: $WORK/ca.pem } }
  lost: { issuer: "$ISSUER/rsa", audiences: [lost], jwks: { roots: $WORK/other.pem } }
policy:
  rules:
    - { name: open, allow: { from: shell, to: web, paths: [/index.html] } }
    - { name: admins, allow: { from: shell, to: web, paths: [/admin/**], jwt: { issuer: corp, claims: { scope: admin } } } }
    - { name: curves, allow: { from: shell, to: web, paths: [/curve/**], jwt: { issuer: curve, claims: { scope: admin } } } }
    - { name: local, allow: { from: shell, to: web, paths: [/local/**], jwt: { issuer: local } } }
YAML
key_set local1 ec >"$WORK/local.json"
web a 127.0.1.2 18080
for path in admin curve local; do mkdir -p "$WORK/web-a/$path" && echo "$path" >"$WORK/web-a/$path/index.html"; done
mesh_up 2

# status PATH [TOKEN]: what the caller gets; the answer's head is in WORK/head.
status() {
  local field=()
  [ -z "${2-}" ] || field=(-H "Authorization: Bearer $2")
  curl -s -o /dev/null -D "$WORK/head" -w '%{http_code}' --max-time 5 ${field[@]+"${field[@]}"} "http://127.0.1.1:9001$1" || :
}
is() { [ "$(status "$2" "${3-}")" = "$1" ]; }
field() { tr -d '\r' <"$WORK/head" | sed -n "s/^$1: //Ip"; }
served() { grep -c '" [0-9]* -$' "$WORK/web-a.log" || :; }

rsa=$(token rsa) ec=$(token ec)
wait_until 20 "the issuer's keys on every node" is 200 /admin/ "$rsa"
wait_until 20 "the other issuer's keys" is 200 /curve/ "$ec"
verdict jwt-valid "RS256 $(status /admin/ "$rsa"), ES256 $(status /curve/ "$ec")" "200, 200" is 200 /admin/ "$rsa"
verdict jwt-es256 "$(status /curve/ "$ec")" 200 is 200 /curve/ "$ec"
verdict jwt-absent "$(status /index.html) where no rule asks for one" 200 is 200 /index.html
code=$(status /admin/)
verdict jwt-missing "$code, www-authenticate: $(field www-authenticate)" "401, Bearer" \
  test "$code $(field www-authenticate)" = "401 Bearer"
code=$(status /curve/ "$rsa")
verdict jwt-other-issuer "$code for a good token of another issuer" 403 test "$code" = 403

# Forged and unfit ones. Those signed by the issuer's own key say what is wrong with the rest of them.
before=$(served)
now=$(date +%s) refused=0 all=0 wrong=""
good="\"iss\":\"$ISSUER/rsa\",\"aud\":\"admin\",\"scope\":\"admin\""
kid=$(kid_of rsa)
try() {
  local name=$1 bad=$2 path=${3-/admin/} code
  all=$((all + 1))
  code=$(status "$path" "$bad")
  if [ "$code" = 401 ] && [[ $(field www-authenticate) == *'error="invalid_token"'* ]]; then
    refused=$((refused + 1))
  else
    wrong+=" $name:$code"
  fi
}
rs() { sign rsa "{\"alg\":\"RS256\",\"kid\":\"$kid\"$2}" "{$1}"; }
is 200 /admin/ "$(rs "$good,\"exp\":$((now + 60))" "")" || die "a token that the test signs with the issuer's key is not taken"
try expired "$(rs "$good,\"exp\":$((now - 61))" "")"
try endless "$(rs "$good" "")"
try early "$(rs "$good,\"exp\":$((now + 600)),\"nbf\":$((now + 120))" "")"
try audience "$(rs "\"iss\":\"$ISSUER/rsa\",\"aud\":\"other\",\"exp\":$((now + 60))" "")"
try issuer "$(rs "\"iss\":\"https://elsewhere.test/\",\"aud\":\"admin\",\"exp\":$((now + 60))" "")"
try crit "$(rs "$good,\"exp\":$((now + 60))" ",\"crit\":[\"x\"],\"x\":1")"
claims="{$good,\"exp\":$((now + 60))}"
try none "$(b64 "{\"alg\":\"none\"}").$(b64 "$claims")."
try none-kid "$(b64 "{\"alg\":\"none\",\"kid\":\"$kid\"}").$(b64 "$claims")."
try mac-with-public-key "$(mac "$WORK/rsa.pub" "{\"alg\":\"HS256\",\"kid\":\"$kid\"}" "$claims")"
try other-key "$(sign forger "{\"alg\":\"RS256\",\"kid\":\"$kid\"}" "$claims")"
try own-key "$(sign forger "{\"alg\":\"RS256\",\"kid\":\"mine\",\"jku\":\"https://elsewhere.test/\"}" "$claims")"
try as-curve "$(sign rsa "{\"alg\":\"ES256\",\"kid\":\"$kid\"}" "$claims")"
try changed "${rsa%.*.*}.$(b64 "$claims").${rsa##*.}"
try cut "${rsa%?????}"
try part "${rsa%.*}"
try text "hello"
verdict jwt-refused "$refused of $all forged and unfit tokens got 401 invalid_token$wrong" "$all" test "$refused" = "$all"
verdict jwt-refused-unseen "$(($(served) - before - 1)) of them reached the program" 0 test "$(($(served) - before))" = 1
logs=$(cat "$WORK"/n1.log "$WORK"/n2.log)
leaked=0
for secret in "$rsa" "$ec" "${rsa##*.}"; do [[ $logs != *"$secret"* ]] || leaked=$((leaked + 1)); done
verdict jwt-not-logged "$leaked tokens in the logs of $(wc -l <<<"$logs") lines" 0 test "$leaked" = 0

# Another key, from one moment to the next. The last question to the issuer is at most kKeysAskedEvery ago.
key_for rsa
rolled=$(token rsa)
from=$(date +%s%3N)
wait_until 20 "the new key on every node" is 200 /admin/ "$rolled"
took=$(($(date +%s%3N) - from))
verdict jwt-roll-over "a token of the new key is taken after $took ms" "at most 12000" at_most "$took" 12000
verdict jwt-old-key "$(status /admin/ "$rsa") for one of the old key" 401 is 401 /admin/ "$rsa"

# Servers that do not prove their names are not believed.
checks=$("$MESHD" check --state "$(state 1)" 2>&1) || :
for issuer in lost named; do
  line=$(grep "jwt.keys: $issuer" <<<"$checks" || :)
  verdict "jwt-unproven-$issuer" "${line#*jwt.keys: }" "a finding with the reason" grep -qE "^finding: jwt.keys: $issuer: .*(no authority that we trust|for another name)" <<<"$checks"
done

# A file of keys, changed.
is 200 /local/ "$(local_token local1)" || die "the key in the file"
key_set local2 ec >"$WORK/local.new" && mv "$WORK/local.new" "$WORK/local.json"
from=$(date +%s%3N)
wait_until 10 "the changed file" is 200 /local/ "$(local_token local2)"
took=$(($(date +%s%3N) - from))
verdict jwt-file "a changed file is in force after $took ms" "at most 3000" at_most "$took" 3000

# The issuer goes away, and the mesh's server begins anew without it.
stop "$PID_issuer"
verdict jwt-outage "$(status /admin/ "$rolled")" 200 is 200 /admin/ "$rolled"
stop "$PID_n1"
run_node 1
wait_until 20 "the server again" node_ready 1
wait_until 10 "an answer" is 200 /index.html
verdict jwt-outage-restart "$(status /admin/ "$rolled") after the server's restart" 200 is 200 /admin/ "$rolled"
checks() { "$MESHD" check --state "$(state 1)" 2>&1 || :; }
asked_in_vain() { checks | grep 'jwt.keys: corp.*; now ' >/dev/null; }
wait_until 15 "the server to have asked in vain" asked_in_vain
line=$(checks | grep 'jwt.keys: corp' || :)
verdict jwt-check "${line:-no word of it}" "a note with the keys' age and the error" grep -q '^note: jwt.keys: corp.* ago; now localhost:4593: ' <<<"$line"
line=$("$MESHD" status --state "$(state 1)" | grep 'corp: ' || :)
verdict jwt-status "${line:-nothing}" "age, and why not younger" grep -q 'corp: 1, seen .* ago at .*; now ' <<<"$line"
exit $SHORT
