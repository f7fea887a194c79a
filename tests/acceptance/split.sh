# SPDX-License-Identifier: Apache-2.0
# From 90/10 to 10/90 under load: no failed request, the split as configured, every node told within a second.
. "$(dirname "$0")/mesh-web.inc.sh"
cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web:
    listen: 9001
    instances:
      - { node: n2, bind: 127.0.1.2, port: 18081, tags: { version: v1 } }
      - { node: n3, bind: 127.0.1.3, port: 18082, tags: { version: v2 } }
  shop: { instances: [{ node: n1, any_local: true }] }
routes:
  - name: split
    service: web
    to:
      - { tags: { version: v1 }, weight: 90 }
      - { tags: { version: v2 }, weight: 10 }
policy:
  default: deny
  rules: [{ name: shop-to-web, allow: { from: [service/shop], to: web } }]
YAML
for v in 1 2; do
  nginx_at "v$v" "127.0.1.$((v + 1))" "1808$v" 'location = /count { stub_status; }'
  echo "v$v" >"$WORK/nginx-v$v/html/index.html"
done
mesh_up 3
wait_until 10 "an answer through the mesh" answers http://127.0.1.1:9001/

count() { curl -s "http://127.0.1.$(($1 + 1)):1808$1/count" | awk 'NR == 3 {print $3}'; }
measure() {  # measure: share of v2 among 20,000 requests, in percent
  local a1 b1 a2 b2
  a1=$(count 1) a2=$(count 2)
  h2load --h1 -n 20000 -c 16 http://127.0.1.1:9001/ >"$WORK/measure.txt" 2>&1
  b1=$(count 1) b2=$(count 2)
  # Each count is one request of its own at its backend.
  python3 -c "a,b=$b1-$a1-1,$b2-$a2-1; print(round(100*b/(a+b),2))"
}
near() { python3 -c "import sys; sys.exit(abs($1-$2) > 2)"; }
share=$(measure)
verdict split-before "$share % to v2" "10 +- 2" near "$share" 10
start load h2load --h1 -D 6 -c 32 http://127.0.1.1:9001/
wait_until 5 "load" bash -c "ss -tnH 'dport = :9001' | grep -q ESTAB"
sed -i 's/weight: 90/weight: TEN/; s/weight: 10/weight: 90/; s/TEN/10/' "$WORK/mesh.yaml"
begin=$(date +%s%3N)
"$MESHD" apply "$WORK/mesh.yaml" --state "$(state 1)" >"$WORK/apply.log" 2>&1 || die "apply: $(cat "$WORK/apply.log")"
took=$(($(date +%s%3N) - begin))
verdict split-acknowledged "every node after $took ms" "<= 1000" test "$took" -le 1000
wait "$PID_load" || :
done_=$(sed -n 's/.* \([0-9]*\) done, .*/\1/p' "$WORK/load.log")
bad=$(h2load_bad <"$WORK/load.log")
verdict split-failures "$bad failed of $done_" 0 test "$bad" = 0 -a "$done_" -gt 0
share=$(measure)
verdict split-after "$share % to v2" "90 +- 2" near "$share" 90
exit $SHORT
