# SPDX-License-Identifier: Apache-2.0
# HTTP/2 from end to end, through two nodes: resets and GOAWAY reach the other end with the fitting code, trailers and
# interim answers pass, a server that goes away loses no request.
. "$(dirname "$0")/../lib/mesh.sh"
cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web: { listen: 9001, protocol: http2, instances: [{ node: n2, bind: 127.0.1.2, port: 18080 }] }
  shop: { instances: [{ node: n1, any_local: true }] }
policy:
  default: deny
  rules:
    - { name: shop-to-web, allow: { from: [service/shop], to: web } }
YAML
mesh_up 2
found=$(python3 "$ROOT/tests/conformance/h2_ends.py" 127.0.1.1:9001 127.0.1.2:18080) || :
of() { sed -n "s/^$1 //p" <<<"$found"; }
verdict h2-resets-cancel "CANCEL at the server as $(of cancel-code) after $(of cancel-ms) ms" "CANCEL, at most 50" \
  bash -c "[ '$(of cancel-code)' = CANCEL ] && python3 -c 'import sys; sys.exit(not $(of cancel-ms) <= 50)'"
verdict h2-resets-late "the server's reset within an answer reaches the client as $(of late)" INTERNAL_ERROR test "$(of late)" = INTERNAL_ERROR
verdict h2-resets-early "its reset before an answer: $(of early)" "502 reset" test "$(of early)" = "502 reset"
verdict h2-resets-refused "REFUSED_STREAM once, then 200: $(of refused)" "200 after 2" test "$(of refused)" = "200 after 2"
verdict h2-resets-no-error "an answer in full with RST_STREAM(NO_ERROR) behind it: $(of no-error)" "200 whole" test "$(of no-error)" = "200 whole"
verdict h2-resets-goaway "the server says GOAWAY under load: $(of goaway)" "200 of 200" test "$(of goaway)" = "200 of 200"
verdict h2-resets-whole "heads, trailers, 1xx, cookies and content as sent: $(of whole)" "yes" test "$(of whole)" = yes
verdict h2-resets-slow "a client that takes nothing: the server could send $(of slow) KiB" "at most 8192" at_most "$(of slow)" 8192
exit $SHORT
