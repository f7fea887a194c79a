#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# explain-agrees.sh: what `explain` says is what the proxy does, and what a plain reading of the file says.
#
# Random files are applied to a mesh of three nodes, and random requests of three callers go through it (explain_agrees.py): which
# route, which arm, which rule, at which place of the file, and what came back. PAIRS and SEED choose how many and which.
# Beside it decide(), the function behind both, against a reference of its own on a million pairs, in one process.
. "$(dirname "$0")/../lib/mesh.sh"
PAIRS=${PAIRS:-120000} SEED=${SEED:-$(date +%s)}

{ printf 'version: 1\nmesh: { name: accept, trust_domain: accept.mesh }\nservices:\n'
  printf '  shop: { instances: [{ node: n1, any_local: true }] }\n'; } >"$WORK/mesh.yaml"
for at in 2:18001 3:18002 3:18003 1:18004 2:18005 3:18006 2:18007 3:18008 1:18010; do
  listens="${listens-}listen 127.0.1.${at%:*}:${at#*:} backlog=4096; "
done
nginx_at programs 127.0.0.1 18000 "$listens location / { return 200 \$server_addr:\$server_port; }"
mesh_up 3 --threads 1
python3 "$(dirname "$0")/explain_agrees.py" "$WORK" "$MESHD" "$PAIRS" "$SEED" >"$WORK/counts.json"
count() { json "d.get('$1', 0)" <"$WORK/counts.json"; }
kinds=$(json '", ".join("%d %s" % (n, k) for k, n in sorted(d["kinds"].items(), key=lambda i: -i[1]))' <"$WORK/counts.json")
verdict explain-proxy "$(count proxy_explain) differences between explain and the proxy in $(count pairs) requests under $(count files) files in $(count seconds) s ($kinds; seed $SEED)" \
  "0 in $PAIRS" test "$(count proxy_explain)" = 0 -a "$(count pairs)" -ge "$PAIRS"
verdict explain-reference "$(count explain_reference) differences between explain and the reference in the same" 0 \
  test "$(count explain_reference)" = 0
verdict explain-control "$(count control) of $(count control_pairs) differ where explain is asked by the next file" "> 20 %" \
  test $(($(count control) * 5)) -gt "$(count control_pairs)" -a "$(count control_pairs)" -gt 0

build=$(dirname "$MESHD")
cmake --build "$build" --target test_snapshot >"$WORK/build.log" 2>&1 || die "building test_snapshot"
case='decide agrees with a plain reference on a million random pairs'
if "$build/test_snapshot" "$case" >"$WORK/million.log" 2>&1; then differences=0; else differences=$(tail -n 3 "$WORK/million.log" | paste -sd' '); fi
verdict decide-reference "$differences differences between decide and its reference in 1000000 pairs" 0 [ "$differences" = 0 ]
exit $SHORT
