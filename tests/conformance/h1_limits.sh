# SPDX-License-Identifier: Apache-2.0
# The lengths and counts of HTTP/1 heads and content, at their limits and one beyond, from outside.
LANES=1
. "$(dirname "$0")/lib_edge.sh"
edge_up --threads 1
limits() { python3 "$(dirname "$0")/h1_limits.py" 127.0.1.1:9100 127.0.1.2:18100 http://127.0.1.1:15020/metrics 127.0.1.1:15080 "$1"; }
limits "${1:-sizes}"
