# SPDX-License-Identifier: Apache-2.0
# Every HTTP/1 vector, request and response, through a real mesh: whole, byte by byte, and cut at each position.
. "$(dirname "$0")/../conformance/lib_edge.sh"
edge_up
figure=$(edge whole bytes cuts | tee /dev/stderr | tail -1) || :
verdict vectors "${figure:-no result}" "all as expected" test "${figure%% of*}" = "$(sed -E 's/.* of ([0-9]+) vectors.*/\1/' <<<"$figure")"
exit $SHORT
