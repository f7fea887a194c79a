#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# canary.sh: a new version that breaks at 30 % of the load is taken back by the server: within a step, to the file as it
# was byte for byte; also when the terminal is gone, and when the server is killed in the middle.
. "$(dirname "$0")/mesh-web.inc.sh"
cat >"$WORK/mesh.yaml" <<'YAML'
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web:
    listen: 9001
    instances:
      - { node: n2, bind: 127.0.1.2, port: 18081, tags: { version: v1 } }
      - { node: n3, bind: 127.0.1.3, port: 18082, tags: { version: v2 } }   # the new one
  good:
    listen: 9002
    instances:
      - { node: n2, bind: 127.0.1.2, port: 18083, tags: { version: v1 } }
      - { node: n3, bind: 127.0.1.3, port: 18084, tags: { version: v2 } }
  shop: { instances: [{ node: n2, any_local: true }] }   # calls on n2: the server may go
routes:
  - name: web
    service: web
    retries: { max: 0 }
    to:
      - { tags: { version: v1 }, weight: 100 }   # stays
      # the canary:
      - tags: { version: v2 }
        weight: 0
  - { name: good, service: good }   # no list: all instances
policy:
  default: deny
  rules: [{ name: shop, allow: { from: [service/shop], to: [web, good] } }]
YAML
nginx_at v1 127.0.1.2 18081
# The new version answers 500 as soon as it is told to: when it has 30 %.
nginx_at v2 127.0.1.3 18082 "if (-f $WORK/broken) { return 500; }"
nginx_at g1 127.0.1.2 18083
nginx_at g2 127.0.1.3 18084
for d in v1 v2 g1 g2; do echo "$d" >"$WORK/nginx-$d/html/index.html"; done
mesh_up 3
wait_until 10 "an answer" answers http://127.0.1.2:9001/
cp "$WORK/mesh.yaml" "$WORK/before.yaml"

canary() { "$MESHD" canary "$@" --state "$(state 1)"; }
status_of() { canary status "$1" -o json | json "$2"; }
revision() { "$MESHD" config history --state "$(state 1)" -o name | head -n 1; }
old_weights() {  # on the calling node itself
  "$MESHD" get routes --state "$(state 2)" -o json | json '[[a["weight"] for a in r["to"]] for r in d["items"] if r["name"]=="web"][0]'
}
# 100 requests a second, as long as this script lives.
load() { start "load$1" h2load --h1 -c 10 --rps 10 -D 200 "http://127.0.1.2:$1/"; }
load 9001
load 9002
RUN=(run web --to v2 --step 10% --every 3s --guard 'success>=95% p99<=2s' --min-requests 20)
breaks_at_30() {
  rm -f "$WORK/broken"
  (until grep -qx '        weight: 30' "$WORK/mesh.yaml"; do pause 0.02; done && touch "$WORK/broken") &
  BREAKER=$!
  PIDS+=("$BREAKER")
}
ended() { [ "$(status_of web 'd["state"]')" != running ]; }
at() { [ "$(status_of web 'd["percent"]')" = "$1" ]; }

# check NAME: the run that has just ended
check() {
  local at took
  at=$(status_of web 'd["state"], d["events"][-2]["percent"]')
  verdict "canary-$1-end" "$at" "aborted at 30" [ "$at" = "('aborted', 30)" ]
  took=$(status_of web 'd["events"][-1]["time"] - d["events"][-2]["time"]')
  verdict "canary-$1-step" "$took s from the step to its end" "<= 5: one step of 3 s, and what settles" at_most "$took" 5
  verdict "canary-$1-file" "$(cmp "$WORK/before.yaml" "$WORK/mesh.yaml" 2>&1 && echo identical)" "identical to before" cmp -s "$WORK/before.yaml" "$WORK/mesh.yaml"
  wait_until 5 "the calling node to have the old weights" test "$(old_weights)" = "[100, 0]"
  verdict "canary-$1-weights" "$(old_weights)" "[100, 0] on the calling node" [ "$(old_weights)" = "[100, 0]" ]
}

# ---- watched to its end
first=$(revision)
code=0
breaks_at_30
canary "${RUN[@]}" -o jsonl >"$WORK/run.out" 2>"$WORK/run.err" || code=$?
verdict canary-exit "exit $code" "1: aborted" [ "$code" = 1 ]
[ "$(tail -n 1 "$WORK/run.out" | json 'd["what"]')" = aborted ] || die "$(cat "$WORK/run.out" "$WORK/run.err")"
say "$(tail -n 1 "$WORK/run.out")"
check watched
steps=$(($(revision) - first))
verdict canary-history "$steps new revisions" "4: 10 %, 20 %, 30 %, and back" [ "$steps" = 4 ]
"$MESHD" config history --state "$(state 1)" -o json | json 'd["revisions"][0]["message"]' | grep 'aborted, success>=95%' >/dev/null || die "no reason in the history"

# ---- the terminal is gone
breaks_at_30
start terminal "$MESHD" canary "${RUN[@]}" --state "$(state 1)"
wait_until 10 "the first step" at 10
stop "$PID_terminal" KILL
wait_until 60 "the run to end alone" ended
check terminal-killed

# ---- Ctrl-C leaves it, and says so
breaks_at_30
start terminal setsid -w bash -c 'trap - INT; exec "$@"' - "$MESHD" canary "${RUN[@]}" --state "$(state 1)"
wait_until 10 "the first step" at 10
pkill_child() { python3 -c 'import os,sys,signal; [os.kill(int(p), signal.SIGINT) for p in open(f"/proc/{sys.argv[1]}/task/{sys.argv[1]}/children").read().split() or [sys.argv[1]]]' "$1"; }
pkill_child "$PID_terminal"
code=0
wait "$PID_terminal" || code=$?
verdict canary-ctrl-c "exit $code; $(grep -c 'goes on on the server' "$WORK/terminal.log") line; $(status_of web 'd["state"]')" "130, said, running" \
  [ "$code" = 130 -a "$(grep -c 'goes on on the server' "$WORK/terminal.log")" = 1 -a "$(status_of web 'd["state"]')" = running ]
# ---- and the server is killed in the middle of it
wait_until 20 "the second step" at 20
stop "$PID_n1" KILL
run_node 1
wait_until 60 "the run to go on and end" ended
check server-killed

# ---- a good one goes all the way
code=0
canary run good --to v2 --step 25% --every 1s --guard 'success>=99%' --min-requests 10 >"$WORK/good.out" 2>&1 || code=$?
verdict canary-promoted "exit $code, $(canary status good -o json | json '[a["percent"] for a in d["arms"]]')" "0, everything to v2" \
  [ "$code" = 0 -a "$(canary status good -o json | json '[a["percent"] for a in d["arms"]]')" = "[0, 100]" ]

# ---- somebody edits the route meanwhile: the edit stays
canary run web --to v2 --step 10% --every 60s --detach 2>/dev/null
sed 's/weight: 90 /weight: 70 /; s/weight: 10$/weight: 30/' "$WORK/mesh.yaml" >"$WORK/edited.yaml"
cp "$WORK/edited.yaml" "$WORK/mesh.yaml"
wait_until 10 "the run to stop" ended
verdict canary-edited "$(status_of web 'd["state"]'), file $(cmp "$WORK/edited.yaml" "$WORK/mesh.yaml" >/dev/null && echo as edited)" "stopped, the edit stays" \
  [ "$(status_of web 'd["state"]')" = stopped -a "$(cmp "$WORK/edited.yaml" "$WORK/mesh.yaml" && echo same)" = same ]

# ---- by hand
cp "$WORK/mesh.yaml" "$WORK/before.yaml"
canary set web v2=5% >/dev/null 2>&1
set_=$(diff "$WORK/before.yaml" "$WORK/mesh.yaml" | grep -c '^>' || :)
canary abort web >/dev/null 2>&1
verdict canary-by-hand "$set_ lines changed, then $(cmp -s "$WORK/before.yaml" "$WORK/mesh.yaml" && echo identical)" "2 lines, then identical" \
  [ "$set_" = 2 -a "$(cmp -s "$WORK/before.yaml" "$WORK/mesh.yaml" && echo identical)" = identical ]
exit $SHORT
