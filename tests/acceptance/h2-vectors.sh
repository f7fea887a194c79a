# SPDX-License-Identifier: Apache-2.0
# Every HTTP/2 vector against a real explicit listener: whole, byte by byte, and cut once at each position.
. "$(dirname "$0")/../conformance/lib_edge.sh"
LANES=6
edge_up
found=$(python3 "$(dirname "$0")/../conformance/h2_vectors.py" vectors 127.0.1.1:9100 127.0.1.2:18100 $LANES whole bytes cuts || :)
grep FAILED <<<"$found" >&2 || :
verdict h2-vectors "$(tail -n 1 <<<"$found")" "all" grep -q '^66 of 66 vectors' <<<"$found"
exit $SHORT
