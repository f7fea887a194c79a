# SPDX-License-Identifier: Apache-2.0
# Sourced by the points: a mesh of COUNT nodes with nginx behind n2, called by `shop` on n1 through port 9001.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/mesh.sh"

one_web_file() {
  cat >"$WORK/mesh.yaml" <<YAML
version: 1
mesh: { name: accept, trust_domain: accept.mesh }
services:
  web:
    listen: 9001
    instances: [{ node: n2, bind: 127.0.1.2, port: 18080 }]
  shop: { instances: [{ node: n1, any_local: true }] }
policy:
  default: deny
  rules:
    - { name: shop-to-web, allow: { from: [service/shop], to: web } }
YAML
}

answers() { [ "$(curl -s -o /dev/null --max-time 2 -w '%{http_code}' "$1")" = 200 ]; }

one_web() {  # one_web [RUN ARGUMENTS…]
  one_web_file
  nginx_at web 127.0.1.2 18080
  head -c 1024 /dev/zero | tr '\0' x >"$WORK/nginx-web/html/1k"
  mesh_up 2 "$@"
  wait_until 10 "an answer through the mesh" answers http://127.0.1.1:9001/1k
}

# h2load_field NAME: that count in an h2load report on stdin.
h2load_field() { sed -n "s/^requests: .* \([0-9]*\) $1.*/\1/p" | head -1; }

# h2load_bad: requests of an h2load report that failed in any way, or had another status than 2xx.
h2load_bad() {
  awk '/^requests:/ {for (i = 2; i < NF; ++i) if ($(i + 1) ~ /^(failed|errored|timeout),?$/) n += $i}
       /^status codes:/ {n += $5 + $7 + $9} END {print n + 0}'
}
