# SPDX-License-Identifier: Apache-2.0
# RFC 9113 and RFC 7541, case by case, on every HTTP/2 listener: the explicit one, and the mesh port with a certificate.
. "$(dirname "$0")/lib_edge.sh"
LANES=1
edge_up
id=$(state 1)/identities
python3 "$(dirname "$0")/h2_cases.py" 127.0.1.1:9100 127.0.1.2:15008 lane0:18100 "$id/node.crt" "$id/node.key" 127.0.1.2:18100
