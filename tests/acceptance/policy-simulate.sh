# SPDX-License-Identifier: Apache-2.0
# policy-simulate.sh: `policy simulate` over recorded flows lists exactly those that fail once the file is applied; what
# `policy learn` writes denies none of the flows that were seen, and one that was not; `policy can` says what happens.
. "$(dirname "$0")/mesh-web.inc.sh"

head_of_file() {
  cat <<'YAML'
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web: { listen: 9001, instances: [{ node: n2, bind: 127.0.1.2, port: 18080 }] }
  db: { protocol: tcp, listen: 9002, instances: [{ node: n2, bind: 127.0.1.2, port: 18081 }] }
  shop: { instances: [{ node: n1, any_local: true }] }
YAML
}
{
  head_of_file
  printf 'policy: { default: allow }\n'
} >"$WORK/mesh.yaml"
{
  head_of_file
  cat <<'YAML'
policy:
  default: deny
  rules:
    - { name: no-admin, deny: { to: web, paths: [/admin/**] } }
    - { name: shop-reads, allow: { from: [service/shop], to: web, methods: [GET] } }
    - { name: n3-reads, allow: { from: [node/n3], to: web, paths: [/public/*] } }
YAML
} >"$WORK/strict.yaml"
nginx_at web 127.0.1.2 18080 'location / { return 200 "ok\n"; }'
nginx_at db 127.0.1.2 18081 'location / { return 200 "ok\n"; }'
mesh_up 3
wait_until 10 "an answer through the mesh" answers http://127.0.1.1:9001/x
meshd1() { "$MESHD" "$@" --state "$(state 1)"; }

# FLOWS: caller node, method, path; the same shape for paths that differ by a number.
cat >"$WORK/flows" <<'FLOWS'
1 GET /x
1 GET /items/1
1 GET /items/2
1 POST /items/3
1 DELETE /items/4/parts/550e8400-e29b-41d4-a716-446655440000
1 GET /admin/7
1 GET /a%20b/q?x=1
3 GET /public/page
3 GET /private/page
3 POST /public/form
FLOWS
code_of() { curl -s -o /dev/null --max-time 5 -w '%{http_code}' -X "$2" "http://127.0.1.$1:9001$3"; }
tcp_code() { curl -s -o /dev/null --max-time 5 -w '%{http_code}' "http://127.0.1.$1:9002/"; }
ask_all() { # each flow and its status; opaque bytes last
  while read -r node method path; do printf '%s %s %s %s\n' "$node" "$method" "$path" "$(code_of "$node" "$method" "$path")"; done <"$WORK/flows"
  printf '1 - - %s\n' "$(tcp_code 1)"
}
ask_all >"$WORK/before"
verdict simulate-before "$(grep -c ' 200$' "$WORK/before") of 11 allowed" 11 test "$(grep -c ' 200$' "$WORK/before")" = 11

code=0
meshd1 policy simulate "$WORK/strict.yaml" --since 1h -o json >"$WORK/simulated.json" 2>"$WORK/simulate.err" || code=$?
json 'd["flows"]' <"$WORK/simulated.json" >"$WORK/count"
python3 - "$WORK/simulated.json" >"$WORK/predicted" <<'PY'
import json, sys
node = {"service/shop": "1", "node/n3": "3"}
for b in json.load(open(sys.argv[1]))["broken"]:
    print(node[b["caller"]], b["method"] or "-", b["path"] or "-")
PY
sort -o "$WORK/predicted" "$WORK/predicted"
meshd1 policy learn --since 1h >"$WORK/policy.yaml" 2>/dev/null || die "learn"
{
  head_of_file
  cat "$WORK/policy.yaml"
} >"$WORK/learned.yaml"

meshd1 apply "$WORK/strict.yaml" >/dev/null 2>&1 || die "apply strict"
ask_all >"$WORK/strict"
# As shapes, for the comparison with what was predicted.
grep -v ' 200$' "$WORK/strict" | cut -d' ' -f1-3 |
  sed -E 's/\?.*//; s#/[0-9a-f-]{36}#/*#; s#/[0-9]+#/*#g' | sort -u >"$WORK/failed"
diff "$WORK/predicted" "$WORK/failed" >"$WORK/diff" || :
verdict simulate "predicted $(wc -l <"$WORK/predicted"), failed $(wc -l <"$WORK/failed"), $(grep -c '^[<>]' "$WORK/diff" || :) differ, exit $code" \
  "5 and 5, 0 differ, exit 6" test ! -s "$WORK/diff" -a "$(wc -l <"$WORK/predicted")" = 5 -a "$code" = 6
can() { # FROM TO [METHOD PATH]: the exit code
  local code=0
  meshd1 policy can "$@" >"$WORK/can" 2>&1 || code=$?
  echo $code
}
verdict can "$(can service/shop service/web GET /admin/1): $(cat "$WORK/can")" "exit 8 by no-admin" \
  test "$(can service/shop service/web GET /admin/1) $(grep -c 'deny by rule no-admin (.*yaml:10:' "$WORK/can")" = "8 1"
verdict can-yes "$(can node/n3 service/web POST /public/x) $(cat "$WORK/can")" "exit 0" test "$(can node/n3 service/web POST /public/x)" = 0

meshd1 apply "$WORK/learned.yaml" >"$WORK/learned.log" 2>&1 || { cat "$WORK/learned.log" >&2; die "apply learned"; }
ask_all >"$WORK/after"
verdict learn "$(grep -c ' 200$' "$WORK/after") of 11 flows allowed" 11 test "$(grep -c ' 200$' "$WORK/after")" = 11
verdict learn-shape "$(code_of 1 GET /items/99)" "200 for another number" test "$(code_of 1 GET /items/99)" = 200
denied=$(code_of 1 PUT /x)$(code_of 1 GET /unseen)$(code_of 3 GET /x)$(code_of 2 GET /x)
verdict learn-denies "$denied" "403 for each of four that were not seen" test "$denied" = 403403403403

# The record outlives the server.
stop "$PID_n1"
run_node 1
wait_until 20 "the server again" node_ready 1
verdict flows-kept "$(meshd1 policy simulate "$WORK/strict.yaml" --since 1h -o json 2>/dev/null | json 'len(d["broken"])')" ">= 5" \
  at_least "$(meshd1 policy simulate "$WORK/strict.yaml" --since 1h -o json 2>/dev/null | json 'len(d["broken"])')" 5
exit $SHORT
