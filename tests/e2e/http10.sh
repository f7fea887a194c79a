# SPDX-License-Identifier: Apache-2.0
# An HTTP/1.0 client that sends no Host is served through the mesh: its port says where it goes.
. "$(dirname "$0")/../lib/mesh.sh"
cat >"$WORK/mesh.yaml" <<'YAML'
version: 1
mesh: { name: old, trust_domain: old.mesh }
services:
  web: { listen: 9001, instances: [{ node: n2, bind: 127.0.1.2, port: 18080 }] }
policy: { default: allow }
YAML
web one 127.0.1.2 18080
mesh_up 2

# asked: the answer to a head of one line; the server ends the connection.
asked() {
  exec 3<>/dev/tcp/127.0.1.1/9001
  printf 'GET / HTTP/1.0\r\n\r\n' >&3
  timeout 5 cat <&3
  exec 3>&-
}
served() { asked | grep -q 'hello from web one'; }
wait_until 10 "an answer to HTTP/1.0 without Host" served
