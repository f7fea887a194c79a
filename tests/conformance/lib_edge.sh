# SPDX-License-Identifier: Apache-2.0
# lib_edge.sh: a mesh of two nodes with LANES services: port 9100+i on n1 reaches 127.0.1.2:18100+i behind n2.
# MORE: more lines of the mesh's file.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/mesh.sh"

LANES=${LANES:-16}

edge_up() {  # edge_up [RUN ARGUMENTS…]
  local i
  {
    printf 'version: 1\nmesh: { name: edge, trust_domain: edge.mesh }\nservices:\n'
    for i in $(seq 0 $((LANES - 1))); do
      printf '  lane%d: { listen: %d, instances: [{ node: n2, bind: 127.0.1.2, port: %d }] }\n' "$i" $((9100 + i)) $((18100 + i))
    done
    cat <<'YAML'
  shop: { instances: [{ node: n1, any_local: true }] }
policy:
  default: deny
  rules:
    - { name: no-admin, deny: { paths: [/admin, /admin/**] } }
    - { name: shop-to-all, allow: { from: [service/shop] } }
telemetry: { access_log: { output: none } }
YAML
    printf '%s\n' "${MORE:-}"
  } >"$WORK/mesh.yaml"
  mesh_up 2 "$@"
}

# edge WAY…: the vectors, in these ways.
edge() { python3 "$(dirname "${BASH_SOURCE[0]}")/h1_edge.py" 127.0.1.1:9100 127.0.1.2:18100 "$LANES" "$@"; }
