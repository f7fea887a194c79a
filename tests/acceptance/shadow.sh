# SPDX-License-Identifier: Apache-2.0
# shadow.sh: a candidate beside what is in force: it reports the requests that it would decide otherwise, by rule and with
# samples, and changes no answer; it outlives a node's restart, says when it no longer applies, and is promoted.
# Before it the same requests are judged from the access log: replay and shadow count alike.
. "$(dirname "$0")/mesh-web.inc.sh"
N=1000

mesh_file() { # RULE, ROUTE: lines that differ
  cat <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web: { listen: 9001, instances: [{ node: n2, bind: 127.0.1.2, port: 18080 }] }
  shop: { instances: [{ node: n1, any_local: true }] }
routes:
  $2
  - { name: rest, service: web }
policy:
  default: deny
  rules:
    - { name: shop-to-web, allow: { from: [service/shop], to: web } }
    $1
telemetry: { access_log: { output: $WORK/access-n.json, only: "" } }
YAML
}
mesh_file '- { name: no-debug, deny: { to: web, paths: [/debug/**] } }' '' >"$WORK/mesh.yaml"
mesh_file '- { name: no-admin, deny: { to: web, paths: [/admin/**] } }' \
  '- { name: new, service: web, match: { path: { prefix: /new } }, timeout: { request: 3s } }' >"$WORK/candidate.yaml"
nginx_at web 127.0.1.2 18080 'location / { return 200 "$request_method $request_uri\n"; }'
mesh_up 2 --threads 2
wait_until 10 "an answer through the mesh" answers http://127.0.1.1:9001/x

# Of each ten: one that the candidate denies, one that it allows, one that it routes otherwise.
for i in $(seq "$N"); do
  case $((i % 10)) in 0) p=admin ;; 1) p=debug ;; 2) p=new ;; *) p=x ;; esac
  printf 'url = "http://127.0.1.1:9001/%s/%s"\noutput = "%s/answers/%s"\n' "$p" "$i" "$WORK" "$i"
done >"$WORK/urls"
all_answers() { # the status and content of every request, while others run
  rm -rf "$WORK/answers"
  mkdir "$WORK/answers"
  curl -s --no-progress-meter --max-time 60 --parallel --parallel-max 16 -K "$WORK/urls" -w '%{url} %{http_code}\n' | sort
  (cd "$WORK/answers" && for i in $(seq "$N"); do [ -f "$i" ] && md5sum "$i"; done)
}
start load h2load --h1 -D 30 -c 8 http://127.0.1.1:9001/x
: >"$WORK/access-n.json"
all_answers >"$WORK/without"
meshd1() { "$MESHD" "$@" --state "$(state 1)"; }

# ---- replay
in_log() { [ "$(grep -c '"path":"/\(admin\|debug\|new\)/' "$WORK/access-n.json")" -ge $((N * 6 / 10)) ]; }
wait_until 10 "the access log to hold every request" in_log
cp "$WORK/access-n.json" "$WORK/log.json"
code=0
meshd1 explain --replay "$WORK/log.json" --config "$WORK/candidate.yaml" -o json >"$WORK/replay.json" 2>"$WORK/replay.err" || code=$?
group() { # FILE KIND SIDE FIELD
  json "next((g['$4'] for g in d['groups'] if g['kind'] == '$2' and g['direction'] == '$3'), 0)" <"$1"
}
verdict replay "denied $(group "$WORK/replay.json" denied inbound count), allowed $(group "$WORK/replay.json" allowed inbound count), route $(group "$WORK/replay.json" route outbound count), exit $code" \
  "$((N / 10)) each, exit 6" test "$(group "$WORK/replay.json" denied inbound count) $(group "$WORK/replay.json" allowed inbound count) $(group "$WORK/replay.json" route outbound count) $code" = "$((N / 10)) $((N / 10)) $((N / 10)) 6"
code=0
meshd1 explain --replay "$WORK/log.json" --config "$WORK/mesh.yaml" >/dev/null 2>&1 || code=$?
verdict replay-same "exit $code for the file in force" 0 test "$code" = 0

# ---- shadow
meshd1 apply --shadow "$WORK/candidate.yaml" -m "no more admin" >/dev/null 2>&1 || die "apply --shadow"
both_compare() { # STATE: of both nodes
  [ "$(meshd1 shadow status -o json 2>/dev/null | json "[n['state'] for n in d['nodes']].count('comparing')")" = 2 ]
}
wait_until 10 "both nodes to compare" both_compare
all_answers >"$WORK/with"
meshd1 shadow status -o json >"$WORK/shadow.json"
diff "$WORK/without" "$WORK/with" >"$WORK/diff" || :
verdict shadow-answers "$(grep -c '^[<>]' "$WORK/diff" || :) of $(grep -c '^http' "$WORK/with") answers changed" "0 of $N" \
  test ! -s "$WORK/diff" -a "$(grep -c '^http.* [0-9]*$' "$WORK/with")" = "$N"
for what in "denied inbound" "allowed inbound" "route outbound"; do
  read -r kind side <<<"$what"
  verdict "shadow-$kind" "$(group "$WORK/shadow.json" "$kind" "$side" count): $(group "$WORK/shadow.json" "$kind" "$side" before) to $(group "$WORK/shadow.json" "$kind" "$side" after)" \
    "$((N / 10))" test "$(group "$WORK/shadow.json" "$kind" "$side" count)" = $((N / 10))
done
verdict shadow-groups "$(json 'len(d["groups"])' <"$WORK/shadow.json") kinds of difference" 3 test "$(json 'len(d["groups"])' <"$WORK/shadow.json")" = 3
sample=$(json "[(s['source'], s['method'], s['path']) for g in d['groups'] if g['kind'] == 'denied' for s in g['samples']][0]" <"$WORK/shadow.json")
verdict shadow-sample "$sample" "service/shop GET /admin/…" grep -q "'service/shop', 'GET', '/admin/" <<<"$sample"
verdict shadow-rule "$(group "$WORK/shadow.json" denied inbound after)" "rule no-admin at its place" \
  grep -q "rule no-admin (.*yaml:13:" <<<"$(group "$WORK/shadow.json" denied inbound after)"

# ---- a restart of a node, and of the server
stop "$PID_n2"
run_node 2 --threads 2
wait_until 10 "both nodes to compare again" both_compare
verdict shadow-restart "both nodes compare after a restart" 2 both_compare
stop "$PID_n1"
run_node 1 --threads 2
wait_until 20 "the shadow after the server's restart" both_compare
verdict shadow-server-restart "kept" kept both_compare

# ---- another revision: it no longer applies, and says so
sed 's/default: deny/default: deny # more/' "$WORK/mesh.yaml" >"$WORK/other.yaml"
meshd1 apply "$WORK/other.yaml" >/dev/null 2>&1 || die "apply"
code=0
meshd1 shadow status -o json >"$WORK/stale.json" 2>/dev/null || code=$?
verdict shadow-stale "$(json 'd["state"]' <"$WORK/stale.json"), exit $code" "stale, exit 4" test "$(json 'd["state"]' <"$WORK/stale.json") $code" = "stale 4"
code=0
meshd1 shadow promote >/dev/null 2>&1 || code=$?
verdict shadow-stale-promote "exit $code" "exit 4" test "$code" = 4
meshd1 shadow drop >/dev/null 2>&1 || die "drop"
code=0
meshd1 shadow status >/dev/null 2>&1 || code=$?
verdict shadow-dropped "exit $code" "exit 3" test "$code" = 3

# ---- promotion
meshd1 apply --shadow "$WORK/candidate.yaml" >/dev/null 2>&1 || die "apply --shadow"
meshd1 shadow promote >"$WORK/promote.log" 2>&1 || { cat "$WORK/promote.log" >&2; die "promote"; }
status_of() { curl -s -o /dev/null --max-time 5 -w '%{http_code}' "http://127.0.1.1:9001$1"; }
verdict shadow-promoted "/admin/1 $(status_of /admin/1), /debug/1 $(status_of /debug/1)" "403, 200" \
  test "$(status_of /admin/1) $(status_of /debug/1)" = "403 200"
exit $SHORT
