#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# grpc.sh: real gRPC through two nodes: unary calls, streams of each kind, deadlines, cancellation, and what a caller
# hears from meshd itself.
. "$(dirname "$0")/mesh-web.inc.sh"
PEER="$(cd "$(dirname "$0")" && pwd)/grpc_peer.py"
peer() { timeout 600 /usr/bin/python3 "$PEER" "$@"; }

cat >"$WORK/mesh.yaml" <<'YAML'
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  api: { protocol: grpc, listen: 9001, instances: [{ node: n2, bind: 127.0.1.2, port: 19000 }] }
  gone: { protocol: grpc, listen: 9002, instances: [{ node: n2, bind: 127.0.1.2, port: 19009 }] }
  slow: { protocol: grpc, listen: 9003, instances: [{ node: n2, bind: 127.0.1.2, port: 19001 }] }
  plain: { protocol: http, listen: 9004, instances: [{ node: n2, bind: 127.0.1.2, port: 19002 }] }
  shop: { instances: [{ node: n1, any_local: true }] }
routes:
  - { name: slow, service: slow, timeout: { request: 200ms } }
policy:
  default: deny
  rules:
    - { name: no-admin, deny: { to: api, paths: [/t.T/Admin] } }
    - { name: shop-to-all, allow: { from: [service/shop], to: [api, gone, slow, plain] } }
YAML
start server /usr/bin/python3 "$PEER" serve 127.0.1.2:19000,127.0.1.2:19002
start silent nc -lk 127.0.1.2 19001 # takes connections and never speaks
wait_until 20 "the gRPC server" port_open 127.0.1.2 19000
mesh_up 2
reached() { [ "$(peer status 127.0.1.1:9001 /t.T/Unary 2>/dev/null)" = 0 ]; }
wait_until 20 "a call through the mesh" reached

# Two callers at once, to keep both nodes busy.
peer unary 127.0.1.1:9001 50000 >"$WORK/unary1" &
wrong=$(peer unary 127.0.1.1:9001 50000)
wait $!
wrong=$((wrong + $(cat "$WORK/unary1")))
verdict grpc-unary "$wrong wrong of 100000 calls" 0 [ "$wrong" = 0 ]
wrong=$(peer streams 127.0.1.1:9001 1000)
verdict grpc-streams "$wrong wrong of 1000 streams of each kind" 0 [ "$wrong" = 0 ]
read -r deadline cancel wrong < <(peer ends 127.0.1.1:9001 200)
verdict grpc-deadline "at the server at most $deadline ms late" "<= 50" at_most "$deadline" 50
verdict grpc-cancel "at the server after at most $cancel ms" "<= 50" at_most "$cancel" 50
verdict grpc-ends "$wrong of 200 with another status" 0 [ "$wrong" = 0 ]

# ---- answers of meshd itself, as gRPC clients know them
is_status() { # NAME PORT PATH CODE
  local got
  got=$(peer status "127.0.1.1:$2" "$3" 2>"$WORK/details")
  verdict "grpc-$1" "status $got ($(cat "$WORK/details"))" "$4" [ "$got" = "$4" ]
}
is_status denied 9001 /t.T/Admin 7
is_status unavailable 9002 /t.T/Unary 14
is_status timeout 9003 /t.T/Unary 4
is_status application 9001 /t.T/NoSuchMethod 12
is_status over-http-service 9004 /t.T/Unary 0
exit $SHORT
