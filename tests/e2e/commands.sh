#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# commands.sh: the commands of a new mesh, exactly as an operator types them, in any directory; then each of them gone wrong.
source "$(dirname "$0")/../lib/mesh.sh"
cd "$WORK"
export XDG_RUNTIME_DIR="$WORK" # nothing outside the work directory is needed

meshd() { "$MESHD" "$@"; }
# fails CODE WORDS COMMAND…: exits with CODE and says WORDS on stderr.
fails() {
  local code=$1 words=$2 got=0
  shift 2
  "$@" >out.log 2>err.log || got=$?
  [ "$got" = "$code" ] || die "exit $got instead of $code from: $* ($(cat err.log))"
  grep -q -- "$words" err.log || die "no '$words' from: $* ($(cat err.log))"
}

cat >mesh.yaml <<'YAML'
version: 1
mesh: { name: e2e, trust_domain: e2e.mesh }
services:
  web:
    listen: 9411
    instances: [{ node: n2, bind: 127.0.1.2, port: 18411 }]
  shop:
    instances: [{ node: n1, any_local: true }]
policy:
  default: deny
  rules:
    - { name: shop-to-web, allow: { from: [service/shop], to: web } }
tests:
  - { from: shop, request: "GET http://web/", expect: { allowed_by: shop-to-web } }
YAML
web v1 127.0.1.2 18411

# ---- nothing is there yet
fails 7 "holds no node" meshd status --state s1
fails 3 "meshd init" meshd run --state s1
meshd check mesh.yaml | grep "1 test passed" >/dev/null

# ---- as written in the README: no waiting in between but the commands' own
meshd init  --state s1 --config mesh.yaml --name n1 --address 127.0.1.1 2>init.log | tee init.out
grep -q "meshd join 127.0.1.1:15012" init.out || die "init prints no join line"
[ "$(stat -c %a s1)" = 700 ] || die "the state directory is open to others"
start n1 "$MESHD" run --state s1
N1=$PID
meshd token create --node n2 --state s1 > token
meshd join 127.0.1.1:15012 --token-file token --state s2 --name n2 --address 127.0.1.2
start n2 "$MESHD" run --state s2
N2=$PID
meshd apply mesh.yaml --state s1 && meshd status --state s2 -o json >status.json
[ "$(json 'd["node"]' <status.json)" = n2 ] || die "status of n2: $(cat status.json)"
[ -z "$(find s1 s2 -name '*.key' -perm /077)" ] || die "a key is open to others"

in_step() { [ "$(meshd status --state s2 -o json | json 'd["server"]["connected"] and d["ready"] and d["revision"]')" -ge 1 ]; }
wait_until 5 "n2 to act on the file" in_step
served() { [ "$(curl -sf --max-time 2 http://127.0.1.1:9411/)" = "hello from web v1" ]; }
wait_until 5 "a request from n1 to web behind n2" served

# ---- looking at it
meshd status --state s1 | grep "connected for" >/dev/null || die "status as text"
for kind in services nodes routes policies certs; do
  meshd get "$kind" --state s2 -o json | json 'd["apiVersion"] == "meshd/v1" and isinstance(d["items"], list)' | grep True >/dev/null || die "get $kind"
  meshd get "$kind" --state s2 >/dev/null || die "get $kind as a table"
done
[ "$(meshd get certs --state s2 -o name | tr '\n' ' ')" = "node svc.web " ] || die "certificates of n2"
curl -sf http://127.0.1.2:15020/healthz/ready | grep ready >/dev/null || die "n2 is not ready"
curl -sf http://127.0.1.2:15020/metrics | grep '^meshd_snapshot_revision 1$' >/dev/null || die "no revision among the metrics"
curl -sf http://127.0.1.2:15020/metrics | grep 'meshd_certificate_expiry_seconds{identity="spiffe://e2e.mesh/ns/default/sa/web"}' >/dev/null || die "no expiry"
meshd config show --state s1 | cmp - mesh.yaml
meshd config history --state s1 -o name | grep -x 1 >/dev/null
meshd config schema | json '"$schema" in d or "properties" in d' | grep True >/dev/null

# ---- a change: acknowledged by every node
cp mesh.yaml first.yaml # what apply is given becomes the server's own file
sed 's/shop-to-web/callers/' first.yaml >next.yaml
meshd apply next.yaml --state s1 -m "another name" >apply.out 2>apply.log || die "apply: $(cat apply.log)"
grep -q "^+.*callers" apply.out || die "apply shows no diff"
grep -q "revision 2 is in use on 2 of 2 connected nodes" apply.log || die "apply: $(cat apply.log)"
[ "$(meshd status --state s2 -o json | json 'd["revision"]')" = 2 ]
meshd apply next.yaml --state s1 2>&1 | grep "nothing to change" >/dev/null
cmp mesh.yaml next.yaml
meshd apply first.yaml --state s1 --dry-run 2>&1 | grep "nothing was changed" >/dev/null

# ---- who changed what, and the way back
cp mesh.yaml before.yaml
meshd config diff --state s1 | grep "^+.*callers" >/dev/null || die "diff"
[ "$(meshd config history --state s1 -o json | json 'd["revisions"][0]["author"]')" = "$(id -un)" ] || die "author"
echo 'half an edit: [' >>mesh.yaml
fails 4 "holds an edit" meshd config rollback 1 --state s1
tail -n 1 mesh.yaml | grep "half an edit" >/dev/null || die "the edit is lost"
cp before.yaml mesh.yaml
meshd config rollback 1 --state s1 >/dev/null 2>back.log || die "rollback: $(cat back.log)"
cmp mesh.yaml first.yaml
meshd config rollback 2 --state s1 -m "forth again" -o json 2>/dev/null | json 'd["revision"], d["done"]' | grep -x "(4, True)" >/dev/null || die "rollback"
fails 3 "no revision 99" meshd config rollback 99 --state s1

# ---- a wrong file: everything at once, and nothing changes
sed 's/listen: 9411/lisen: 9411/; s/default: deny/default: maybe/' first.yaml >bad.yaml
fails 5 "did you mean 'listen'" meshd check bad.yaml
fails 5 "unchanged" meshd apply bad.yaml --state s1
grep -q "bad.yaml:5:5" err.log || die "no place: $(cat err.log)"
[ "$(meshd status --state s1 -o json | json 'd["revision"]')" = 4 ]
sed 's/allowed_by: shop-to-web/denied_by: default/' first.yaml >test.yaml
fails 5 "expected denied by default, got allowed by rule=shop-to-web" meshd check test.yaml

# ---- tokens gone wrong: one sentence, nothing left behind
fails 8 "token" meshd join 127.0.1.1:15012 --token-file token --state s3 --name n3 --address 127.0.1.3
[ ! -e s3 ] || die "a used token left $(find s3)"
printf 'meshd1.garbage' >garbled
fails 1 "token" meshd join 127.0.1.1:15012 --token-file garbled --state s3 --name n3 --address 127.0.1.3
fails 1 "no token" meshd join 127.0.1.1:15012 --state s3 --name n3 --address 127.0.1.3
fails 3 "missing-file" meshd join 127.0.1.1:15012 --token-file missing-file --state s3 --name n3 --address 127.0.1.3
meshd token create --state s1 --ttl 1s >short
meshd token create --state s1 >good 2>good.log
fails 4 "holds a node" meshd join 127.0.1.1:15012 --token-file good --state s2 --name n4 --address 127.0.1.4
fails 4 "n2" meshd join 127.0.1.1:15012 --token-file good --state s3 --name n2 --address 127.0.1.3
expired() { meshd token list --state s1 | grep expired >/dev/null; }
wait_until 5 "the short token to expire" expired
fails 8 "token" meshd join 127.0.1.1:15012 --token-file short --state s3 --name n3 --address 127.0.1.3
meshd init --state other --config other.yaml --name n9 --address 127.0.1.9 >/dev/null 2>&1
start n9 "$MESHD" run --state other
meshd token create --state other >foreign
fails 8 "Nothing of the token was sent" meshd join 127.0.1.1:15012 --token-file foreign --state s3 --name n3 --address 127.0.1.3
[ ! -e s3 ] || die "refused joins left $(find s3)"
id=$(grep -o 'token [0-9a-f]\{16\}' good.log | cut -d' ' -f2)
meshd token revoke "$id" --state s1
fails 8 "token" meshd join 127.0.1.1:15012 --token-file good --state s3 --name n3 --address 127.0.1.3
fails 1 "where .meshd init. was run" meshd token create --state s2
MESHD_TOKEN=$(meshd token create --state s1 2>/dev/null) meshd join --state s3 --name n3 --address 127.0.1.3 >/dev/null
meshd token create --state s1 2>/dev/null | meshd join --token-file - --state s4 --name n4 --address 127.0.1.4 >/dev/null

# ---- daemons gone wrong
fails 4 "another meshd runs on this state" meshd run --state s2
sed 's/"127.0.1.4"/"127.0.1.2"/' s4/node.json >moved && cat moved >s4/node.json
fails 4 "127.0.1.2:15008 is in use" meshd run --state s4
sed 's/15008/25008/' s4/node.json >moved && cat moved >s4/node.json
fails 4 "127.0.1.2:15020 is in use" meshd run --state s4
chmod 755 s4
fails 8 "chmod 0700" meshd run --state s4
fails 2 "" meshd no-such-command
fails 2 "" meshd status --no-such-option
fails 1 "nothing is removed" meshd leave --yes --state s1
fails 4 "another meshd runs" meshd leave --yes --state s2
fails 2 "say so with --yes" meshd leave --state s3
meshd leave --yes --state s3
[ ! -e s3 ] || die "leave left $(find s3)"

# ---- a server that is gone: the node serves on, restarts alone, and catches up
stop "$N1" KILL
stop "$N2"
grep -q stopped n2.log || die "n2 did not end in order: $(tail -3 n2.log)"
start n2 "$MESHD" run --state s2
alone() { [ "$(meshd status --state s2 -o json | json 'd["ready"] and not d["server"]["connected"] and d["revision"]')" = 4 ]; }
wait_until 2 "n2 to be ready alone" alone
start n1 "$MESHD" run --state s1
wait_until 10 "n2 to find the server again" in_step
wait_until 5 "requests again" served

# ---- nothing to send a request to: an answer that says so, and the daemon goes on
stop "$PID_n2" KILL
[ "$(curl -s -o /dev/null --max-time 5 -w '%{http_code}' http://127.0.1.1:9411/)" = 503 ] || die "no 503 without n2"
[ "$(curl -s -o /dev/null --max-time 5 -w '%{http_code}' -H 'Host: nobody' http://127.0.1.1:15080/)" = 404 ] || die "no 404"
alive "$PID_n1" || die "n1 did not survive the loss of n2"
stop "$PID_n1"
grep -q stopped n1.log || die "n1 did not end in order: $(tail -3 n1.log)"
if grep -l "PRIVATE KEY\|$(cut -c20-60 foreign)" ./*.log; then die "a secret in a log"; fi
echo ok
