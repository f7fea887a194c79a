# SPDX-License-Identifier: Apache-2.0
# Programs of one host are who their cgroups say: nobody speaks as, or is spoken to as, its neighbour.
. "$(dirname "$0")/../lib/mesh.sh"
here=$(dirname "$0")

[ "$(id -u)" = 0 ] || { say "workload-identity: needs root to make cgroups; skipped"; exit 0; }
CG=/sys/fs/cgroup/unified
[ -d $CG ] || CG=/sys/fs/cgroup
[ -f $CG/cgroup.procs ] || die "no unified cgroup hierarchy at $CG"
MADE_SLICE=
[ -d $CG/system.slice ] || { mkdir $CG/system.slice; MADE_SLICE=1; }
unit() { printf 'meshd-accept-%s-%s.service' $$ "$1"; }
dir() { printf '%s/system.slice/%s' "$CG" "$(unit "$1")"; }
remove_cgroups() {
  local status=$? d
  set +e
  for d in "$(dir alpha)/child" "$(dir alpha)/other" "$(dir alpha)" "$(dir beta)" "$(dir gamma)"; do
    [ ! -d "$d" ] || kill -KILL $(cat "$d/cgroup.procs") 2>/dev/null
    for _ in $(seq 50); do rmdir "$d" 2>/dev/null; [ -d "$d" ] || break; pause 0.05; done
  done
  [ -z "$MADE_SLICE" ] || rmdir $CG/system.slice 2>/dev/null || :
  (exit "$status")
  cleanup
}
trap remove_cgroups EXIT
for u in alpha beta gamma; do mkdir "$(dir $u)"; done
mkdir "$(dir alpha)/child" "$(dir alpha)/other"

# in_group DIRECTORY COMMAND…: becomes it, as a process of that cgroup; for subshells.
in_group() { exec bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$@"; }

cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  echo: { listen: 9001, instances: [{ node: n2, bind: 127.0.1.2, port: 18080 }] }
  guarded: { listen: 9002, instances: [{ node: n2, bind: 127.0.1.2, port: 18082 }] }
  alpha: { listen: 9003, instances: [{ node: n1, bind: 127.0.1.1, port: 18090, unit: $(unit alpha) }] }
  alpha-tcp: { listen: 9004, protocol: tcp, instances: [{ node: n1, bind: 127.0.1.1, port: 18091, cgroup: /system.slice/$(unit alpha)/child }] }
  beta: { instances: [{ node: n1, cgroup: /system.slice/$(unit beta) }] }
  gamma: { instances: [{ node: n1, unit: $(unit gamma) }] }
policy:
  default: deny
  rules:
    - { name: all-to-echo, allow: { from: ["*"], to: echo } }
    - { name: alpha-only, allow: { from: [service/alpha], to: guarded } }
    - { name: n2-to-alpha, allow: { from: [node/n2], to: alpha } }
    - { name: n2-to-alpha-tcp, allow: { from: [node/n2], to: alpha-tcp } }
telemetry: { access_log: { output: $WORK/access.log, only: "status >= 0" } }
YAML
start echo python3 "$here/identity_peer.py" echo 127.0.1.2 18080 "$WORK/echo.txt"
start guarded python3 "$here/identity_peer.py" echo 127.0.1.2 18082 "$WORK/guarded.txt"
wait_until 10 "the called services" port_open 127.0.1.2 18080
wait_until 10 "the called services" port_open 127.0.1.2 18082
mesh_up 2

ask() { curl -s --max-time 5 "$@"; }
code() { ask -o /dev/null -w '%{http_code}' "$@"; }
id_of() { json 'd["x-meshd-client-id"].removeprefix("spiffe://accept.mesh/ns/")'; }
answers() { [ "$(code "$1")" = 200 ]; }
wait_until 15 "an answer through the mesh" answers http://127.0.1.1:9001/
metric() { ask http://127.0.1.1:15020/metrics | awk -v m="$1" 'index($0, m) == 1 {n += $2} END {print n + 0}'; }

# ---- outbound: each as itself
for u in alpha beta gamma; do
  got=$(in_group "$(dir $u)" curl -s --max-time 5 http://127.0.1.1:9001/ | id_of)
  verdict identity-$u "$got" default/sa/$u test "$got" = default/sa/$u
done
got=$(in_group "$(dir alpha)/other" curl -s --max-time 5 http://127.0.1.1:9001/ | id_of)
verdict identity-nested "$got" default/sa/alpha test "$got" = default/sa/alpha
got=$(in_group "$(dir alpha)/child" curl -s --max-time 5 http://127.0.1.1:9001/ | id_of)
verdict identity-narrowest "$got" default/sa/alpha-tcp test "$got" = default/sa/alpha-tcp
got=$(ask http://127.0.1.1:9001/ | id_of)
verdict identity-fourth "$got" meshd-system/sa/node.n1 test "$got" = meshd-system/sa/node.n1

# ---- units that are restarted: a new cgroup each time, and its first connection
right=0 wrong=0
for _ in $(seq 20); do
  rmdir "$(dir gamma)" && mkdir "$(dir gamma)"
  got=$(in_group "$(dir gamma)" curl -s --max-time 5 http://127.0.1.1:9001/ | id_of)
  if [ "$got" = default/sa/gamma ]; then right=$((right + 1)); else wrong=$((wrong + 1)); fi
done
verdict identity-restarted "$right of 20 first connections of a new cgroup are right" 20 test "$right$wrong" = 200

# ---- a neighbour at another's explicit upstream port
alpha=$(in_group "$(dir alpha)" curl -s -o /dev/null --max-time 5 -w '%{http_code}' http://127.0.1.1:9002/)
beta=$(in_group "$(dir beta)" curl -s -o /dev/null --max-time 5 -w '%{http_code}' http://127.0.1.1:9002/)
verdict neighbour-port "alpha $alpha, beta $beta at alpha's upstream" "200, 403" test "$alpha $beta" = "200 403"
verdict neighbour-source "$(wc -l <"$WORK/guarded.txt") requests reached it" 1 test "$(wc -l <"$WORK/guarded.txt")" = 1

# ---- gone before it was accepted: nobody but the node
: >"$WORK/echo.txt"
kill -STOP "$PID_n1"
(in_group "$(dir alpha)" python3 "$here/identity_peer.py" gone 127.0.1.1 9001 /gone 20)
kill -CONT "$PID_n1"
counted() { [ "$(metric 'meshd_local_connections_total{identified_by="gone"}')" -ge 20 ]; }
wait_until 10 "connections whose client had gone to be counted" counted
verdict gone-counted "$(metric 'meshd_local_connections_total{identified_by="gone"}')" 20 counted
ask http://127.0.1.1:9001/ >/dev/null
verdict gone-as-alpha "$(grep -c '/gone.*sa/alpha' "$WORK/echo.txt" || :) requests" 0 bash -c "! grep -q '/gone.*sa/alpha' '$WORK/echo.txt'"

# ---- inbound: a process that has another unit's port
start squatter in_group "$(dir beta)" python3 "$here/identity_peer.py" sink 127.0.1.1 18090 "$WORK/sink.txt"
start squatter2 in_group "$(dir beta)" python3 "$here/identity_peer.py" sink 127.0.1.1 18091 "$WORK/sink.txt"
wait_until 10 "the squatter" port_open 127.0.1.1 18090
wait_until 10 "the squatter" port_open 127.0.1.1 18091
codes=$(for _ in $(seq 10); do code http://127.0.1.2:9003/secret; echo; done | sort | uniq -c | xargs)
verdict squatter-status "$codes" "10 503" test "$codes" = "10 503"
field=$(ask -i http://127.0.1.2:9003/secret | tr -d '\r' | sed -n 's/^[Xx]-[Mm]eshd-[Ee]rror: //p')
verdict squatter-reason "$field" "identity; …" grep -q '^identity' <<<"$field"
for _ in $(seq 10); do printf 'secret' | timeout 3 nc -q1 127.0.1.2 9004 >/dev/null 2>&1 || :; done
code=0
"$MESHD" check --state "$(state 1)" -o json >"$WORK/check.json" || code=$?
ids=$(json '" ".join(sorted({c["id"] + "/" + c["subject"] for c in d["items"] if c["state"] == "finding"}))' <"$WORK/check.json")
verdict squatter-check "exit $code: $ids" "6: identity.port of both" test "$code $ids" = "6 identity.port/alpha identity.port/alpha-tcp"
stop "$PID_squatter"
stop "$PID_squatter2"
bytes=$(awk '{n += $1} END {print n + 0}' "$WORK/sink.txt")
verdict squatter-bytes "$bytes bytes in $(wc -l <"$WORK/sink.txt") connections" 0 test "$bytes" = 0
verdict squatter-counted "$(metric meshd_port_refused_total)" "20 at least" at_least "$(metric meshd_port_refused_total)" 20
verdict squatter-logged "$(grep -c "another program has a workload's port" "$WORK/n1.log") lines" "1 at least" \
  grep -q "another program has a workload's port" "$WORK/n1.log"

# The declared unit itself, from a cgroup below its own.
start alpha in_group "$(dir alpha)/other" python3 "$here/identity_peer.py" echo 127.0.1.1 18090 "$WORK/alpha.txt"
wait_until 10 "alpha" port_open 127.0.1.1 18090
wait_until 10 "alpha is delivered to" answers http://127.0.1.2:9003/
verdict owner-served "$(code http://127.0.1.2:9003/)" 200 answers http://127.0.1.2:9003/
# And it is not the connection kept to it that a squatter gets.
stop "$PID_alpha" KILL
start squatter in_group "$(dir gamma)" python3 "$here/identity_peer.py" sink 127.0.1.1 18090 "$WORK/sink2.txt"
wait_until 10 "the squatter" port_open 127.0.1.1 18090
verdict squatter-after "$(code http://127.0.1.2:9003/)" 503 test "$(code http://127.0.1.2:9003/)" = 503
stop "$PID_squatter"
bytes=$(awk '{n += $1} END {print n + 0}' "$WORK/sink2.txt")
verdict squatter-after-bytes "$bytes bytes" 0 test "$bytes" = 0

# ---- from outside
before=$(wc -l <"$WORK/echo.txt")
tries=$(python3 "$here/identity_peer.py" plain 127.0.1.2 15008 10000)
after=$(wc -l <"$WORK/echo.txt")
verdict plaintext "$tries (connections, bytes of answers), $((after - before)) requests delivered" "10000, 0 delivered" \
  test "$tries $((after - before))" = "10000 0 0"
forged=$(ask http://127.0.1.1:9001/ -H 'x-meshd-client-id: spiffe://accept.mesh/ns/default/sa/alpha' -H 'x-meshd-forged: forged' \
  -H 'X-Forwarded-Client-Cert: By=forged;URI=spiffe://forged' -H 'l5d-client-id: forged' -H 'l5d-dst-override: forged' \
  -H 'x-kept: yes')
left=$(json '[k for k, v in d.items() if "forged" in v or k.startswith(("l5d-", "x-forwarded-client")) or v.endswith("sa/alpha")]' <<<"$forged")
verdict forged-fields "$left reached the application" "[]" test "$left $(json 'd["x-kept"]' <<<"$forged")" = "[] yes"

# ---- what is shown
"$MESHD" status --state "$(state 1)" -o json >"$WORK/status.json"
shown=$(json '" ".join(sorted(w["service"] + "=" + w["identified_by"] for w in d["workloads"]))' <"$WORK/status.json")
verdict status "$shown" "each workload with how it is told" test "$shown" = "alpha-tcp=cgroup alpha=unit beta=cgroup gamma=unit"
cost=$(json '[c["what"] for c in d["items"] if c["id"] == "identity.cost"][0].split(" ")[0]' <"$WORK/check.json")
verdict cost "$cost µs to tell who makes a new connection" "at most 20" at_most "$cost" 20
exit $SHORT
